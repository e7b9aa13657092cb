"""The hot rows: what is still to be handled."""

from __future__ import annotations

from queues.broker.db import Insert, Statement, Update

DELIVERY_KEY = {"queue_id": "bigint", "lane": "int", '"offset"': "bigint"}
DELIVERY_COLUMNS = {
    "queue_id": "bigint",
    "lane": "int",
    '"offset"': "bigint",
    "state": "smallint",
    "rank": "smallint",
    "tag": "text",
    "partition_key": "text",
    "deliver_at": "bigint",
    "due_at": "bigint",
    "sweep_at": "bigint",
    "updated_at": "bigint",
    "attempts": "int",
    "max_attempts": "int",
    "receipt": "bigint",
    "consumer": "text",
    "claimed_at": "bigint",
}

INSERT_DELIVERIES = Insert("queues_delivery", DELIVERY_COLUMNS)

UPDATE_DELIVERIES = Update(
    "queues_delivery",
    {
        "state": "smallint",
        "deliver_at": "bigint",
        "due_at": "bigint",
        "sweep_at": "bigint",
        "updated_at": "bigint",
        "attempts": "int",
        "receipt": "bigint",
        "consumer": "text",
    },
    DELIVERY_KEY,
)

DELETE_DELIVERIES = Statement(
    'DELETE FROM queues_delivery WHERE queue_id = :queue AND lane = :lane AND "offset" {in:offsets}'
)

LEASE = Statement(
    """
    UPDATE queues_delivery SET state = 2, due_at = :until, updated_at = :now, attempts = attempts + 1,
        receipt = CASE WHEN receipt >= :now THEN receipt + 1 ELSE :now END, consumer = :consumer,
        claimed_at = :now,
        sweep_at = CASE WHEN sweep_at < :spared_until THEN :spared_until ELSE sweep_at END
    WHERE queue_id = :queue AND lane = :lane AND "offset" {in:offsets}
    """
)
"""Of rows the transaction has locked and found ready."""

DELIVERY_FIELDS = """
    d."offset", d.state, d.deliver_at, d.due_at, d.updated_at, d.attempts, d.max_attempts, d.receipt,
    d.consumer, d.claimed_at
"""

LOCK_DELIVERIES = Statement(
    f"""
    SELECT {DELIVERY_FIELDS} FROM queues_delivery d
    WHERE d.queue_id = :queue AND d.lane = :lane AND d."offset" {{in:offsets}}
    ORDER BY d."offset" {{lock}}
    """
)

_CLAIM = """
    WITH claimed AS MATERIALIZED (
        SELECT d."offset", d.deliver_at, d.attempts, d.max_attempts, d.receipt
        FROM queues_delivery d
        WHERE d.queue_id = :queue AND d.lane = :lane AND d.state = 1 {chosen} {{skip_locked}}
    )
    SELECT c.deliver_at, c.attempts, c.max_attempts, c.receipt,
        m."offset", m.public_id, m.settings_id, m.size, m.tag, m.partition_key, m.priority, m.created_at,
        m.expires_at, m.sweep_at, m.body, m.encoding, m.metadata, m.headers,
        m.idempotency_key, m.retries
    FROM claimed c JOIN queues_message m ON m.queue_id = :queue AND m."offset" = c."offset"
"""

_FIRST = 'ORDER BY d.rank, d."offset" LIMIT :limit'

CLAIM = Statement(_CLAIM.format(chosen=_FIRST))
"""The next ready messages. A row another transaction is settling is skipped, never waited for."""

CLAIM_TAGGED = Statement(_CLAIM.format(chosen=f"AND d.tag = :tag AND NOT (d.tag = '') {_FIRST}"))

_SINCE = f'AND (d.rank, d."offset") >= (:rank, :since) {_FIRST}'
CLAIM_SINCE = Statement(_CLAIM.format(chosen=_SINCE))
CLAIM_TAGGED_SINCE = Statement(_CLAIM.format(chosen=f"AND d.tag = :tag AND NOT (d.tag = '') {_SINCE}"))
"""From a place in delivery order on (``floors``)."""

CLAIM_OFFSETS = Statement(_CLAIM.format(chosen='AND d."offset" {in:offsets}'))

READY_OF_TAG = Statement(
    """
    SELECT d.rank, d."offset" FROM queues_delivery d
    WHERE d.queue_id = :queue AND d.lane = :lane AND d.state = 1 AND d.tag = :tag AND NOT (d.tag = '')
    ORDER BY d.rank, d."offset" LIMIT :limit
    """
)
"""For receivers that take several tags: one ordered walk through several ranges of an index is beyond both
databases, so each tag's first ones are asked for and merged, and then claimed by offset."""

