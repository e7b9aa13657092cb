"""Keeping the tables of tasks small. What is removed with a message is removed in its transaction
(``journal``); here is what is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queues.broker.settle import settle_now
from queues.broker.types import Remove
from queues.tasks import sql

if TYPE_CHECKING:
    from queues.broker.lanes import Transaction

MOST_ARCHIVED = 10_000
"""Archived tasks that a queue keeps; beyond that the oldest go (tasks.md §3.1)."""


def drop_locks(tx: Transaction, limit: int) -> int:
    """Remove up to ``limit`` locks whose time is over; how many. They keep nobody out any more."""
    return len(tx.db.rows(sql.DROP_LOCKS, now=tx.now, limit=limit))


def trim_archive(tx: Transaction, limit: int) -> int:
    """Remove up to ``limit`` of the oldest archived tasks of a queue that has too many; how many."""
    crowded = tx.db.rows(sql.TOO_MANY_DEAD, most=MOST_ARCHIVED)
    for queue_id, dead in crowded:
        surplus = min(int(dead) - MOST_ARCHIVED, limit)
        ids = [row[0] for row in tx.db.rows(sql.OLDEST_DEAD_TASKS, queue=queue_id, limit=surplus)]
        if ids:
            settle_now(tx, queue_id, [Remove(task_id) for task_id in ids])
            return len(ids)
    return 0
