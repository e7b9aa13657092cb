"""Statements about destinations and their log."""

from __future__ import annotations

from queues.broker.db import Insert, Statement

DELETE_DESTINATION = Statement("DELETE FROM queues_destination WHERE id = :destination")

_OPEN = """
    SELECT d.id, d.queue_id, d.lane, d.public_id, d.account_id, q.name, d.kind, d.form, d.target, d.config,
        d.secret, CASE WHEN d.old_secret_until > :now THEN d.old_secret ELSE '' END, d.parked_at, d.probe_at,
        (SELECT min(x.due_at) FROM queues_delivery x
         WHERE x.queue_id = d.queue_id AND x.lane = d.lane AND x.state IN (0, 2)),
        EXISTS (SELECT 1 FROM queues_delivery x
         WHERE x.queue_id = d.queue_id AND x.lane = d.lane AND x.state = 1),
        EXISTS (SELECT 1 FROM queues_delivery x
         WHERE x.queue_id = d.queue_id AND x.lane = d.lane AND NOT (x.partition_key = ''))
    FROM queues_destination d JOIN queues_queue q ON q.id = d.queue_id
    WHERE d.enabled AND q.paused_at IS NULL AND q.deleted_at IS NULL {filter}
    ORDER BY d.queue_id, d.lane
"""

OPEN_DESTINATIONS = Statement(_OPEN.format(filter=""))
"""All that may be sent to, with what waits for each: when the next delivery is due by the clock alone,
whether any is ready, whether any has a partition key."""

OPEN_DESTINATIONS_OF = Statement(_OPEN.format(filter="AND d.queue_id {in:queues}"))

WAITING = Statement(
    """
    SELECT w.waiting, m.created_at FROM (
        SELECT count(*) AS waiting, min(x.queue) AS queue, min(x.at) AS at FROM (
            SELECT y.queue_id AS queue, y."offset" AS at FROM queues_destination d
            JOIN queues_delivery y ON y.queue_id = d.queue_id AND y.lane = d.lane
            WHERE d.id = :destination AND d.enabled ORDER BY y."offset" LIMIT :most
        ) x
    ) w LEFT JOIN queues_message m ON m.queue_id = w.queue AND m."offset" = w.at
    """
)
"""How many deliveries there are of a destination, :most at the most, and when the first was published."""

PROBE_LATER = Statement("UPDATE queues_destination SET probe_at = :at WHERE id = :destination")

LOCK_DESTINATIONS = Statement(
    "SELECT id, parked_at IS NOT NULL FROM queues_destination WHERE id {in:ids} ORDER BY id {lock}"
)
"""And whether each is parked."""

COUNT_ATTEMPTS = Statement(
    """
    UPDATE queues_destination SET success_count = success_count + :successes,
        failure_count = failure_count + :failures,
        last_success_at = coalesce(:success_at, last_success_at),
        last_failure_at = coalesce(:failure_at, last_failure_at),
        last_failure_error = CASE WHEN :failures > 0 THEN :error ELSE last_failure_error END,
        failures_in_row = CASE WHEN :successes > 0 THEN :trailing ELSE failures_in_row + :failures END
    WHERE id = :destination
    """
)

PARK = Statement(
    """
    UPDATE queues_destination SET parked_at = :now, probe_at = :probe_at
    WHERE id = :destination AND parked_at IS NULL AND failures_in_row >= :limit
    """
)

UNPARK = Statement(
    """
    UPDATE queues_destination SET parked_at = NULL, probe_at = NULL
    WHERE id = :destination AND parked_at IS NOT NULL AND failures_in_row < :limit
    """
)

INSERT_LOG = Insert(
    "queues_deliverylog",
    {
        "destination_id": "bigint",
        "queue_id": "bigint",
        '"offset"': "bigint",
        "message_id": "text",
        "attempt": "int",
        "status": "text",
        "http_status": "int",
        "error": "text",
        "duration_ms": "int",
        "request_headers": "text",
        "response_headers": "text",
        "response_body": "text",
        "at": "bigint",
    },
)

OLD_LOG = Statement("SELECT id FROM queues_deliverylog WHERE at < :before ORDER BY at LIMIT :limit")
DELETE_LOG = Statement("DELETE FROM queues_deliverylog WHERE id {in:ids}")
