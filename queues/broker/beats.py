"""Which workers there are: each says every few seconds that it lives, and what it has in hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from queues.broker import clock
from queues.broker.db import Statement
from queues.broker.lanes import Transaction, in_transaction
from queues.broker.queues import reading
from queues.broker.types import Micros

EVERY_SECONDS = 5
LATE_SECONDS = 15
KEPT_SECONDS = 86_400
"""How long a worker that fell silent is shown."""

BEAT = Statement(
    """
    INSERT INTO queues_workerbeat (name, version, started_at, beat_at, detail)
    VALUES (:name, :version, :started, :now, :detail)
    ON CONFLICT (name) DO UPDATE SET version = excluded.version, started_at = excluded.started_at,
        beat_at = excluded.beat_at, detail = excluded.detail
    """
)
LEAVE = Statement("DELETE FROM queues_workerbeat WHERE name = :name")
PRUNE = Statement("DELETE FROM queues_workerbeat WHERE beat_at < :before RETURNING name")
WORKERS = Statement("SELECT name, version, started_at, beat_at, detail FROM queues_workerbeat ORDER BY name")


@dataclass(slots=True, frozen=True)
class WorkerInfo:
    """A worker as it last told of itself. ``late``: it has not for more than ``LATE_SECONDS``; it hangs, or
    died without a word. ``detail``: by service, what it has in hand."""

    name: str
    version: str
    started_at: Micros
    beat_at: Micros
    late: bool
    detail: dict[str, Any]


def beat(name: str, version: str, started_at: Micros, detail: dict[str, Any]) -> None:
    """Tell of a worker. Raises Unavailable."""
    told = msgspec.json.encode(detail).decode()

    def write(tx: Transaction) -> None:
        tx.db.run(BEAT, name=name, version=version, started=started_at, now=tx.now, detail=told)

    in_transaction(write)


def leave(name: str) -> None:
    """The worker ends as it should. Raises Unavailable."""
    in_transaction(lambda tx: tx.db.run(LEAVE, name=name))


def workers() -> list[WorkerInfo]:
    """All workers of all servers on this database. Raises Unavailable."""
    with reading() as db:
        rows = db.rows(WORKERS)
    late = clock.now() - LATE_SECONDS * clock.SECOND
    return [
        WorkerInfo(name, version, started_at, at, at < late, msgspec.json.decode(detail))
        for name, version, started_at, at, detail in rows
    ]


def prune(tx: Transaction, limit: int) -> int:
    """Forget the workers that fell silent long ago; how many."""
    return len(tx.db.rows(PRUNE, before=tx.now - KEPT_SECONDS * clock.SECOND))
