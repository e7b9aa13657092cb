"""Which workers and web processes there are: each says every few seconds that it lives, and what it has in
hand."""

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
SILENT_SECONDS = 600
"""The same for a web process. Its receivers were gone with it; another process has taken its place."""

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

BEAT_OF_WEB = Statement(
    """
    INSERT INTO queues_webbeat (name, beat_at, parked) VALUES (:name, :now, :parked)
    ON CONFLICT (name) DO UPDATE SET beat_at = excluded.beat_at, parked = excluded.parked
    """
)
LEAVE_WEB = Statement("DELETE FROM queues_webbeat WHERE name = :name")
PRUNE_WEB = Statement("DELETE FROM queues_webbeat WHERE beat_at < :before RETURNING name")
OTHERS = Statement("SELECT beat_at, parked FROM queues_webbeat WHERE name <> :name AND beat_at >= :since")


@dataclass(slots=True, frozen=True)
class Receivers:
    """``parked``: receivers that wait for a message in ``processes`` web processes. ``silent``: web processes
    that have told nothing for more than ``LATE_SECONDS``, the last of them since ``silent_since``: those
    waiting there do not count, since a process that died has let its clients go."""

    parked: int
    processes: int
    silent: int
    silent_since: Micros | None


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


def beat_of_web(name: str, parked: int) -> None:
    """Tell of a web process, and how many receivers wait in it. Raises Unavailable."""
    in_transaction(lambda tx: tx.db.run(BEAT_OF_WEB, name=name, now=tx.now, parked=parked))


def leave_web(name: str) -> None:
    """The web process ends as it should. Raises Unavailable."""
    in_transaction(lambda tx: tx.db.run(LEAVE_WEB, name=name))


def receivers(name: str, parked: int) -> Receivers:
    """Of all web processes on this database: ``parked`` now in this one, whose name is ``name``, and what the
    others told last. Raises Unavailable."""
    now = clock.now()
    with reading() as db:
        others = db.rows(OTHERS, name=name, since=now - SILENT_SECONDS * clock.SECOND)
    late = now - LATE_SECONDS * clock.SECOND
    alive = [count for at, count in others if at >= late]
    silent = [at for at, _ in others if at < late]
    return Receivers(parked + sum(alive), 1 + len(alive), len(silent), max(silent, default=None))


def prune(tx: Transaction, limit: int) -> int:
    """Forget the workers and web processes that fell silent long ago; how many."""
    workers = tx.db.rows(PRUNE, before=tx.now - KEPT_SECONDS * clock.SECOND)
    return len(workers) + len(tx.db.rows(PRUNE_WEB, before=tx.now - SILENT_SECONDS * clock.SECOND))
