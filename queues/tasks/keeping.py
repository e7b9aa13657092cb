"""Keeping the tables of tasks small. What is removed with a message is removed in its transaction
(``journal``); here is what is not."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from queues.broker.settle import settle_now
from queues.broker.types import Remove
from queues.tasks import sql

if TYPE_CHECKING:
    from queues.broker.lanes import Transaction

MOST_ARCHIVED = 10_000
"""Archived tasks that a queue keeps; beyond that the oldest go (tasks.md §3.1)."""

QUEUES_AT_ONCE = 5
"""Looked through in one transaction: each takes some ten milliseconds, whether or not it has too many."""


def drop_locks(tx: Transaction, limit: int) -> int:
    """Remove up to ``limit`` locks whose time is over; how many. They keep nobody out any more."""
    return len(tx.db.rows(sql.DROP_LOCKS, now=tx.now, limit=limit))


def trim_archive(tx: Transaction, limit: int) -> int:
    """Remove up to ``limit`` archived tasks of queues that have too many; how many."""
    removed = 0
    crowded = [queue_id for (queue_id,) in tx.db.rows(sql.TOO_MANY_DEAD, most=MOST_ARCHIVED)]
    # Drawn anew each time, so that none has to wait for others to be done with.
    for queue_id in sorted(random.sample(crowded, min(len(crowded), QUEUES_AT_ONCE))):
        left = limit - removed
        rows = tx.db.rows(
            sql.SURPLUS_DEAD_TASKS, queue=queue_id, kept=MOST_ARCHIVED, limit=left, reach=MOST_ARCHIVED + left
        )
        if rows:
            settle_now(tx, queue_id, [Remove(task_id) for (task_id,) in rows])
        removed += len(rows)
        if removed >= limit:
            break
    return removed
