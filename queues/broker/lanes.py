"""Group commit: concurrent calls become one transaction.

A caller hands its operation to a lane and waits. The lane's thread takes everything that has gathered while
it was busy, runs it in one transaction, and lets the callers go after the commit: one fsync for all. With
nothing else going on an operation starts at once, so merging never adds waiting of its own.

SQLite has one lane, since it has one writer. PostgreSQL has one for each kind of work, so that publishing,
receiving and settling overlap; operations of one kind still meet in one lane and merge.
"""

from __future__ import annotations

import logging
import os
import random
import threading
import time
from collections.abc import Callable, Collection, Iterable
from typing import Any

import psycopg
from django.db import connection as django_connection
from django.db import transaction

from queues.broker import clock, observe
from queues.broker.counters import Tally
from queues.broker.db import ERRORS, Connection, unavailable
from queues.broker.errors import ShuttingDown
from queues.broker.outage import OUTAGE
from queues.broker.quotas import Budget
from queues.broker.types import Micros
from queues.broker.usage import write_counts
from queues.broker.wakes import Wakes

log = logging.getLogger("okmq.broker")

MAX_WEIGHT = 2_000
"""Messages merged into one transaction at the most: bounds how long one commit can take."""

CONFLICTS = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)
RETRIES = 4

SHARDS = 64
"""Rows a queue's counters are spread over at the most. A lane takes one at random when it starts: few enough
to sum up, many enough that two lanes seldom share one (and then only wait for each other)."""


class Transaction:
    """One open transaction: its connection, its instant, what it counted, what it may store and whom it will
    wake. ``events``: what else happened, for whoever measures it, and to how many messages. ``push_lanes``:
    ``Queue.push_lanes`` of queues whose row it has read."""

    def __init__(self, db: Connection, shard: int) -> None:
        self.db = db
        self.now: Micros = clock.now()
        self.tally = Tally(shard)
        self.budget = Budget(db)
        self.wakes = Wakes()
        self.events: dict[observe.Event, int] = {}
        self.push_lanes: dict[int, str] = {}

    def note(self, event: observe.Event, count: int = 1) -> None:
        if count:
            self.events[event] = self.events.get(event, 0) + count


class Failure:
    """A transaction the database did not take. ``may_retry``: it was certainly rolled back. Only a connection
    lost while committing leaves that open."""

    def __init__(self, error: BaseException, db: Connection) -> None:
        self.error = error
        self.conflict = isinstance(error, CONFLICTS)
        self.unavailable = None if self.conflict else unavailable(error)
        self.may_retry = not (db.committing and self.unavailable)
        # Not so when none could be had: another try would only wait as long once more.
        self.lost_connection = bool(self.unavailable) and db.opened and db.postgresql

    def tell(self) -> None:
        """Let those know who watch over the database."""
        if self.unavailable:
            OUTAGE.notice(self.error)
        if observe.watcher is not None and (self.unavailable or isinstance(self.error, ERRORS)):
            trouble = observe.Trouble.CONFLICT if self.conflict else observe.Trouble.REFUSED
            observe.watcher.failed(observe.Trouble.UNAVAILABLE if self.unavailable else trouble)


class Operation:
    """A call on its way through a lane. ``run`` gets the transaction and all operations of its kind that
    travel together; it sets each one's ``result`` or ``error``. ``weight``: messages it touches.
    ``uses_orm``: its transaction is to be one that Django knows of. ``stores``: it adds messages."""

    uses_orm = False
    stores = False
    __slots__ = ("_done", "error", "result", "weight")

    def __init__(self, weight: int = 1) -> None:
        self.weight = weight
        self.result: Any = None
        self.error: BaseException | None = None
        # A lock used as a one-shot event: an Event would cost a condition, a lock and a list more.
        self._done = threading.Lock()
        self._done.acquire()

    def finish(self) -> None:
        self._done.release()

    def wait(self) -> None:
        self._done.acquire()

    @classmethod
    def run(cls, tx: Transaction, operations: list[Any]) -> None:
        raise NotImplementedError


class Call(Operation):
    """Any other piece of work that needs a transaction of the engine. Travels alone."""

    uses_orm = True
    __slots__ = ("function",)

    def __init__(self, function: Callable[[Transaction], Any]) -> None:
        super().__init__(weight=MAX_WEIGHT)
        self.function = function

    @classmethod
    def run(cls, tx: Transaction, operations: list[Call]) -> None:
        for operation in operations:
            operation.result = operation.function(tx)


