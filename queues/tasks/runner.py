"""The worker's service that runs handlers.

It claims only types that have a handler here, from all queues of all accounts, and only as many tasks as it
has slots for, or a few times as many while tasks are short: then what became of some is being written, in one
transaction, while others run. With nothing to do it is parked like a receiver.
"""

from __future__ import annotations

import logging
import queue
import random
import threading
import time
from typing import Any

from django.conf import settings

from queues.broker import clock
from queues.broker.errors import BrokerError, QueueNotFound
from queues.broker.housekeeping import own_name
from queues.broker.lanes import LANES
from queues.broker.receive import Look
from queues.broker.types import Micros
from queues.broker.wakes import HUB
from queues.tasks import registry, survey
from queues.tasks.claim import ClaimTasks
from queues.tasks.execution import Execution
from queues.tasks.survey import NEW_QUEUES, Queue
from queues.tasks.types import LEASE_SECONDS, ClaimedTask

log = logging.getLogger("okmq.tasks")

WEIGHTS = {"critical": 10, "high": 5, "default": 3}
"""How often a queue is served first, in proportion; all others 1 (tasks.md section 7)."""

FALLBACK_SECONDS = 5.0
PAUSE_SECONDS = 1.0
"""After the database did not serve."""

SUPERVISE_SECONDS = 0.25
RENEW_BEFORE = clock.micros(LEASE_SECONDS * 2 / 3)
SHORT_SECONDS = 0.05
"""Tasks that take no longer are claimed ahead: up to this many times the slots there are."""
AHEAD = 4

MOST_ABANDONED = 50
"""Threads that hang in a handler beyond its time. Beyond that the worker claims nothing: they will not come
back, and memory is not without end."""


class TaskRunner:
    """A ``queues.worker.service.Service``."""

    name = "tasks"

    def __init__(self) -> None:
        self._run: _Run | None = None

    def run(self, stop: threading.Event) -> None:
        types = registry.types()
        if not types or not settings.OKMQ_TASK_CONCURRENCY:
            stop.wait()
            return
        self._run = _Run(types, settings.OKMQ_TASK_CONCURRENCY)
        try:
            self._run.until(stop)
        finally:
            self._run = None

    def detail(self) -> dict[str, Any]:
        run = self._run
        return {} if run is None else run.detail()


