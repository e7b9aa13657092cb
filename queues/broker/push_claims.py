"""Handing out what is in a destination's lane, and being done with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queues.broker import due, partition_keys, push_lanes, sql

if TYPE_CHECKING:
    from queues.broker.db import Row
    from queues.broker.lanes import Transaction
    from queues.broker.types import Micros

# In a row of sql.CLAIM.
OFFSET_OF_CLAIM, RANK_OF_CLAIM, SWEEP_OF_CLAIM = 4, 10, 13


def promote(tx: Transaction, queue_id: int, lane: int, limit: int) -> None:
    """Make the lane's due deliveries ready, also those whose lease ran out. Where it has partition keys, the
    caller holds the lock of the queue's row."""
    promoted = tx.db.rows(sql.PROMOTE_PUSHES, queue=queue_id, lane=lane, now=tx.now, limit=limit)
    keys = {key for (key,) in promoted} - {""}
    if keys:
        partition_keys.put_in_order(tx, queue_id, keys, lane)


def claim(tx: Transaction, queue_id: int, lane: int, limit: int, lease_until: Micros) -> list[Row]:
    """Lease the lane's next ready deliveries: rows as of ``sql.CLAIM``, in order. What expired is done
    with."""
    rows = tx.db.rows(sql.CLAIM, queue=queue_id, lane=lane, limit=limit)
    rows.sort(key=lambda row: (-row[RANK_OF_CLAIM], row[OFFSET_OF_CLAIM]))
    expired = [row for row in rows if row[SWEEP_OF_CLAIM] is not None and row[SWEEP_OF_CLAIM] <= tx.now]
    if expired:
        due.expire(tx, queue_id, [row[OFFSET_OF_CLAIM] for row in expired])
        rows = [row for row in rows if row not in expired]
    if rows:
        offsets = [row[OFFSET_OF_CLAIM] for row in rows]
        tx.db.run(
            sql.LEASE,
            queue=queue_id,
            lane=lane,
            offsets=offsets,
            until=lease_until,
            now=tx.now,
            consumer="",
            spared_until=0,
        )
    return rows


def finish(tx: Transaction, queue_id: int, lane: int, offsets: list[int]) -> None:
    """These deliveries are done with, however they went."""
    tx.db.run(sql.DELETE_DELIVERIES, queue=queue_id, lane=lane, offsets=offsets)
    push_lanes.release(tx, queue_id, offsets)