class Lane:
    """One database thread and those waiting for it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._pending: list[Operation] = []
        self._gathered = threading.Condition(threading.Lock())
        self._closed = False
        self._thread = threading.Thread(target=self._work, name=f"okmq-{name}", daemon=True)
        self._thread.start()

    def submit(self, operation: Operation) -> Any:
        """Run ``operation`` and return its result, or raise its error. Returns only after the commit."""
        with self._gathered:
            if self._closed:
                raise ShuttingDown("the server is stopping")
            self._pending.append(operation)
            if len(self._pending) == 1:
                self._gathered.notify()
        operation.wait()
        if operation.error is not None:
            raise operation.error
        return operation.result

    def close(self) -> None:
        """Finish what was handed in and end the thread."""
        with self._gathered:
            self._closed = True
            self._gathered.notify()
        self._thread.join()

    def _take(self) -> list[Operation]:
        """What has gathered, oldest first, up to MAX_WEIGHT messages; empty when the lane is closed."""
        with self._gathered:
            while not self._pending and not self._closed:
                self._gathered.wait()
            weight = 0
            for count, operation in enumerate(self._pending):
                weight += operation.weight
                if weight > MAX_WEIGHT and count:
                    batch, self._pending = self._pending[:count], self._pending[count:]
                    return batch
            batch, self._pending = self._pending, []
            return batch

    def _take_all(self) -> list[Operation]:
        with self._gathered:
            gathered, self._pending = self._pending, []
        return gathered

    def _work(self) -> None:
        db = Connection(tuned=True)
        shard = random.randrange(SHARDS) if db.postgresql else 0
        while batch := self._take():
            try:
                self._commit_all(db, shard, batch)
            except BaseException as error:  # a lane must outlive whatever its work raises
                log.exception("lane %s failed", self.name)
                for operation in batch:
                    operation.error = operation.error or error
            for operation in batch:
                operation.finish()
        db.discard()

    def _commit_all(self, db: Connection, shard: int, batch: list[Operation]) -> None:
        """One transaction for the batch. If its connection was lost, once more on a new one; if the
        database refuses the work itself, a transaction for each operation, so that only the one at fault
        fails. Only what was certainly rolled back is tried again."""
        failure = self._commit(db, shard, batch)
        if failure is not None and failure.may_retry and failure.lost_connection:
            failure = self._commit(db, shard, batch)
        if failure is None:
            return
        if failure.unavailable:
            # Who gathered meanwhile has waited as long, and would wait as long again for the same answer.
            batch += self._take_all()
        alone = len(batch) == 1 and not failure.conflict
        if failure.unavailable or alone or not failure.may_retry:
            for operation in batch:
                operation.error = failure.unavailable or failure.error
            return
        for operation in batch:
            self._commit_alone(db, shard, operation)

    def _commit_alone(self, db: Connection, shard: int, operation: Operation) -> None:
        failure = self._commit(db, shard, [operation])
        tries = 0
        while failure is not None and failure.conflict and tries < RETRIES:
            failure = self._commit(db, shard, [operation])
            tries += 1
        if failure is not None:
            operation.error = failure.unavailable or failure.error

    def _commit(self, db: Connection, shard: int, batch: list[Operation]) -> Failure | None:
        """Run the batch in one transaction. Returns what went wrong, if the database did not take it."""
        by_kind: dict[type[Operation], list[Operation]] = {}
        for operation in batch:
            operation.result = operation.error = None
            by_kind.setdefault(type(operation), []).append(operation)
        begin = time.perf_counter()
        try:
            db.open()
            with transaction.atomic() if batch[0].uses_orm else db.transaction():
                tx = Transaction(db, shard)
                for kind in _in_order(by_kind, db):
                    kind.run(tx, by_kind[kind])
                write_counts(tx)
                tx.wakes.learn_names(db)
                db.committing = True
        except Exception as error:  # also what no database raised: a text or a number it cannot hold
            failure = Failure(error, db)
            if failure.unavailable:
                db.discard()
            failure.tell()
            return failure
        tx.wakes.send()
        if OUTAGE.since is not None:
            OUTAGE.over()
        if observe.watcher is not None:
            observe.watcher.committed(self.name, len(batch), time.perf_counter() - begin)
            if tx.events:
                observe.watcher.happened(tx.events)
        return None


def _in_order(kinds: Collection[type[Operation]], db: Connection) -> Iterable[type[Operation]]:
    """As they came; but where locks are taken, those who may lock an account come after all others, who
    lock queues and streams."""
    return sorted(kinds, key=lambda kind: kind.stores) if db.postgresql and len(kinds) > 1 else kinds


class Lanes:
    """The process's lanes, made on first use: after any fork."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pid = 0
        self._lanes: dict[str, Lane] = {}

    def of(self, kind: str) -> Lane:
        """The lane for ``publish``, ``receive``, ``settle``, ``stream`` or ``bulk`` work."""
        name = kind if django_connection.vendor == "postgresql" else "writer"
        lane = self._lanes.get(name)
        if lane is not None and self._pid == os.getpid():
            return lane
        with self._lock:
            if self._pid != os.getpid():
                self._lanes, self._pid = {}, os.getpid()
            if name not in self._lanes:
                self._lanes[name] = Lane(name)
            return self._lanes[name]

    def close(self) -> None:
        with self._lock:
            lanes, self._lanes = list(self._lanes.values()), {}
        for lane in lanes:
            lane.close()


LANES = Lanes()


def in_transaction(function: Callable[[Transaction], Any]) -> Any:
    """Run ``function`` in a transaction of the bulk lane and return what it returns."""
    return LANES.of("bulk").submit(Call(function))
