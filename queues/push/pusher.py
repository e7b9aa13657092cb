"""The worker's service that sends: takes what is ready, sends it, writes down how it went.

One asyncio loop. It sleeps until it hears that a queue has something for its destinations, or something falls
due, or some seconds have passed in case it heard nothing; meanwhile it uses no database connection. Any
number of workers push at once: a message belongs to whoever leased it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import aiohttp
from django.conf import settings

from queues.broker import clock
from queues.broker.errors import BrokerError
from queues.broker.types import Micros
from queues.broker.wakes import HUB
from queues.push import attempts, claims, disabling, sender
from queues.push.bodies import Outgoing
from queues.push.claims import Open
from queues.push.settlements import Settlement, Verdict, settle

log = logging.getLogger("okmq.push")

T = TypeVar("T")

FALLBACK_SECONDS = 5.0
RETRY_SECONDS = 1.0
"""Pause after the database did not serve."""


class Pusher:
    """A ``queues.worker.service.Service``."""

    name = "push"

    def __init__(self) -> None:
        self._push: _Push | None = None

    def run(self, stop: threading.Event) -> None:
        try:
            asyncio.run(self._run(stop))
        finally:
            self._push = None

    async def _run(self, stop: threading.Event) -> None:
        async with sender.session() as http:
            self._push = _Push(http)
            await self._push.run(stop)

    def detail(self) -> dict[str, Any]:
        push = self._push
        in_flight = 0 if push is None else sum(push.in_hand.values())
        return {"in_flight": in_flight} if in_flight else {}


class _Push:
    """One run of it. Everything but ``_hear`` happens in the loop's thread."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self.in_hand: dict[tuple[int, int], int] = defaultdict(int)
        self._http = http
        self._loop = asyncio.get_running_loop()
        # One for looks, one for settlements: neither waits for the other.
        self._threads = ThreadPoolExecutor(3, thread_name_prefix="okmq-push")
        self._heard: set[int | None] = {None}
        self._hearing = threading.Lock()
        self._wake = asyncio.Event()
        self._next_due: Micros | None = None
        self._more: set[tuple[int, int]] = set()
        self._slots: dict[int, asyncio.Semaphore] = {}
        self._sending: dict[asyncio.Task[None], tuple[Open, Outgoing]] = {}
        self._finished: list[Settlement] = []
        self._some_finished = asyncio.Event()
        self._stopping = False

    async def run(self, stop: threading.Event) -> None:
        HUB.hear_pushes(self._hear)
        looking = asyncio.create_task(self._look_on())
        settling = asyncio.create_task(self._settle_on())
        try:
            await self._in_thread(stop.wait)
            self._stopping = True
            HUB.forget_pushes(self._hear)
            self._wake.set()
            await looking
            await self._finish_sending()
            self._some_finished.set()
            await settling
        finally:
            HUB.forget_pushes(self._hear)
            HUB.pushing = False
            self._threads.shutdown(wait=False)

    def _in_thread(self, call: Callable[[], T]) -> asyncio.Future[T]:
        return self._loop.run_in_executor(self._threads, call)

    # ------------------------------------------------------------ looking

    def _hear(self, queue_id: int | None) -> None:
        """Called by whoever made something ready, with a lock held."""
        with self._hearing:
            silent = not self._heard
            self._heard.add(queue_id)
        if silent:
            self._loop.call_soon_threadsafe(self._wake.set)

    def _take_heard(self) -> list[int] | None:
        """Queues to look at; None: all."""
        self._wake.clear()
        with self._hearing:
            heard, self._heard = self._heard, set()
        queue_ids = [queue_id for queue_id in heard if queue_id is not None]
        return None if len(queue_ids) < len(heard) else queue_ids

    async def _look_on(self) -> None:
        while not self._stopping:
            queue_ids = self._take_heard()
            if queue_ids is None or queue_ids:
                await self._look(queue_ids)
            if not self._heard and not self._stopping:
                await self._sleep()

    async def _look(self, queue_ids: list[int] | None) -> None:
        try:
            haul = await self._in_thread(partial(claims.look, queue_ids, dict(self.in_hand)))
        except Exception as error:
            _report("pushing waits", error)
            await asyncio.sleep(RETRY_SECONDS)
            self._hear(None)
            return
        if queue_ids is None:
            HUB.pushing = haul.destinations > 0
            self._next_due = haul.next_due
        elif haul.next_due is not None:
            known = self._next_due
            self._next_due = haul.next_due if known is None else min(known, haul.next_due)
        self._more |= haul.more
        for queue_id in haul.unseen:
            self._hear(queue_id)
        for destination, messages in haul.claimed:
            HUB.pushing = True
            for message in messages:
                self._start(destination, message)

    async def _sleep(self) -> None:
        """Until there is something to look for. What is due by the clock may be in any queue."""
        seconds = FALLBACK_SECONDS
        if self._next_due is not None:
            seconds = min(max((self._next_due - clock.now()) / clock.SECOND, 0.01), seconds)
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            self._next_due = None
            self._hear(None)

    # ------------------------------------------------------------ sending

    def _start(self, destination: Open, message: Outgoing) -> None:
        self.in_hand[destination.queue_id, destination.lane] += 1
        task = asyncio.create_task(self._send(destination, message))
        self._sending[task] = destination, message
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._sending.pop(task, None)

    async def _send(self, destination: Open, message: Outgoing) -> None:
        slots = self._slots_of(destination)
        try:
            async with slots:
                if self._stopping:
                    settlement = attempts.not_sent(destination, message)
                else:
                    settlement = await attempts.make(self._http, self._in_thread, destination, message)
        except asyncio.CancelledError:
            settlement = attempts.given_back(destination, message)
        except Exception:
            log.exception("an attempt failed in a way nobody thought of")
            settlement = attempts.given_back(destination, message, delayed=True)
        self._finished.append(settlement)
        self._some_finished.set()

    def _slots_of(self, destination: Open) -> asyncio.Semaphore:
        """What may be in flight at once. A changed limit holds from when all that was in hand is done."""
        slots = self._slots.get(destination.id)
        if slots is None:
            slots = self._slots[destination.id] = asyncio.Semaphore(destination.concurrency)
        return slots

    async def _finish_sending(self) -> None:
        """Let requests in flight finish; past the time for that, give their messages back."""
        if self._sending:
            await asyncio.wait(list(self._sending), timeout=settings.OKMQ_STOP_SECONDS)
        for task in list(self._sending):
            task.cancel()
        if self._sending:
            await asyncio.wait(list(self._sending))

    # ------------------------------------------------------------ settling

    async def _settle_on(self) -> None:
        while True:
            await self._some_finished.wait()
            self._some_finished.clear()
            finished, self._finished = self._finished, []
            if finished:
                await self._settle(finished)
            elif self._stopping and not self._sending:
                return
            if self._stopping and not self._sending:
                self._some_finished.set()

    async def _settle(self, finished: list[Settlement]) -> None:
        while True:
            try:
                await self._in_thread(partial(settle, finished))
                await self._disable_gone(finished)
                break
            except Exception as error:
                # Leases outlast a short outage; after a long one another worker may send some again.
                _report("what was pushed cannot be written down", error)
                await asyncio.sleep(RETRY_SECONDS)
                if self._stopping or not isinstance(error, BrokerError):
                    break
        for settlement in finished:
            self._leave(settlement)

    async def _disable_gone(self, finished: list[Settlement]) -> None:
        for destination in {s.destination.id for s in finished if attempts.is_gone(s)}:
            await self._in_thread(partial(disabling.disable, destination, attempts.GONE_REASON))

    def _leave(self, settlement: Settlement) -> None:
        lane = settlement.lane
        self.in_hand[lane] -= 1
        if not self.in_hand[lane]:
            del self.in_hand[lane]
            self._slots.pop(settlement.destination.id, None)
        if settlement.verdict is Verdict.RETRY:
            known = self._next_due
            self._next_due = settlement.due_at if known is None else min(known, settlement.due_at)
        if lane in self._more:
            self._more.discard(lane)
            self._hear(lane[0])


def _report(what: str, error: Exception) -> None:
    """In one line what the database does from time to time, in full what nobody thought of."""
    if isinstance(error, BrokerError):
        log.warning("%s: %s", what, error)
    else:
        log.error(what, exc_info=error)
