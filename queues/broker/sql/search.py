"""Looking through a queue, newest first. Each statement reads at most :scan messages before the offset
:before by an index made for it; what else is asked of them is decided in ``search``, so that a look costs the
same whatever it finds."""

from __future__ import annotations

from queues.broker.db import Statement
from queues.broker.sql.views import ALIVE, STATE, VIEW, WITH_DELIVERY

# What a search decides by. The body comes later, and only of messages that are still in question.
_SEEN = f"""
    m."offset", {ALIVE}, {STATE}, m.tag, m.partition_key, coalesce(d.attempts, m.attempts), m.created_at,
    m.size
"""
_LATEST = 'AND m."offset" < :before ORDER BY m."offset" DESC LIMIT :scan'

ALL = Statement(f"SELECT {_SEEN} {WITH_DELIVERY} WHERE m.queue_id = :queue {_LATEST}")

TAGGED = Statement(
    f"""
    SELECT {_SEEN} {WITH_DELIVERY}
    WHERE m.queue_id = :queue AND m.tag = :tag AND NOT (m.tag = '') {_LATEST}
    """
)

LIVE = Statement(
    f"""
    SELECT {_SEEN} FROM queues_delivery d
    JOIN queues_message m ON m.queue_id = d.queue_id AND m."offset" = d."offset"
    WHERE d.queue_id = :queue AND d.lane = 0 AND d."offset" < :before ORDER BY d."offset" DESC LIMIT :scan
    """
)
"""What is not acked or dead: the hot table's own order."""

DEAD = Statement(
    f"""
    SELECT {_SEEN} FROM (
        SELECT f."offset" AS at FROM (
            SELECT "offset" FROM queues_message
            WHERE queue_id = :queue AND dead_at IS NOT NULL AND "offset" < :before
            ORDER BY "offset" DESC LIMIT :scan
        ) f
        UNION ALL
        SELECT "offset" FROM queues_delivery
        WHERE queue_id = :queue AND lane = 0 AND state IN (0, 2) AND due_at <= :now AND state = 2
            AND attempts >= max_attempts AND "offset" < :before
    ) dead
    CROSS JOIN queues_message m LEFT JOIN queues_delivery d
        ON d.queue_id = m.queue_id AND d.lane = 0 AND d."offset" = m."offset"
    WHERE m.queue_id = :queue AND m."offset" = dead.at ORDER BY dead.at DESC LIMIT :scan
    """
)
"""With those whose last lease ran out a moment ago and nobody has noticed."""

_OF_THESE = """
    CROSS JOIN queues_message m LEFT JOIN queues_delivery d
        ON d.queue_id = m.queue_id AND d.lane = 0 AND d."offset" = m."offset"
    WHERE m.queue_id = :queue AND m."offset" = found.at ORDER BY found.at DESC LIMIT :scan
"""

TIMED = Statement(
    f"""
    SELECT {_SEEN} FROM (
        SELECT "offset" AS at FROM queues_delivery
        WHERE queue_id = :queue AND lane = 0 AND state IN (0, 2) AND due_at > :now AND state = :timed
            AND "offset" < :before
        ORDER BY +"offset" DESC LIMIT :scan
    ) found {_OF_THESE}
    """
)
"""Scheduled (:timed 0) or leased (2), where these are few enough to be put in order each time
(COUNT_TIMED); the plus keeps the database from walking all others in order instead. Their messages are
read when that is done."""

_WITH_KEY = """
    SELECT * FROM (
        SELECT "offset" AS at FROM queues_delivery
        WHERE queue_id = :queue AND lane = 0 AND partition_key = :key AND NOT (partition_key = '')
            AND state = {state} AND "offset" < :before
        ORDER BY "offset" DESC LIMIT :scan
    ) of_state_{state}
"""

KEYED = Statement(
    f"""
    SELECT {_SEEN} FROM (
        {" UNION ALL ".join(_WITH_KEY.format(state=state) for state in range(4))}
    ) found {_OF_THESE}
    """
)
"""What is neither acked nor dead of one partition key."""

COUNT_TIMED = Statement(
    """
    SELECT count(*) FROM (
        SELECT 1 FROM queues_delivery WHERE queue_id = :queue AND lane = 0 AND state IN (0, 2) LIMIT :most
    ) counted
    """
)

AT_OR_BELOW = Statement(
    """
    SELECT "offset", created_at, origin IS NOT NULL OR retries > 0 FROM queues_message
    WHERE queue_id = :queue AND "offset" <= :offset ORDER BY "offset" DESC LIMIT 1
    """
)
"""With whether it was published elsewhere, or before, and came here later."""

LOWEST = Statement('SELECT "offset" FROM queues_message WHERE queue_id = :queue ORDER BY "offset" LIMIT 1')

BODIES = Statement(
    'SELECT "offset", body, encoding FROM queues_message WHERE queue_id = :queue AND "offset" {in:offsets}'
)

LINES = Statement(
    f"""
    SELECT m."offset", m.public_id, {STATE}, substr(m.body, 1, :preview), m.encoding, m.size, m.tag,
        m.partition_key, m.priority, coalesce(d.attempts, m.attempts), m.created_at,
        coalesce(d.deliver_at, m.deliver_at), m.acked_at, m.dead_at, m.dead_reason, m.last_error,
        CASE WHEN d.state = 2 AND d.due_at > :now THEN d.due_at END
    {WITH_DELIVERY} WHERE m.queue_id = :queue AND m."offset" {{in:offsets}} ORDER BY m."offset" DESC
    """
)

FIRST_IN_LINE = Statement(
    """
    SELECT "offset" FROM queues_delivery WHERE queue_id = :queue AND lane = 0 AND state = 1
    ORDER BY rank, "offset" LIMIT :limit
    """
)

VIEW_AT = Statement(
    f'SELECT {VIEW} {WITH_DELIVERY} WHERE m.queue_id = :queue AND m."offset" = :offset AND {ALIVE}'
)

OFFSETS_OF_ID = Statement(
    """
    SELECT q.id, m."offset" FROM queues_queue q
    JOIN queues_message m ON m.queue_id = q.id AND m.public_id = :id
    WHERE q.id {in:queues} ORDER BY q.id
    """
)
LIVING_QUEUES = Statement("SELECT id FROM queues_queue WHERE deleted_at IS NULL ORDER BY id DESC LIMIT :most")
