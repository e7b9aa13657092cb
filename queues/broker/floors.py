"""Where a look begins that would otherwise walk over much that is dead.

PostgreSQL keeps what was changed or deleted in its indexes for as long as somebody's snapshot may see it: a
dump's, or that of a session forgotten in a transaction. All of it lies where a receiver's looks begin: before
the first ready message, and before what falls due next. So a look that took long is remembered. For twenty
times as long as it took, the next ones begin where it found something.

What comes below a floor takes it away, if this process brought it. What another process brings there is seen
when the floor is old, after ``LONGEST_SECONDS`` at the most, and receivers that find nothing look again then:
what another process gave back, delivers by priority, or delays for less than a lease may come so much later
while such a snapshot is open. Nothing else depends on floors. Queues with partition keys have none before
their ready messages: there an acknowledgement in any process brings the next one.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from queues.broker import clock, sql
from queues.models import PULL_LANE

if TYPE_CHECKING:
    from queues.broker.db import Row
    from queues.broker.lanes import Transaction
    from queues.broker.types import Micros

SLOW_SECONDS = 0.004
SLOW_SECONDS_EACH = 0.0001
"""A look took long if it took more than this and, for each thing it found, so much more."""

TIMES = 20
LONGEST_SECONDS = 2.0

MOST_KEPT = 1_000
"""Queues with a floor. Beyond that all are forgotten: the next slow look finds another."""


# In a row of sql.CLAIM.
OFFSET_OF_CLAIM, PRIORITY_OF_CLAIM = 4, 10


class Position(NamedTuple):
    """A place in delivery order."""

    rank: int
    offset: int


@dataclass(frozen=True, slots=True)
class Floor:
    """``at``: nothing is ready before it. ``until``: when that is looked at anew (monotonic seconds)."""

    at: Position
    until: float


@dataclass(frozen=True, slots=True)
class DueFloor:
    """``at``: nothing falls due before it."""

    at: Micros
    until: float


class Floors:
    """Of this process. One thread looks, that of the lane for receiving; any may bring something."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ready: dict[tuple[int, str], Floor] = {}
        self._due: dict[int, DueFloor] = {}
        self._queues_are_slow_until = 0.0
        # What came since the look began that is under way: it may not have seen it.
        self._brought_ready: set[int] = set()
        self._brought_due: list[Micros] = []

    def forget(self) -> None:
        """All of them: for tests, which write to the database themselves."""
        with self._lock:
            self._ready.clear()
            self._due.clear()
            self._queues_are_slow_until = 0.0

    def brought(self, ready: Iterable[int], due: Mapping[int, Micros]) -> None:
        """It was committed that messages of these queues are ready, other than behind all that are, and that
        some fall due."""
        with self._lock:
            self._brought_ready.update(ready)
            for key in [key for key in self._ready if key[0] in self._brought_ready]:
                del self._ready[key]
            for queue_id, at in due.items():
                self._brought_due = [min([at, *self._brought_due])]
                floor = self._due.get(queue_id)
                if floor is not None and at < floor.at:
                    self._due[queue_id] = DueFloor(at, floor.until)

    def begin(self) -> None:
        """A look begins."""
        with self._lock:
            self._brought_ready.clear()
            self._brought_due = []

    def look_again_at(self, queue_id: int, now: Micros) -> Micros | None:
        """When whoever waits for the queue is to look again, whatever happens; None if it has no floor."""
        with self._lock:
            times = [floor.until for key, floor in self._ready.items() if key[0] == queue_id]
            if queue_id in self._due:
                times.append(self._due[queue_id].until)
        left = [at - monotonic() for at in times if at > monotonic()]
        return now + clock.micros(min(left)) if left else None

    # ------------------------------------------------------------ the first ready message

    def claim(self, tx: Transaction, queue_id: int, tag: str, limit: int) -> list[Row]:
        """The queue's next ready messages (with that tag, if it is not empty), locked: rows of ``sql.CLAIM``,
        in no order. The queue has no partition keys."""
        began = monotonic()
        known = self._ready.get((queue_id, tag))
        floor = known if known is not None and known.until > began else None
        if queue_id in tx.wakes.not_last:  # the transaction itself brought something
            floor = None
        wanted: dict[str, Any] = {"queue": queue_id, "lane": PULL_LANE, "limit": limit}
        if tag:
            wanted["tag"] = tag
        if floor is not None:
            wanted |= {"rank": floor.at.rank, "since": floor.at.offset}
            rows = tx.db.rows(sql.CLAIM_TAGGED_SINCE if tag else sql.CLAIM_SINCE, **wanted)
        else:
            rows = tx.db.rows(sql.CLAIM_TAGGED if tag else sql.CLAIM, **wanted)
        until = _until(began, len(rows)) if floor is None else floor.until
        if tx.db.postgresql and until is not None:
            last = max((_position(row) for row in rows), default=known.at if known else None)
            if last is not None and last.rank <= 0:
                # Were it higher, what is published without a priority came below it.
                keep = partial(self._keep, (queue_id, tag), Floor(last, until))
                tx.wakes.afterwards.append(keep)
        return rows

    def _keep(self, key: tuple[int, str], floor: Floor) -> None:
        """To be called after the commit: what is not committed is still ready."""
        with self._lock:
            if key[0] not in self._brought_ready:
                if len(self._ready) >= MOST_KEPT:
                    self._ready.clear()
                self._ready[key] = floor

    # ------------------------------------------------------------ what falls due next

    def queues(self, tx: Transaction, accounts: list[int], names: list[str]) -> list[Row]:
        """Rows of ``sql.QUEUES_FOR_RECEIVE``."""
        began = monotonic()
        if began < self._queues_are_slow_until:
            rows = tx.db.rows(sql.QUEUES_FOR_RECEIVE_WITHOUT_DUE, accounts=accounts, names=names)
            return [(*row[:4], self._next_due(tx, row[0]), *row[5:]) for row in rows]
        rows = tx.db.rows(sql.QUEUES_FOR_RECEIVE, accounts=accounts, names=names)
        if tx.db.postgresql and (until := _until(began, len(rows))) is not None:
            self._queues_are_slow_until = until
        return rows

    def _next_due(self, tx: Transaction, queue_id: int) -> Micros | None:
        began = monotonic()
        floor = self._due.get(queue_id)
        if floor is None or floor.until <= began:
            at: Micros | None = tx.db.rows(sql.NEXT_DUE, queue=queue_id, lane=PULL_LANE)[0][0]
            until = _until(began, 1)
        else:
            at = tx.db.rows(sql.NEXT_DUE_SINCE, queue=queue_id, lane=PULL_LANE, since=floor.at)[0][0]
            until = floor.until
        with self._lock:
            self._due.pop(queue_id, None)
            if until is not None and len(self._due) < MOST_KEPT:
                seen = [at if at is not None else tx.now]
                self._due[queue_id] = DueFloor(min(seen + self._brought_due), until)
        return at


def _until(began: float, found: int) -> float | None:
    """Until when a look that began then and found so many things is not repeated, if it took long."""
    took = monotonic() - began
    if took <= SLOW_SECONDS + found * SLOW_SECONDS_EACH:
        return None
    return began + took + min(TIMES * took, LONGEST_SECONDS)


def _position(row: Row) -> Position:
    return Position(-row[PRIORITY_OF_CLAIM], row[OFFSET_OF_CLAIM])


FLOORS = Floors()
