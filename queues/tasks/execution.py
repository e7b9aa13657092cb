"""One task in a handler's hands."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import msgspec
from django.db import connections

from queues.broker import clock, names
from queues.broker.errors import Unavailable
from queues.tasks import work
from queues.tasks.errors import LeaseLost, TaskCancelled, TaskNotFound
from queues.tasks.registry import Handler, RetryIn, SkipRetry, TaskEnded
from queues.tasks.types import ClaimedTask, Completion, Report, TaskState

log = logging.getLogger("okmq.tasks")

NOT_OURS = (LeaseLost, TaskCancelled, TaskNotFound)
ASK_AGAIN_SECONDS = 1.0
"""So often does ``cancelled`` ask the database."""

MAX_RESULT_BYTES = 1_048_576
MAX_ERROR_LENGTH = 10_000
TELL_AGAIN_SECONDS = 0.5


class Execution:
    """A claimed task and its handler. It is the handler's ``TaskContext``. ``slots``: as many handlers run at
    once; what became of a task is told without one, so that the next handler runs meanwhile."""

    def __init__(
        self, account_id: int, claimed: ClaimedTask, handler: Handler, slots: threading.Semaphore
    ) -> None:
        self.account_id = account_id
        self.claimed = claimed
        self.handler = handler
        self.task_id = claimed.task_id
        self.queue = claimed.queue
        self.attempt = claimed.retried + 1
        self.deadline = claimed.deadline / clock.SECOND
        self.lease_until = claimed.lease_until
        self.percentage = 0
        self.began: float | None = None
        self.took: float | None = None
        """Seconds the handler ran."""
        self._slots = slots
        self._slot_lock = threading.Lock()
        self._has_slot = False
        self._given: Any = None
        self._ended = threading.Event()
        self._asked = time.monotonic()

    # ------------------------------------------------------------ what the handler sees

    @cached_property
    def metadata(self) -> Mapping[str, str]:
        found: dict[str, str] = msgspec.json.decode(self.claimed.metadata)
        return found

    def progress(
        self,
        percentage: int,
        stage: str = "processing",
        message: str = "",
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        if isinstance(percentage, bool) or not isinstance(percentage, int) or not 0 <= percentage <= 100:
            raise ValueError(f"percentage must be a whole number from 0 to 100, not {percentage!r}")
        if not names.storable(stage) or not names.storable(message):
            raise ValueError("stage and message must contain neither NUL nor lone surrogates")
        given = None if not metadata else msgspec.json.encode(dict(metadata)).decode()
        if self._ended.is_set():
            raise TaskEnded(self.task_id)
        try:
            progress = Report(percentage, stage, message, given)
            self.lease_until = work.report(self.account_id, self.task_id, self.claimed.token, progress)
        except NOT_OURS as error:
            self.end()
            raise TaskEnded(self.task_id) from error
        self.percentage = percentage
        self._asked = time.monotonic()

    @property
    def cancelled(self) -> bool:
        if not self._ended.is_set() and time.monotonic() - self._asked > ASK_AGAIN_SECONDS:
            self.keep_lease()
        return self._ended.is_set()

    def wait(self, seconds: float) -> bool:
        return self._ended.wait(min(seconds, max(self.deadline - clock.now() / clock.SECOND, 0)))

    # ------------------------------------------------------------ what the worker does

    def end(self) -> None:
        """Whatever comes of the handler counts no more."""
        self._ended.set()

    @property
    def over(self) -> bool:
        """Whether the attempt's time is up."""
        return clock.now() >= self.claimed.deadline

    def keep_lease(self) -> None:
        """Renew the lease; ends the execution if there is none any more."""
        try:
            self.lease_until = work.heartbeat(self.account_id, self.task_id, self.claimed.token)
        except NOT_OURS:
            self.end()
        except Unavailable as error:
            log.warning("the lease of task %s is not renewed: %s", self.task_id, error)
        self._asked = time.monotonic()

    def give_back(self) -> None:
        """Let another worker have it at once."""
        self.end()
        try:
            work.release(self.account_id, self.task_id, self.claimed.token)
        except (*NOT_OURS, Unavailable) as error:
            log.info("task %s is not given back: %s", self.task_id, type(error).__name__)

    def run(self) -> None:
        """Wait for a slot, call the handler, and tell how it went. Never raises."""
        if not self._begin():
            return
        try:
            completion = self._called()
        except TaskEnded:
            pass
        except BaseException as error:
            self._failed(error)
        else:
            self._tell(completion)

    def _begin(self) -> bool:
        self._slots.acquire()
        with self._slot_lock:
            self._has_slot = True
            if not self._ended.is_set() and not self.over:
                self.began = time.monotonic()
        if self.began is None:
            self.leave_slot()
        return self.began is not None

    def leave_slot(self) -> bool:
        """Let another handler run; whether this one had a slot."""
        with self._slot_lock:
            had, self._has_slot = self._has_slot, False
        if had:
            self._slots.release()
        return had

    def withdraw(self) -> bool:
        """Never begin; False if it has begun."""
        with self._slot_lock:
            if self.began is None:
                self.end()
            return self.began is None

    def _called(self) -> Completion:
        try:
            self._given = self.handler.read(msgspec.json.decode(self.claimed.payload))
            return self._completion(self.handler.function(self._given, self))
        finally:
            # What the handler asked the database in this thread is its own affair, and over.
            connections.close_all()
            self.took = time.monotonic() - (self.began or 0)
            self.leave_slot()

    def _completion(self, result: Any) -> Completion:
        if result is None:
            return Completion()
        text = msgspec.json.encode(result)
        if len(text) > MAX_RESULT_BYTES:
            raise SkipRetry(f"the result has {len(text)} bytes; {MAX_RESULT_BYTES} are allowed")
        return Completion(result=text.decode())

    def _failed(self, error: BaseException) -> None:
        if self._ended.is_set():
            return
        text = described(error)
        retry_seconds = error.seconds if isinstance(error, RetryIn) else None
        if isinstance(error, SkipRetry | RetryIn):
            text = names.cleaned(str(error))[:MAX_ERROR_LENGTH] or text
            log.info("task %s (%s): %s", self.task_id, self.handler.type, text)
        else:
            log.warning("task %s (%s) failed: %s", self.task_id, self.handler.type, text, exc_info=error)
        retry = not isinstance(error, SkipRetry)
        self._tell(text, retry=retry, retry_seconds=retry_seconds)

    def _tell(self, said: Completion | str, **about: Any) -> None:
        """Say how it went, again and again while the database is away and the lease is ours."""
        while not self._ended.is_set():
            try:
                state = self._say(said, **about)
            except NOT_OURS:
                # Late: somebody cancelled it, or the clock decided on it already.
                log.info("what became of task %s is of no interest any more", self.task_id)
                return
            except Unavailable:
                if self._ended.wait(TELL_AGAIN_SECONDS) or clock.now() >= self.lease_until:
                    log.warning("nobody could be told what became of task %s", self.task_id)
                    return
            except Exception:
                log.exception("what became of task %s (%s) cannot be told", self.task_id, self.handler.type)
                return
            else:
                self._after(state)
                return

    def _say(self, said: Completion | str, **about: Any) -> TaskState:
        if isinstance(said, Completion):
            work.complete(self.account_id, self.task_id, self.claimed.token, said)
            return TaskState.COMPLETED
        return work.fail(self.account_id, self.task_id, self.claimed.token, said, **about).state

    def _after(self, state: TaskState) -> None:
        if self.handler.ended is None:
            return
        try:
            self.handler.ended(self._given, self, state)
        except Exception:
            log.exception("after the end of task %s (%s)", self.task_id, self.handler.type)
        finally:
            connections.close_all()


def described(error: BaseException) -> str:
    """As a task's ``last_err`` tells of it."""
    return names.cleaned(f"{type(error).__name__}: {error}".removesuffix(": "))[:MAX_ERROR_LENGTH]
