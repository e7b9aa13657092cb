"""What the clock alone changes: delivery times that came, leases that ran out, lives that are over.

Nothing depends on this having run in time. A receiver promotes what is due before it looks, readers count by
the clock, and housekeeping only keeps the tables small.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from queues.broker import observe, sql
from queues.broker.records import LEASED, Batch, Record, load
from queues.broker.types import Micros, State
from queues.models import PULL_LANE

if TYPE_CHECKING:
    from queues.broker.db import Connection
    from queues.broker.lanes import Transaction

PROMOTE_AT_ONCE = 5_000
"""Bounds how long one receiver can hold the writer when very many messages fall due in the same moment. Only
then may a younger ready message overtake an older one that is due but not promoted yet."""


def promote(tx: Transaction, queue_id: int) -> int:
    """Make the queue's due messages ready, and those out of attempts dead. How many it changed."""
    one_by_one = tx.db.rows(
        sql.DUE_ONE_BY_ONE, queue=queue_id, lane=PULL_LANE, now=tx.now, limit=PROMOTE_AT_ONCE
    )
    if one_by_one:
        _fall_due(tx, queue_id, [row[0] for row in one_by_one])
    promoted = tx.db.rows(sql.PROMOTE, queue=queue_id, lane=PULL_LANE, now=tx.now, limit=PROMOTE_AT_ONCE)
    for (tag,) in promoted:
        tx.wakes.ready(queue_id, tag)
    return len(promoted) + len(one_by_one)


def _fall_due(tx: Transaction, queue_id: int, offsets: list[int]) -> list[Record]:
    rows = tx.db.rows(sql.RECORDS_BY_OFFSET, queue=queue_id, offsets=offsets)
    batch = Batch(tx, queue_id, load(tx, queue_id, rows))
    # Settled or leased anew since the first look? Then its due time has moved.
    due = [record for record in batch.records if record.state is not None and record.due_at <= tx.now]
    tx.note(observe.Event.LEASE_EXPIRED, sum(record.state == LEASED for record in due))
    for record in due:
        record.fall_due(tx.now)
    batch.flush()
    return due


def expire(tx: Transaction, queue_id: int, offsets: list[int]) -> int:
    """End the lives of those of the messages whose time is over. How many that were."""
    rows = tx.db.rows(sql.RECORDS_BY_OFFSET, queue=queue_id, offsets=offsets)
    batch = Batch(tx, queue_id, load(tx, queue_id, rows))
    # Dead already, if its last lease ran out unnoticed: then its settings may spare it.
    lost = [r for r in batch.records if r.state == LEASED and r.visible_state(tx.now) is State.FAILED]
    tx.note(observe.Event.LEASE_EXPIRED, len(lost))
    for record in lost:
        record.fall_due(tx.now)
    left = [record for record in batch.records if not record.gone]
    over = [record for record in left if record.sweep_at is not None and record.sweep_at <= tx.now]
    expired = 0
    for record in over:
        if record.outlives(tx.now):
            record.put_off_expiry()
        else:
            record.expire(tx.now)
            expired += 1
    batch.flush()
    tx.tally.add(queue_id, expired_total=expired)
    return expired


def sweep(tx: Transaction, limit: int) -> int:
    """Expire up to ``limit`` messages of any queue. How many were found."""
    found: dict[int, list[int]] = defaultdict(list)
    rows = tx.db.rows(sql.EXPIRED, now=tx.now, limit=limit)
    for queue_id, offset in rows:
        found[queue_id].append(offset)
    for queue_id in sorted(found):
        expire(tx, queue_id, found[queue_id])
    return len(rows)


def queues_due(tx: Transaction) -> list[int]:
    """Queues in which something is due now."""
    return [row[0] for row in tx.db.rows(sql.QUEUES_DUE, now=tx.now)]


def next_due(db: Connection, queue_id: int) -> Micros | None:
    at: Micros | None = db.rows(sql.NEXT_DUE, queue=queue_id, lane=PULL_LANE)[0][0]
    return at
