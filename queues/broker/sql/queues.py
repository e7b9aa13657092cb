"""Queues themselves: by name, their locks, their removal."""

from __future__ import annotations

from queues.broker.db import Statement

QUEUES_BY_NAME = Statement(
    """
    SELECT id, account_id, name, next_offset, settings_id, followers, push_lanes FROM queues_queue
    WHERE account_id {in:accounts} AND name {in:names} AND deleted_at IS NULL
    ORDER BY id {lock}
    """
)
"""For publishing: the lock hands out offsets. May return more pairs than were asked for."""

QUEUES_BY_ID = Statement(
    """
    SELECT id, account_id, name, next_offset, settings_id, followers, push_lanes FROM queues_queue
    WHERE id {in:ids} AND deleted_at IS NULL
    ORDER BY id {lock}
    """
)

QUEUE_IDS_BY_NAME = Statement(
    """
    SELECT id, account_id, name, push_lanes FROM queues_queue
    WHERE account_id {in:accounts} AND name {in:names} AND deleted_at IS NULL
    """
)

QUEUE_IDS_BY_TOPIC = Statement(
    """
    SELECT s.account_id, s.topic, s.queue_id FROM queues_subscription s
    JOIN queues_queue q ON q.id = s.queue_id AND q.deleted_at IS NULL
    WHERE s.account_id {in:accounts} AND s.topic {in:topics}
    """
)

_QUEUES_FOR_RECEIVE = """
    SELECT q.id, q.account_id, q.name, q.paused_at IS NOT NULL, {next_due},
        EXISTS (SELECT 1 FROM queues_delivery d
         WHERE d.queue_id = q.id AND d.lane = 0 AND NOT (d.partition_key = '')),
        q.settings_id, q.push_lanes
    FROM queues_queue q
    WHERE q.account_id {{in:accounts}} AND q.name {{in:names}} AND q.deleted_at IS NULL
"""
_NEXT_DUE_OF_QUEUE = """
        (SELECT min(d.due_at) FROM queues_delivery d
         WHERE d.queue_id = q.id AND d.lane = 0 AND d.state IN (0, 2))
"""

QUEUES_FOR_RECEIVE = Statement(_QUEUES_FOR_RECEIVE.format(next_due=_NEXT_DUE_OF_QUEUE))
"""With each queue the next instant at which a message of it becomes ready by the clock alone, and whether
any of its messages has a partition key."""

QUEUES_FOR_RECEIVE_WITHOUT_DUE = Statement(_QUEUES_FOR_RECEIVE.format(next_due="NULL"))
"""For whoever asks for that instant by itself (``floors``)."""

NEXT_MATCHING = Statement(
    """
    SELECT q.name FROM queues_queue q
    WHERE q.account_id = :account AND q.deleted_at IS NULL AND q.paused_at IS NULL AND NOT q.internal
        AND q.name > :after AND (:until = '' OR q.name <= :until) AND substr(q.name, 1, :length) = :prefix
        AND (EXISTS (SELECT 1 FROM queues_delivery d
                     WHERE d.queue_id = q.id AND d.lane = 0 AND d.state = 1)
            OR EXISTS (SELECT 1 FROM queues_delivery d
                       WHERE d.queue_id = q.id AND d.lane = 0 AND d.state IN (0, 2) AND d.due_at <= :now))
    ORDER BY q.name LIMIT 1
    """
)
"""The next queue of the account, by name, that begins with the prefix and has something to hand out."""

NEXT_DUE_MATCHING = Statement(
    """
    SELECT min((SELECT min(d.due_at) FROM queues_delivery d
                WHERE d.queue_id = q.id AND d.lane = 0 AND d.state IN (0, 2)))
    FROM queues_queue q
    WHERE q.account_id = :account AND q.deleted_at IS NULL AND q.paused_at IS NULL AND NOT q.internal
        AND substr(q.name, 1, :length) = :prefix
    """
)

NEXT_OFFSET = Statement("SELECT next_offset FROM queues_queue WHERE id = :queue")

LOCK_QUEUES = Statement("SELECT id FROM queues_queue WHERE id {in:ids} ORDER BY id {lock}")

NEXT_OFFSET = Statement("SELECT next_offset FROM queues_queue WHERE id = :queue")

FOLLOWERS = Statement("SELECT followers FROM queues_queue WHERE id = :queue")

QUEUES_NAMED = Statement(
    "SELECT id, account_id, name FROM queues_queue WHERE id {in:ids} AND deleted_at IS NULL ORDER BY id"
)

SET_FOLLOWERS = Statement("UPDATE queues_queue SET followers = :followers WHERE id = :queue")

SET_NEXT_OFFSET = Statement("UPDATE queues_queue SET next_offset = :next WHERE id = :queue")

DEAD_LETTER_QUEUE = Statement(
    """
    SELECT t.id, t.next_offset, t.settings_id,
        (SELECT s.name FROM queues_queue s WHERE s.id = :queue)
    FROM queues_queue t
    WHERE t.account_id = (SELECT s.account_id FROM queues_queue s WHERE s.id = :queue)
        AND t.name = :name AND t.deleted_at IS NULL
    {lock}
    """
)

REST_OF_QUEUE = Statement(
    """
    SELECT "offset" FROM queues_message WHERE queue_id = :queue ORDER BY "offset" LIMIT :limit
    """
)
DELETE_DELIVERY_RANGE = Statement('DELETE FROM queues_delivery WHERE queue_id = :queue AND "offset" <= :last')
DELETE_MESSAGE_RANGE = Statement(
    'DELETE FROM queues_message WHERE queue_id = :queue AND "offset" <= :last RETURNING size'
)
DELETE_COUNTERS = Statement("DELETE FROM queues_queuecounter WHERE queue_id = :queue")
DELETE_QUEUE = Statement("DELETE FROM queues_queue WHERE id = :queue AND deleted_at IS NOT NULL")
DELETE_DESTINATIONS = Statement("DELETE FROM queues_destination WHERE queue_id = :queue")
DELETE_CLOSED_LANES = Statement("DELETE FROM queues_closedlane WHERE queue_id = :queue")
DELETED_QUEUES = Statement("SELECT id FROM queues_queue WHERE deleted_at IS NOT NULL ORDER BY id LIMIT 1")
