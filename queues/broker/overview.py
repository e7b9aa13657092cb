"""All queues at a glance, and one queue's own story: what an operator looks at first."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from queues.broker import census, clock, names, queues
from queues.broker.census import QueueFigures
from queues.broker.db import Connection
from queues.broker.errors import QueueNotFound
from queues.broker.sql import overview as sql
from queues.broker.types import Micros

MOST_QUEUES = 2_000
"""Queues that are looked at for the dashboard."""
SLOW_SECONDS = 0.1
REST = 10
"""Figures that took longer than that to read are used for this many times as long."""
T = TypeVar("T")


@dataclass(slots=True, frozen=True)
class QueueEntry:
    """A queue and whose it is. ``account``: its e-mail address."""

    id: int
    name: str
    account_id: int
    account: str
    kind: str
    paused_at: Micros | None


@dataclass(slots=True, frozen=True)
class Overview:
    """``queues``: the ``MOST_QUEUES`` oldest of ``count``; ``accounts``: e-mail addresses by id; ``at``: when
    this was so."""

    at: Micros
    queues: list[QueueFigures]
    count: int
    accounts: dict[int, str]


class Kept:
    """What took long to read is read again only when ten times as long has passed: with a million scheduled
    messages the figures cost half a second, and every open page of the console asks for them every few
    seconds. What is read quickly is always read anew."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[Hashable, tuple[float, Any]] = {}

    def get(self, key: Hashable, read: Callable[[], T]) -> T:
        begin = time.monotonic()
        with self._lock:
            self._found = {one: old for one, old in self._found.items() if old[0] > begin}
            if key in self._found:
                found: T = self._found[key][1]
                return found
        found = read()
        end = time.monotonic()
        if end - begin >= SLOW_SECONDS:
            with self._lock:
                self._found[key] = (end + REST * (end - begin), found)
        return found


kept = Kept()


def take() -> Overview:
    """As it was at ``at``, which is a while ago where reading takes long (``kept``). Raises Unavailable."""
    return kept.get("all", _take)


def _take() -> Overview:
    with queues.looking() as db:
        taken = census.look(db, MOST_QUEUES)
        emails = _accounts(db, {queue.account_id for queue in taken.queues})
        return Overview(clock.now(), taken.queues, taken.count, emails)


def accounts(ids: Collection[int]) -> dict[int, str]:
    """E-mail addresses by id. Raises Unavailable."""
    with queues.looking() as db:
        return _accounts(db, ids)


def _accounts(db: Connection, ids: Collection[int]) -> dict[int, str]:
    return {row[0]: row[1] for row in db.rows(sql.ACCOUNTS, ids=sorted(ids))}


def figures(queue_id: int) -> QueueFigures:
    """Of one queue, likewise. Raises QueueNotFound, Unavailable."""
    found = kept.get(queue_id, lambda: figures_of([queue_id]))
    if not found:
        raise QueueNotFound(f"number {queue_id}")
    return found[queue_id]


def figures_of(queue_ids: Sequence[int]) -> dict[int, QueueFigures]:
    """By id, of those that exist. Raises Unavailable."""
    with queues.looking() as db:
        found = census.look_at(db, db.rows(sql.QUEUES, queues=list(queue_ids)))
        return {queue.id: queue for queue in found}


def find_queue(queue_id: int) -> QueueEntry:
    """Raises QueueNotFound, Unavailable."""
    with queues.looking() as db:
        rows = db.rows(sql.ENTRY, queue=queue_id)
        if not rows:
            raise QueueNotFound(f"number {queue_id}")
        return QueueEntry(*rows[0])


def find_queues(queue_ids: Collection[int]) -> dict[int, QueueEntry]:
    """By id, those that exist. Raises Unavailable."""
    with queues.looking() as db:
        entries = [QueueEntry(*row) for row in db.rows(sql.ENTRIES_BY_ID, queues=sorted(queue_ids))]
        return {entry.id: entry for entry in entries}


def list_queues(*, text: str = "", after: int = 0, limit: int = 100) -> list[QueueEntry]:
    """Queues whose name or account contains ``text``, the oldest first, with an id above ``after``.
    Raises Unavailable."""
    if not names.storable(text):
        return []
    pattern = "%" + text.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    with queues.looking() as db:
        rows = db.rows(sql.ENTRIES, pattern=pattern, after=after, limit=limit)
        return [QueueEntry(*row) for row in rows]