PROMOTE = Statement(
    """
    UPDATE queues_delivery SET state = 1
    WHERE queue_id = :queue AND lane = :lane AND "offset" IN (
        SELECT d."offset" FROM queues_delivery d
        WHERE d.queue_id = :queue AND d.lane = :lane AND d.state IN (0, 2) AND d.due_at <= :now
            AND d.partition_key = '' AND d.state = 0
        ORDER BY d.due_at LIMIT :limit {skip_locked}
    )
    RETURNING tag
    """
)
"""Scheduled and due: ready. (Keyed ones, and leases that ran out, are decided one by one.) Skips what another
transaction is promoting just now."""

DUE_ONE_BY_ONE = Statement(
    """
    SELECT f."offset" FROM (
        SELECT d."offset", d.partition_key, d.state FROM queues_delivery d
        WHERE d.queue_id = :queue AND d.lane = :lane AND d.state IN (0, 2) AND d.due_at <= :now
        ORDER BY d.due_at LIMIT :limit
    ) f
    WHERE f.partition_key <> '' OR f.state = 2
    """
)
"""Only among the first that are due: with a million simple ones due this must not pass them all."""

HELD = Statement(
    """
    SELECT d.consumer, count(*) FROM queues_delivery d
    WHERE d.queue_id = :queue AND d.lane = :lane AND d.consumer {in:consumers} AND d.state = 2
        AND d.due_at > :now AND NOT (d.consumer = '')
    GROUP BY d.consumer
    """
)
"""How many messages each of these consumers has in its hands."""

LOCK_RECEIVERS = Statement("SELECT pg_advisory_xact_lock(:channel)")
"""PostgreSQL: those who count what their consumers hold take turns, queue by queue; nobody else waits."""

NEXT_DUE = Statement(
    """
    SELECT min(due_at) FROM queues_delivery
    WHERE queue_id = :queue AND lane = :lane AND state IN (0, 2)
    """
)

NEXT_DUE_SINCE = Statement(
    """
    SELECT min(due_at) FROM queues_delivery
    WHERE queue_id = :queue AND lane = :lane AND state IN (0, 2) AND due_at >= :since
    """
)

COUNT_HELD = Statement(
    """
    SELECT count(*) FROM queues_delivery
    WHERE queue_id = :queue AND lane = :lane AND state IN (0, 2) AND due_at > :now AND state = 2
    """
)

LOWEST_RANK = Statement(
    "SELECT max(rank) FROM queues_delivery WHERE queue_id = :queue AND lane = :lane AND state = 1"
)
OLDEST_OF_RANK = Statement(
    """
    SELECT d."offset" FROM queues_delivery d
    WHERE d.queue_id = :queue AND d.lane = :lane AND d.state = 1 AND d.rank = :rank
    ORDER BY d."offset" LIMIT :limit {skip_locked}
    """
)
OLDEST_SCHEDULED = Statement(
    """
    SELECT d."offset" FROM queues_delivery d
    WHERE d.queue_id = :queue AND d.lane = :lane AND d.state IN (0, 2) AND d.state = 0
    ORDER BY d."offset" LIMIT :limit {skip_locked}
    """
)

QUEUES_DUE = Statement(
    """
    SELECT q.id FROM queues_queue q WHERE EXISTS (
        SELECT 1 FROM queues_delivery d
        WHERE d.queue_id = q.id AND d.lane = 0 AND d.state IN (0, 2) AND d.due_at <= :now)
    """
)

OUT_OF_KEYS = Statement(
    """
    SELECT d.partition_key, d."offset", d.state FROM queues_delivery d
    WHERE d.queue_id = :queue AND d.lane = :lane AND d.partition_key {in:keys} AND NOT (d.partition_key = '')
        AND d.state IN (0, 1, 2) AND (d.state <> 0 OR d.attempts > 0)
    {lock}
    """
)
"""Of each key: what is ready, leased or waiting for a retry. Locked, so that none is claimed meanwhile."""

FIRST_BLOCKED_OF_KEYS = Statement(
    """
    SELECT k.value, (
        SELECT min(d."offset") FROM queues_delivery d
        WHERE d.queue_id = :queue AND d.lane = :lane AND d.partition_key = k.value AND d.state = 3
            AND NOT (d.partition_key = ''))
    FROM {each:keys} k
    """
)

SET_STATE = Update("queues_delivery", {"state": "smallint"}, DELIVERY_KEY)
