"""Lanes of destinations."""

from __future__ import annotations

from queues.broker.db import Statement, Update
from queues.broker.sql.deliveries import DELIVERY_KEY

PUSH_LANES = Statement("SELECT push_lanes FROM queues_queue WHERE id = :queue")

CLOSED_LANE = Statement("SELECT queue_id, lane FROM queues_closedlane ORDER BY id LIMIT 1")
FORGET_CLOSED_LANE = Statement("DELETE FROM queues_closedlane WHERE queue_id = :queue AND lane = :lane")

REST_OF_LANE = Statement(
    """
    SELECT "offset" FROM queues_delivery WHERE queue_id = :queue AND lane = :lane
    ORDER BY "offset" LIMIT :limit {lock}
    """
)

LOCK_PUSH_DELIVERIES = Statement(
    """
    SELECT "offset" FROM queues_delivery
    WHERE queue_id = :queue AND lane {in:lanes} AND "offset" {in:offsets}
    ORDER BY lane, "offset" {lock}
    """
)

WAITING_LANES = Statement(
    'SELECT lane FROM queues_delivery WHERE queue_id = :queue AND lane {in:lanes} AND "offset" = :offset'
)
"""Destinations that have not had the message."""

DELETE_PUSH_DELIVERIES = Statement(
    'DELETE FROM queues_delivery WHERE queue_id = :queue AND lane {in:lanes} AND "offset" {in:offsets}'
)

LOCK_DELETED_WHEN_PUSHED = Statement(
    """
    SELECT "offset", size FROM queues_message
    WHERE queue_id = :queue AND "offset" {in:offsets} AND delete_when_pushed AND acked_at IS NOT NULL
    ORDER BY "offset" {lock}
    """
)

MESSAGE_FOR_LANE = Statement(
    """
    SELECT tag, partition_key, priority, sweep_at FROM queues_message
    WHERE queue_id = :queue AND "offset" = :offset AND (sweep_at IS NULL OR sweep_at > :now)
    """
)

DELIVER_AGAIN = Statement(
    """
    INSERT INTO queues_delivery (queue_id, lane, "offset", state, rank, tag, partition_key, deliver_at,
        due_at, sweep_at, updated_at, attempts, max_attempts, receipt, consumer)
    VALUES (:queue, :lane, :offset, :state, :rank, :tag, :key, :now,
        :now, :sweep_at, :now, 0, :no_limit, 0, '')
    ON CONFLICT (queue_id, lane, "offset") DO UPDATE SET state = excluded.state, due_at = excluded.due_at,
        deliver_at = excluded.deliver_at, attempts = 0, updated_at = excluded.updated_at
    WHERE queues_delivery.state <> 2
    """
)
"""One that is leased is left alone: it is on its way."""

KEEP_UNTIL_PUSHED = Statement(
    'UPDATE queues_message SET delete_when_pushed = TRUE WHERE queue_id = :queue AND "offset" {in:offsets}'
)

LOCK_LANE = Statement(
    """
    SELECT "offset", receipt, state, partition_key FROM queues_delivery
    WHERE queue_id = :queue AND lane = :lane AND "offset" {in:offsets}
    ORDER BY "offset" {lock}
    """
)

RESCHEDULE = Update(
    "queues_delivery",
    {
        "state": "smallint",
        "deliver_at": "bigint",
        "due_at": "bigint",
        "updated_at": "bigint",
        "attempts": "int",
        "consumer": "text",
    },
    DELIVERY_KEY,
)

PROMOTE_PUSHES = Statement(
    """
    UPDATE queues_delivery SET state = 1
    WHERE queue_id = :queue AND lane = :lane AND "offset" IN (
        SELECT d."offset" FROM queues_delivery d
        WHERE d.queue_id = :queue AND d.lane = :lane AND d.state IN (0, 2) AND d.due_at <= :now
        ORDER BY d.due_at LIMIT :limit {skip_locked}
    )
    RETURNING partition_key
    """
)
"""Due, or leased by a worker that has not settled in time: in a destination's lane no lease that ran out is
the last one."""
