"""Waking receivers parked in other processes.

PostgreSQL: what changed is gathered and told by NOTIFY from a connection of its own, and never from inside a
writing transaction, whose commit it would serialise with all others: every 10 ms at most, every 50 ms while
there is much to tell. What somebody here was woken for is told 50 ms later. SQLite has no such call; there
the writer's connection is asked whether another one has written.

Both are only hints. A hint that is lost costs a few seconds: every parked queue is looked at again from time
to time.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections

from queues.broker import clock, identities, sql
from queues.broker.errors import BrokerError
from queues.broker.lanes import LANES, Operation, Transaction
from queues.broker.taps import TAPS
from queues.broker.wakes import EVERYONE, HUB, Signal, is_queue, of_broadcasts, of_tapped_account

log = logging.getLogger("okmq.neighbours")

CHANNEL = "okmq_ready"
NOTIFY_SECONDS = 0.01
"""Between two notifications; what changes meanwhile is told together."""
BUSY_NOTIFY_SECONDS = 0.05
"""Likewise while there is more to tell than ``BUSY_PER_SECOND``: each costs every process some time."""
BUSY_PER_SECOND = 100
LOOK_EVERY_SECONDS = 0.05
FALLBACK_SECONDS = 5.0
MAX_QUEUES_NAMED = 250
"""A NOTIFY carries at most 8,000 bytes; with more queues than this it says that all changed."""

_TOKEN = secrets.token_hex(4)


def origin() -> str:
    """Who is speaking. Asked for each time: this module may have been imported before the fork."""
    return f"{_TOKEN}{os.getpid()}"


def _connect() -> psycopg.Connection[Any]:
    """A connection outside the pool, which is for requests. Same server, same options."""
    parameters = connections[DEFAULT_DB_ALIAS].get_connection_params()
    wanted = {k: v for k, v in parameters.items() if k not in ("pool", "cursor_factory", "context")}
    return psycopg.connect(**wanted, autocommit=True)


class Notifier(threading.Thread):
    """Tells other processes what this one made ready."""

    def __init__(self) -> None:
        super().__init__(name="okmq-notify", daemon=True)
        self._changed: Signal = {}
        self._gathered = threading.Condition()
        self._at_once = 0
        self._last_sent = 0.0
        self._connection: psycopg.Connection[Any] | None = None

    def tell(self, signal: Signal, at_once: bool) -> None:
        """``at_once``: nobody here takes care of it."""
        with self._gathered:
            news = not self._changed or (at_once and not self._at_once)
            self._at_once += at_once
            for queue_id, count in signal.items():
                known = self._changed.get(queue_id)
                everyone = EVERYONE in (known, count)
                self._changed[queue_id] = EVERYONE if everyone else (known or 0) + count
            if news:
                self._gathered.notify()

    def _take(self) -> tuple[Signal, float]:
        """What there is to tell, and for how long to be silent then."""
        with self._gathered:
            while not self._changed:
                self._gathered.wait()
            self._gathered.wait_for(lambda: self._at_once, BUSY_NOTIFY_SECONDS)
            last, self._last_sent = self._last_sent, time.monotonic()
            busy = self._at_once > BUSY_PER_SECOND * (self._last_sent - last)
            changed, self._changed, self._at_once = self._changed, {}, 0
            return changed, BUSY_NOTIFY_SECONDS if busy else NOTIFY_SECONDS

    def run(self) -> None:
        while True:
            changed, silence = self._take()
            try:
                self._send(changed)
            except psycopg.Error as error:
                # Receivers elsewhere find these messages at their next slow look.
                log.warning("cannot notify other processes: %s", error)
                self._connection = None
            time.sleep(silence)

    def _send(self, changed: Signal) -> None:
        named = changed if len(changed) <= MAX_QUEUES_NAMED else {0: EVERYONE}
        payload = " ".join([origin(), *(f"{queue_id}:{count}" for queue_id, count in named.items())])
        if self._connection is None:
            self._connection = _connect()
            # A hint need not be on disk, and nobody is to wait for that.
            self._connection.execute("SET synchronous_commit = off")
        self._connection.execute("SELECT pg_notify(%s, %s)", [CHANNEL, payload])


class Listener(threading.Thread):
    """Hears what other processes made ready; also keeps the clock in step with the database's."""

    def __init__(self) -> None:
        super().__init__(name="okmq-listen", daemon=True)

    def run(self) -> None:
        while not HUB.closing:
            try:
                self._listen()
            except (psycopg.Error, OSError) as error:
                self._wait(error)

    def _wait(self, error: Exception) -> None:
        if HUB.closing:
            return
        log.warning("cannot hear other processes: %s", error)
        time.sleep(1)
        look_again()

    def _listen(self) -> None:
        with _connect() as connection:
            connection.execute(f"LISTEN {CHANNEL}")
            look_again()
            while not HUB.closing:
                for notification in connection.notifies(timeout=FALLBACK_SECONDS):
                    with contextlib.suppress(ValueError):  # not one of ours, on our channel
                        hear(notification.payload)
                look_again()
                before = time.time_ns() // 1000
                row = connection.execute(clock.DATABASE_TIME).fetchone()
                assert row is not None
                clock.set_from_database((before + time.time_ns() // 1000) // 2, row[0])


def hear(payload: str) -> None:
    speaker, *changes = payload.split(" ")
    if speaker == origin():
        return
    told = {int(channel): int(count) for channel, _, count in (change.partition(":") for change in changes)}
    _learn_names(told)
    for channel, count in told.items():
        if channel == 0:
            look_again()
        elif channel == of_broadcasts():
            _do_later_work()
        elif channel > of_tapped_account(0):
            TAPS.note_elsewhere(channel - of_tapped_account(0))
        elif count == EVERYONE:
            HUB.wake_everyone(channel)
        else:
            HUB.signal(channel, count)


LATER: list[Callable[[], None]] = []
"""What else to do when others have written something."""


def _do_later_work() -> None:
    for work in LATER:
        try:
            work()
        except BrokerError as error:
            log.warning("cannot hear other processes: %s", error)


def _learn_names(told: Signal) -> None:
    """Whoever waits under a pattern is to be woken for its queues only. Without their names he looks in
    vain."""
    unknown = [channel for channel in told if is_queue(channel) and identities.known(channel) is None]
    if unknown and HUB.watched:
        with contextlib.suppress(BrokerError):
            LANES.of("receive").submit(Names(unknown))


class Names(Operation):
    """Having ``identities`` know these queues."""

    __slots__ = ("queue_ids",)

    def __init__(self, queue_ids: list[int]) -> None:
        super().__init__()
        self.queue_ids = queue_ids

    @classmethod
    def run(cls, tx: Transaction, operations: list[Names]) -> None:
        identities.learn(tx.db, {queue_id for operation in operations for queue_id in operation.queue_ids})


def look_again() -> None:
    """Send one receiver of every parked queue to look; if it finds plenty, it calls the next."""
    for queue_id in HUB.queues():
        HUB.signal(queue_id)
    HUB.tell_pushers()
    if HUB.awaited:
        _do_later_work()


class Watcher(threading.Thread):
    """SQLite: notices that another connection has written, while somebody is parked here."""

    def __init__(self) -> None:
        super().__init__(name="okmq-watch", daemon=True)

    def run(self) -> None:
        seen = None
        next_fallback = time.monotonic() + FALLBACK_SECONDS
        while not HUB.closing:
            time.sleep(LOOK_EVERY_SECONDS)
            if not HUB.awaited and not HUB.pushing:
                continue
            if time.monotonic() >= next_fallback:
                next_fallback = time.monotonic() + FALLBACK_SECONDS
                look_again()
            try:
                version = LANES.of("receive").submit(ForeignWrites())
            except BrokerError:
                continue
            if seen is not None and version != seen:
                look_again()
            seen = version


class ForeignWrites(Operation):
    """A number that changes when any connection but the writer's own has written."""

    __slots__ = ()

    @classmethod
    def run(cls, tx: Transaction, operations: list[ForeignWrites]) -> None:
        version = tx.db.rows(sql.DATA_VERSION)[0][0]
        for operation in operations:
            operation.result = version


class _Neighbours:
    """Starts the threads this process needs, once, when first needed: after any fork."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pid = 0
        self._hearing = False
        self._notifier: Notifier | None = None

    def _fresh(self) -> None:
        if self._pid != os.getpid():
            self._pid, self._hearing, self._notifier = os.getpid(), False, None

    def tell(self, signal: Signal, at_once: bool) -> None:
        if connections[DEFAULT_DB_ALIAS].vendor != "postgresql":
            return
        if self._notifier is None or self._pid != os.getpid():
            with self._lock:
                self._fresh()
                if self._notifier is None:
                    self._notifier = Notifier()
                    self._notifier.start()
        self._notifier.tell(signal, at_once)

    def listen(self) -> None:
        if self._hearing and self._pid == os.getpid():
            return
        with self._lock:
            self._fresh()
            if not self._hearing:
                self._hearing = True
                on_postgresql = connections[DEFAULT_DB_ALIAS].vendor == "postgresql"
                (Listener() if on_postgresql else Watcher()).start()


NEIGHBOURS = _Neighbours()
HUB.on_change = NEIGHBOURS.tell
HUB.on_park = NEIGHBOURS.listen