class _Run:
    def __init__(self, types: list[str], slots: int) -> None:
        self._types = types
        self._size = slots
        self._slots = threading.Semaphore(slots)
        self._threads = 0
        self._jobs: queue.SimpleQueue[Execution | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._in_hand: set[Execution] = set()
        self._abandoned: set[Execution] = set()
        self._changed = threading.Event()
        self._known: tuple[int, ...] | None = None
        self._known_at = 0.0
        self._pace = 1.0
        """Seconds a handler takes, the latest ones counting most."""
        self._woken = False
        self._stopping = False

    def detail(self) -> dict[str, Any]:
        found = {"in_flight": len(self._in_hand), "abandoned": len(self._abandoned)}
        return {name: count for name, count in found.items() if count}

    def until(self, stop: threading.Event) -> None:
        threading.Thread(target=self._await_stop, args=(stop,), name="okmq-tasks-stop", daemon=True).start()
        supervisor = threading.Thread(target=self._supervise, name="okmq-tasks-supervisor", daemon=True)
        supervisor.start()
        try:
            while not stop.is_set():
                self._turn(stop)
        finally:
            self._finish()
            self._stopping = True
            supervisor.join()

    def _await_stop(self, stop: threading.Event) -> None:
        stop.wait()
        self._changed.set()
        HUB.wake_everyone(NEW_QUEUES)

    # ------------------------------------------------------------ claiming

    def _turn(self, stop: threading.Event) -> None:
        """Claim what there is room for, or wait until there is something, or room."""
        self._changed.clear()
        free = self._room() - len(self._in_hand)
        if free <= 0:
            self._changed.wait(FALLBACK_SECONDS)
            return
        stamp = HUB.stamp()
        try:
            found = self._look()
            started, next_due = self._claim(found.ready, free)
            if started:
                return
            if self._woken:
                # For nothing in the queues it knows: there may be a new one.
                self._woken, self._known = False, None
                return
        except BrokerError as error:
            log.warning("tasks wait: %s", error)
            stop.wait(PAUSE_SECONDS)
            return
        wanted = dict.fromkeys(found.known, tuple(self._types))
        with HUB.park({**wanted, NEW_QUEUES: ()}, stamp, None) as place:
            if place is None:
                stop.wait(PAUSE_SECONDS)
            elif not stop.is_set():
                self._woken = place.wait(_seconds_until(found.next_due, next_due))

    def _room(self) -> int:
        if len(self._abandoned) >= MOST_ABANDONED:
            return 0
        return self._size * AHEAD if self._pace < SHORT_SECONDS else self._size

    def _look(self) -> survey.Found:
        if time.monotonic() - self._known_at > FALLBACK_SECONDS:
            self._known = None
        if self._known is None:
            self._known_at = time.monotonic()
        found = survey.survey(self._types, self._known)
        self._known = found.known
        return found

    def _claim(self, ready: list[Queue], free: int) -> tuple[int, Micros | None]:
        """Claim up to ``free`` tasks and start them; how many, and when the queues are to be looked at
        again."""
        started = 0
        next_due: Micros | None = None
        for account_id, name in sorted(ready, key=_lot, reverse=True):
            operation = ClaimTasks(
                account_id,
                (name,),
                free - started,
                tuple(self._types),
                lease_seconds=LEASE_SECONDS,
                consumer=own_name(),
            )
            try:
                look: Look = LANES.of("receive").submit(operation)
            except QueueNotFound:
                continue  # deleted a moment ago
            for claimed in operation.claimed:
                self._start(account_id, claimed)
            started += len(operation.claimed)
            next_due = min((at for at in (next_due, *look.next_due.values()) if at is not None), default=None)
            if started >= free:
                break
        return started, next_due

    def _start(self, account_id: int, claimed: ClaimedTask) -> None:
        handler = registry.find(claimed.type)
        assert handler is not None, f"{claimed.type} was claimed, and has no handler"
        execution = Execution(account_id, claimed, handler, self._slots)
        with self._lock:
            self._in_hand.add(execution)
            more = len(self._in_hand) > self._threads
            self._threads += more
        if more:
            self._new_thread()
        self._jobs.put(execution)

    # ------------------------------------------------------------ running

    def _new_thread(self) -> None:
        threading.Thread(target=self._work, name="okmq-task", daemon=True).start()

    def _work(self) -> None:
        while (execution := self._jobs.get()) is not None:
            execution.run()
            with self._lock:
                self._in_hand.discard(execution)
                if execution in self._abandoned:
                    self._abandoned.remove(execution)
                    return  # another thread took its place
                if execution.took is not None:
                    self._pace += 0.2 * (execution.took - self._pace)
            self._changed.set()

    def _supervise(self) -> None:
        """Renew leases, and take their slots from handlers whose time is up."""
        while not self._stopping:
            time.sleep(SUPERVISE_SECONDS)
            for execution in list(self._in_hand):
                if execution.over:
                    self._abandon(execution)
                elif execution.lease_until - clock.now() < RENEW_BEFORE:
                    execution.keep_lease()

    def _abandon(self, execution: Execution) -> None:
        execution.end()
        with self._lock:
            if execution not in self._in_hand or not execution.leave_slot():
                return  # not begun, or ended: its thread has done with it soon
            self._in_hand.remove(execution)
            self._abandoned.add(execution)
        log.error("task %s (%s) timed out and hangs on", execution.task_id, execution.handler.type)
        self._new_thread()
        self._changed.set()

    def _finish(self) -> None:
        """What has not begun goes back at once; the rest gets its time, and then goes back, too."""
        for execution in list(self._in_hand):
            if execution.withdraw():
                execution.give_back()
                with self._lock:
                    self._in_hand.discard(execution)
        deadline = time.monotonic() + settings.OKMQ_STOP_SECONDS
        while self._in_hand and time.monotonic() < deadline:
            self._changed.clear()
            if self._in_hand:
                self._changed.wait(max(deadline - time.monotonic(), 0))
        for execution in list(self._in_hand):
            execution.give_back()
        for _ in range(self._threads):
            self._jobs.put(None)


def _lot(candidate: Queue) -> float:
    """Drawn anew each time: the largest comes first, each queue as often as its weight says."""
    return float(random.random() ** (1 / WEIGHTS.get(candidate.name, 1)))


def _seconds_until(*instants: Micros | None) -> float:
    """Until the first of them, but no longer than a worker waits anyway."""
    due = [(at - clock.now()) / clock.SECOND for at in instants if at is not None]
    return min([FALLBACK_SECONDS, *due])
