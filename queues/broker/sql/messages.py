"""The durable records."""

from __future__ import annotations

from queues.broker.db import Copy, Insert, Statement, Update

MESSAGE_COLUMNS = {
    "queue_id": "bigint",
    '"offset"': "bigint",
    "public_id": "text",
    "settings_id": "bigint",
    "body": "text",
    "encoding": "smallint",
    "size": "int",
    "tag": "text",
    "partition_key": "text",
    "priority": "smallint",
    "metadata": "text",
    "headers": "text",
    "created_at": "bigint",
    "updated_at": "bigint",
    "deliver_at": "bigint",
    "expires_at": "bigint",
    "sweep_at": "bigint",
    "attempts": "int",
    "receipt": "bigint",
    "dead_reason": "text",
    "idempotency_key": "text",
}
MESSAGE_KEY = {"queue_id": "bigint", '"offset"': "bigint"}

INSERT_MESSAGES = Insert("queues_message", MESSAGE_COLUMNS)

UPDATE_MESSAGES = Update(
    "queues_message",
    {
        "updated_at": "bigint",
        "deliver_at": "bigint",
        "expires_at": "bigint",
        "sweep_at": "bigint",
        "attempts": "int",
        "receipt": "bigint",
        "claimed_at": "bigint",
        "last_error": "text",
        "acked_at": "bigint",
        "dead_at": "bigint",
        "dead_reason": "text",
    },
    MESSAGE_KEY,
)

ACK_MESSAGES = Update(
    "queues_message",
    {
        "updated_at": "bigint",
        "deliver_at": "bigint",
        "sweep_at": "bigint",
        "attempts": "int",
        "receipt": "bigint",
        "claimed_at": "bigint",
        "acked_at": "bigint",
    },
    MESSAGE_KEY,
)
"""Of messages that are acked as they are handed out."""

SET_RETRIES = Update("queues_message", {"retries": "int"}, MESSAGE_KEY)

SET_LATE_ACK = Update("queues_message", {"late_ack_until": "bigint"}, MESSAGE_KEY)

DELETE_MESSAGES = Statement('DELETE FROM queues_message WHERE queue_id = :queue AND "offset" {in:offsets}')

STORED_KEYS = Statement(
    """
    SELECT idempotency_key, public_id, "offset", created_at, sweep_at FROM queues_message
    WHERE queue_id = :queue AND idempotency_key {in:keys}
    """
)

STORED_IDS = Statement(
    """
    SELECT public_id, "offset", created_at, sweep_at FROM queues_message
    WHERE queue_id = :queue AND public_id {in:ids}
    """
)

# What a record needs to change state: the message's side. Its delivery, if it has one, comes on top.
RECORD_FIELDS = """
    m.queue_id, m."offset", m.public_id, m.settings_id, m.size, m.tag, m.partition_key, m.priority,
    m.created_at, m.updated_at, m.deliver_at, m.expires_at, m.sweep_at, m.attempts, m.receipt,
    m.claimed_at, m.last_error, m.acked_at, m.dead_at, m.dead_reason, m.late_ack_until
"""

RECORDS_BY_ID = Statement(
    f"SELECT {RECORD_FIELDS} FROM queues_message m WHERE m.queue_id = :queue AND m.public_id {{in:ids}}"
)

RECORDS_BY_OFFSET = Statement(
    f'SELECT {RECORD_FIELDS} FROM queues_message m WHERE m.queue_id = :queue AND m."offset" {{in:offsets}}'
)

LOCK_RECORDS = Statement(
    f"""
    SELECT {RECORD_FIELDS} FROM queues_message m WHERE m.queue_id = :queue AND m."offset" {{in:offsets}}
    ORDER BY m."offset" {{lock}}
    """
)
"""Messages without a delivery: nobody else's lock guards their end of life."""

BODIES = Statement(
    """
    SELECT "offset", body, encoding, metadata, headers FROM queues_message
    WHERE queue_id = :queue AND "offset" {in:offsets}
    """
)

EXPIRED = Statement(
    """
    SELECT queue_id, "offset" FROM queues_message
    WHERE sweep_at IS NOT NULL AND sweep_at <= :now ORDER BY sweep_at LIMIT :limit
    """
)

CAME_FROM = Statement(
    """
    SELECT m."offset", m.origin, t.name FROM queues_message m JOIN queues_queue t ON t.id = :target
    WHERE m.queue_id = :queue AND m."offset" {in:offsets} AND m.origin IS NOT NULL
    """
)
"""With the target's name, to compare."""

TAKEN_OFFSETS = Statement(
    'SELECT "offset" FROM queues_message WHERE queue_id = :queue AND "offset" {in:offsets}'
)

COPY_MESSAGES = Copy(
    "queues_message",
    {
        "queue_id": "bigint",
        '"offset"': "bigint",
        "public_id": "text",
        "settings_id": "bigint",
        "updated_at": "bigint",
        "deliver_at": "bigint",
        "expires_at": "bigint",
        "sweep_at": "bigint",
        "attempts": "int",
        "receipt": "bigint",
        "dead_reason": "text",
        "last_error": "text",
        "origin": "text",
    },
    (
        "body", "encoding", "size", "tag", "partition_key", "priority", "metadata", "headers", "created_at",
    ),
    MESSAGE_KEY,
)  # fmt: skip
"""To another queue: with all that was published, and with the life it has there."""
