"""Counters, settings, and whether others have written."""

from __future__ import annotations

from queues.broker.counters import COLUMNS
from queues.broker.db import Statement

ADD_TO_COUNTER = Statement(
    f"""
    INSERT INTO queues_queuecounter (queue_id, shard, {", ".join(COLUMNS)})
    VALUES (:queue, :shard, {", ".join(f":{column}" for column in COLUMNS)})
    ON CONFLICT (queue_id, shard) DO UPDATE SET
    {", ".join(f"{column} = queues_queuecounter.{column} + excluded.{column}" for column in COLUMNS)}
    """
)

COUNT_STORED = Statement(
    """
    SELECT CAST(coalesce(sum(messages), 0) AS bigint) FROM queues_queuecounter WHERE queue_id = :queue
    """
)

COUNT_ALIVE = Statement(
    """
    SELECT CAST(coalesce(sum(messages - acked - dead), 0) AS bigint) FROM queues_queuecounter
    WHERE queue_id = :queue
    """
)
"""Neither acked nor dead."""

SEEN_KEYS = Statement(
    "SELECT digest FROM queues_seenkey WHERE queue_id = :queue AND digest {in:digests} AND until > :now"
)
NOTE_KEY = Statement(
    """
    INSERT INTO queues_seenkey (queue_id, digest, until) VALUES (:queue, :digest, :until)
    ON CONFLICT (queue_id, digest) DO UPDATE SET until = excluded.until
    """
)
FORGET_KEYS = Statement(
    """
    DELETE FROM queues_seenkey
    WHERE id IN (SELECT id FROM queues_seenkey WHERE until <= :now ORDER BY until LIMIT :limit)
    RETURNING id
    """
)

ADD_BROADCAST = Statement(
    """
    INSERT INTO queues_broadcast (queue_id, origin, document, at) VALUES (:queue, :origin, :document, :now)
    """
)
BROADCASTS = Statement(
    """
    SELECT id, queue_id, document, at FROM queues_broadcast
    WHERE at > :since AND origin <> :origin ORDER BY at, id
    """
)
FORGET_BROADCASTS = Statement(
    """
    DELETE FROM queues_broadcast
    WHERE id IN (SELECT id FROM queues_broadcast WHERE at <= :before ORDER BY at LIMIT :limit) RETURNING id
    """
)

DELETE_SAMPLES = Statement("DELETE FROM queues_queuesample WHERE queue_id = :queue")

LOAD_SETTINGS = Statement("SELECT id, document FROM queues_settingsversion WHERE id {in:ids}")
FIND_SETTINGS = Statement("SELECT id FROM queues_settingsversion WHERE digest = :digest")
STORE_SETTINGS = Statement(
    """
    INSERT INTO queues_settingsversion (digest, document, created_at) VALUES (:digest, :document, :now)
    ON CONFLICT (digest) DO NOTHING
    """
)

DATA_VERSION = Statement("PRAGMA data_version")
"""SQLite only: changes when another connection writes."""
