"""Every statement the engine runs, named. State numbers are written out, since a partial index serves a
query only when its condition stands in it literally: 0 scheduled, 1 ready, 2 leased, 3 blocked. For the same
reason "not empty" is written NOT (tag = ''), as the indexes have it: to SQLite <> is another condition.

Locks are taken in one order everywhere: queue rows (by id), then account rows (``quotas``), then delivery
rows (by offset), then message rows; what cannot keep to it skips locked rows. A deadlock that slips through
is retried by the lane.
"""

from __future__ import annotations

from queues.broker.counters import COLUMNS
from queues.broker.db import Insert, Statement, Update
from queues.broker.types import State

# ---------------------------------------------------------------- queues

QUEUES_BY_NAME = Statement(
    """
    SELECT id, account_id, name, next_offset, settings_id FROM queues_queue
    WHERE account_id {in:accounts} AND name {in:names} AND deleted_at IS NULL
    ORDER BY id {lock}
    """
)
"""For publishing: the lock hands out offsets. May return more pairs than were asked for."""

QUEUES_BY_ID = Statement(
    """
    SELECT id, account_id, name, next_offset, settings_id FROM queues_queue
    WHERE id {in:ids} AND deleted_at IS NULL
    ORDER BY id {lock}
    """
)

QUEUE_IDS_BY_NAME = Statement(
    """
    SELECT id, account_id, name FROM queues_queue
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

QUEUES_FOR_RECEIVE = Statement(
    """
    SELECT q.id, q.account_id, q.name, q.paused_at IS NOT NULL,
        (SELECT min(d.due_at) FROM queues_delivery d
         WHERE d.queue_id = q.id AND d.lane = 0 AND d.state IN (0, 2)),
        EXISTS (SELECT 1 FROM queues_delivery d
         WHERE d.queue_id = q.id AND d.lane = 0 AND NOT (d.partition_key = ''))
    FROM queues_queue q
    WHERE q.account_id {in:accounts} AND q.name {in:names} AND q.deleted_at IS NULL
    """
)
"""With each queue the next instant at which a message of it becomes ready by the clock alone, and whether
any of its messages has a partition key."""

LOCK_QUEUES = Statement("SELECT id FROM queues_queue WHERE id {in:ids} ORDER BY id {lock}")

SET_NEXT_OFFSET = Statement("UPDATE queues_queue SET next_offset = :next WHERE id = :queue")

# ---------------------------------------------------------------- messages

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

DELETE_MESSAGES = Statement('DELETE FROM queues_message WHERE queue_id = :queue AND "offset" {in:offsets}')

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
    m.claimed_at, m.last_error, m.acked_at, m.dead_at, m.dead_reason
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

# ---------------------------------------------------------------- deliveries

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
        claimed_at = :now
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
        WHERE d.queue_id = :queue AND d.lane = :lane AND d.state = 1 {filter}
        ORDER BY d.rank, d."offset" LIMIT :limit {{skip_locked}}
    )
    SELECT c.deliver_at, c.attempts, c.max_attempts, c.receipt,
        m."offset", m.public_id, m.settings_id, m.size, m.tag, m.partition_key, m.priority, m.created_at,
        m.expires_at, m.sweep_at, m.body, m.encoding, m.metadata, m.headers
    FROM claimed c JOIN queues_message m ON m.queue_id = :queue AND m."offset" = c."offset"
"""

CLAIM = Statement(_CLAIM.format(filter=""))
"""The next ready messages. A row another transaction is settling is skipped, never waited for."""

CLAIM_TAGGED = Statement(_CLAIM.format(filter="AND d.tag = :tag AND NOT (d.tag = '')"))

PROMOTE = Statement(
    """
    UPDATE queues_delivery SET state = 1
    WHERE queue_id = :queue AND lane = :lane AND "offset" IN (
        SELECT d."offset" FROM queues_delivery d
        WHERE d.queue_id = :queue AND d.lane = :lane AND d.state IN (0, 2) AND d.due_at <= :now
            AND d.partition_key = '' AND (d.state = 0 OR d.attempts < d.max_attempts)
        ORDER BY d.due_at LIMIT :limit {skip_locked}
    )
    RETURNING tag, due_at <> deliver_at
    """
)
"""Scheduled and due, or leased and not settled in time: ready again. (Keyed and exhausted ones are
decided one by one.) Skips what another transaction is promoting or settling just now. Returned with the tag:
whether it was leased, since until then a message is due when it is to be delivered."""

DUE_ONE_BY_ONE = Statement(
    """
    SELECT f."offset" FROM (
        SELECT d."offset", d.partition_key, d.state, d.attempts, d.max_attempts FROM queues_delivery d
        WHERE d.queue_id = :queue AND d.lane = :lane AND d.state IN (0, 2) AND d.due_at <= :now
        ORDER BY d.due_at LIMIT :limit
    ) f
    WHERE f.partition_key <> '' OR (f.state = 2 AND f.attempts >= f.max_attempts)
    """
)
"""Only among the first that are due: with a million simple ones due this must not pass them all."""

NEXT_DUE = Statement(
    """
    SELECT min(due_at) FROM queues_delivery
    WHERE queue_id = :queue AND lane = :lane AND state IN (0, 2)
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

# ---------------------------------------------------------------- looking

# The state at :now, as if every due change had been made (records.Record.visible_state says the same).
_STATE = """
    CASE WHEN m.acked_at IS NOT NULL THEN 'acked'
        WHEN d.state IS NULL THEN 'failed'
        WHEN d.state = 2 AND d.due_at > :now THEN 'processing'
        WHEN d.state = 2 AND d.attempts >= d.max_attempts THEN 'failed'
        WHEN d.state = 0 AND d.due_at > :now THEN 'scheduled'
        ELSE 'pending' END
"""
_ALIVE = "(m.sweep_at IS NULL OR m.sweep_at > :now)"

_VIEW = f"""
    m.public_id, m."offset", {_STATE}, m.body, m.encoding, m.size, m.tag, m.partition_key, m.priority,
    m.metadata, m.headers, m.created_at, coalesce(d.updated_at, m.updated_at),
    coalesce(d.deliver_at, m.deliver_at), m.expires_at, coalesce(d.attempts, m.attempts),
    CASE WHEN d.state = 2 AND d.due_at > :now THEN d.due_at END, coalesce(d.receipt, m.receipt),
    coalesce(d.claimed_at, m.claimed_at), m.last_error, m.acked_at,
    CASE WHEN d.state = 2 AND d.due_at <= :now AND d.attempts >= d.max_attempts THEN d.due_at
        ELSE m.dead_at END,
    m.dead_reason, coalesce(d.consumer, ''), m.origin, m.settings_id
"""
_WITH_DELIVERY = """
    FROM queues_message m LEFT JOIN queues_delivery d
        ON d.queue_id = m.queue_id AND d.lane = 0 AND d."offset" = m."offset"
"""

VIEW_ONE = Statement(
    f"SELECT {_VIEW} {_WITH_DELIVERY} WHERE m.queue_id = :queue AND m.public_id = :id AND {_ALIVE}"
)

# Where the messages of a state are to be looked for, so that a rare state is found by its index and not by
# passing all others.
_BY_CLOCK = """
    SELECT "offset" FROM queues_delivery
    WHERE queue_id = :queue AND lane = 0 AND state IN (0, 2) AND due_at
"""
_EXHAUSTED = f"{_BY_CLOCK} <= :now AND state = 2 AND attempts >= max_attempts"
_DEAD = 'SELECT "offset" FROM queues_message WHERE queue_id = :queue AND dead_at IS NOT NULL'
_AMONG: dict[State | None, str] = {
    None: "",
    State.ACKED: "AND m.acked_at IS NOT NULL",
    State.FAILED: f'AND m."offset" IN ({_DEAD} UNION ALL {_EXHAUSTED})',
    State.PROCESSING: f'AND m."offset" IN ({_BY_CLOCK} > :now AND state = 2)',
    State.SCHEDULED: f'AND m."offset" IN ({_BY_CLOCK} > :now AND state = 0)',
    State.PENDING: "",
}


def _selection(state: State | None, tagged: bool) -> str:
    """FROM and WHERE for the messages of a queue that are in ``state`` now."""
    from_both = _WITH_DELIVERY.replace("LEFT JOIN", "JOIN") if state is State.PENDING else _WITH_DELIVERY
    return f"""
        {from_both} WHERE m.queue_id = :queue {_AMONG[state]}
        {"" if state is None else f"AND {_STATE} = '{state}'"}
        {"AND m.tag = :tag AND NOT (m.tag = '')" if tagged else ""}
    """


_CHOICES = [(state, tagged) for state in (None, *State) for tagged in (False, True)]

VIEW_PAGES = {
    choice: Statement(
        f"""
        SELECT {_VIEW} {_selection(*choice)} AND {_ALIVE}
        ORDER BY m."offset" LIMIT :limit OFFSET :skip
        """
    )
    for choice in _CHOICES
}

OFFSETS_IN_STATE = {
    choice: Statement(
        f"""
        SELECT m."offset" {_selection(*choice)} AND m."offset" > :after AND m."offset" < :until
        ORDER BY m."offset" LIMIT :limit
        """
    )
    for choice in _CHOICES
}

COUNT_ALL = Statement(
    f"""
    SELECT
        (SELECT sum(messages) FROM queues_queuecounter WHERE queue_id = :queue),
        (SELECT sum(acked) FROM queues_queuecounter WHERE queue_id = :queue),
        (SELECT sum(dead) FROM queues_queuecounter WHERE queue_id = :queue),
        (SELECT count(*) FROM queues_delivery
         WHERE queue_id = :queue AND lane = 0 AND state IN (0, 2) AND due_at > :now AND state = 0),
        (SELECT count(*) FROM queues_delivery
         WHERE queue_id = :queue AND lane = 0 AND state IN (0, 2) AND due_at > :now AND state = 2),
        (SELECT count(*) FROM queues_delivery
         WHERE queue_id = :queue AND lane = 0 AND state IN (0, 2) AND due_at <= :now AND state = 2
            AND attempts >= max_attempts),
        count(CASE state WHEN 'pending' THEN 1 END), count(CASE state WHEN 'processing' THEN 1 END),
        count(CASE state WHEN 'scheduled' THEN 1 END), count(CASE state WHEN 'failed' THEN 1 END),
        count(CASE state WHEN 'acked' THEN 1 END)
    FROM (
        SELECT {_STATE} AS state {_WITH_DELIVERY}
        WHERE +m.queue_id = :queue AND m.sweep_at IS NOT NULL AND m.sweep_at <= :now
    ) expired
    """
)
"""The running totals, what is not pending (few, or at least indexed), and what the next sweep will take: that
counts no more. One statement, so that all are of one snapshot. The plus keeps SQLite from walking through all
messages of the queue to find the expired ones."""

COUNT_TAGGED = Statement(
    f"""
    SELECT {_STATE}, count(*) {_WITH_DELIVERY}
    WHERE m.queue_id = :queue AND m.tag = :tag AND NOT (m.tag = '') AND {_ALIVE} GROUP BY 1
    """
)

OFFSETS_BY_ID = Statement(
    'SELECT "offset" FROM queues_message WHERE queue_id = :queue AND public_id {in:ids} ORDER BY "offset"'
)

# ---------------------------------------------------------------- removing queues

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
DELETED_QUEUES = Statement("SELECT id FROM queues_queue WHERE deleted_at IS NOT NULL ORDER BY id LIMIT 1")

# ---------------------------------------------------------------- dead-letter queues

DEAD_LETTER_QUEUE = Statement(
    """
    SELECT t.id, t.next_offset, t.settings_id FROM queues_queue t
    WHERE t.account_id = (SELECT s.account_id FROM queues_queue s WHERE s.id = :queue)
        AND t.name = :name AND t.deleted_at IS NULL
    {lock}
    """
)

COPY_MESSAGE = Statement(
    f"""
    INSERT INTO queues_message ({", ".join(MESSAGE_COLUMNS)})
    SELECT :target, :target_offset, :public_id, :settings, body, encoding, size, tag, partition_key,
        priority, metadata, headers, created_at, :now, :now, :expires_at, :sweep_at, 0, 0, :reason
    FROM queues_message WHERE queue_id = :queue AND "offset" = :source_offset
    """
)

DATA_VERSION = Statement("PRAGMA data_version")
"""SQLite only: changes when another connection writes."""

# ---------------------------------------------------------------- counters, settings

ADD_TO_COUNTER = Statement(
    f"""
    INSERT INTO queues_queuecounter (queue_id, shard, {", ".join(COLUMNS)})
    VALUES (:queue, :shard, {", ".join(f":{column}" for column in COLUMNS)})
    ON CONFLICT (queue_id, shard) DO UPDATE SET
    {", ".join(f"{column} = queues_queuecounter.{column} + excluded.{column}" for column in COLUMNS)}
    """
)

LOAD_SETTINGS = Statement("SELECT id, document FROM queues_settingsversion WHERE id {in:ids}")
FIND_SETTINGS = Statement("SELECT id FROM queues_settingsversion WHERE digest = :digest")
STORE_SETTINGS = Statement(
    """
    INSERT INTO queues_settingsversion (digest, document, created_at) VALUES (:digest, :document, :now)
    ON CONFLICT (digest) DO NOTHING
    """
)
