"""Looking: messages with their deliveries, as they stand at :now."""

from __future__ import annotations

from queues.broker.db import Statement
from queues.broker.types import State

# The state at :now, as if every due change had been made (records.Record.visible_state says the same).
STATE = """
    CASE WHEN m.acked_at IS NOT NULL THEN 'acked'
        WHEN d.state IS NULL THEN 'failed'
        WHEN d.state = 2 AND d.due_at > :now THEN 'processing'
        WHEN d.state = 2 AND d.attempts >= d.max_attempts THEN 'failed'
        WHEN d.state = 0 AND d.due_at > :now THEN 'scheduled'
        ELSE 'pending' END
"""
# A delivery's sweep_at is its message's, but for those that expiry spares while they are leased.
ALIVE = "(m.sweep_at IS NULL OR m.sweep_at > :now OR d.sweep_at > :now)"

VIEW = f"""
    m.queue_id, m.public_id, m."offset", {STATE}, m.body, m.encoding, m.size, m.tag, m.partition_key,
    m.priority, m.metadata, m.headers, m.created_at, coalesce(d.updated_at, m.updated_at),
    coalesce(d.deliver_at, m.deliver_at), m.expires_at, coalesce(d.attempts, m.attempts),
    CASE WHEN d.state = 2 AND d.due_at > :now THEN d.due_at END, coalesce(d.receipt, m.receipt),
    coalesce(d.claimed_at, m.claimed_at), m.last_error, m.acked_at,
    CASE WHEN d.state = 2 AND d.due_at <= :now AND d.attempts >= d.max_attempts THEN d.due_at
        ELSE m.dead_at END,
    m.dead_reason, coalesce(d.consumer, ''), m.origin, m.idempotency_key, m.retries,
    CASE WHEN d.state IS NULL THEN m.sweep_at ELSE d.sweep_at END, m.settings_id
"""
WITH_DELIVERY = """
    FROM queues_message m LEFT JOIN queues_delivery d
        ON d.queue_id = m.queue_id AND d.lane = 0 AND d."offset" = m."offset"
"""

VIEW_ONE = Statement(
    f"SELECT {VIEW} {WITH_DELIVERY} WHERE m.queue_id = :queue AND m.public_id = :id AND {ALIVE}"
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


def selection(state: State | None, tagged: bool) -> str:
    """FROM and WHERE for the messages of a queue that are in ``state`` now."""
    from_both = WITH_DELIVERY.replace("LEFT JOIN", "JOIN") if state is State.PENDING else WITH_DELIVERY
    return f"""
        {from_both} WHERE m.queue_id = :queue {_AMONG[state]}
        {"" if state is None else f"AND {STATE} = '{state}'"}
        {"AND m.tag = :tag AND NOT (m.tag = '')" if tagged else ""}
    """


_CHOICES = [(state, tagged) for state in (None, *State) for tagged in (False, True)]


class Page:
    """A look at up to ``:limit`` messages, and one at how many bytes they hold together."""

    def __init__(self, messages: str) -> None:
        self.view = Statement(f"SELECT {VIEW} {messages}")
        self.size = Statement(f"SELECT SUM(size) FROM (SELECT m.size {messages}) page")


VIEW_PAGES = {
    choice: Page(f'{selection(*choice)} AND {ALIVE} ORDER BY m."offset" LIMIT :limit OFFSET :skip')
    for choice in _CHOICES
}

VIEW_WAITING = Page(
    f"""
    {WITH_DELIVERY.replace("LEFT JOIN", "JOIN")}
    WHERE m.queue_id = :queue AND {STATE} IN ('pending', 'scheduled') AND {ALIVE}
    ORDER BY m."offset" LIMIT :limit OFFSET :skip
    """
)

VIEW_DEAD = Page(
    f"""
    {WITH_DELIVERY} WHERE m.queue_id = :queue AND m."offset" IN (
        SELECT "offset" FROM ({_DEAD} ORDER BY "offset" DESC LIMIT :reach) dead UNION ALL {_EXHAUSTED})
        AND {STATE} = 'failed' AND {ALIVE}
    ORDER BY m."offset" DESC LIMIT :limit OFFSET :skip
    """
)
"""The newest first. ``reach``: limit and skip together, so that a page is as dear as what is before it, and
not as all dead messages."""

VIEW_FROM = Page(
    f"""
    {WITH_DELIVERY} WHERE m.queue_id = :queue AND m."offset" >= :first AND {ALIVE}
    ORDER BY m."offset" LIMIT :limit
    """
)

VIEW_SOME = Statement(
    f"SELECT {VIEW} {WITH_DELIVERY} WHERE m.queue_id = :queue AND m.public_id {{in:ids}} AND {ALIVE}"
)

_END = f'SELECT m."offset" {WITH_DELIVERY} WHERE m.queue_id = :queue AND {ALIVE} ORDER BY m."offset"'
ENDS = Statement(f"SELECT ({_END} LIMIT 1), ({_END} DESC LIMIT 1)")

OFFSETS_IN_STATE = {
    choice: Statement(
        f"""
        SELECT m."offset" {selection(*choice)} AND m."offset" > :after AND m."offset" < :until
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
        SELECT {STATE} AS state {WITH_DELIVERY}
        WHERE +m.queue_id = :queue AND m.sweep_at IS NOT NULL AND m.sweep_at <= :now
            AND (d.sweep_at IS NULL OR d.sweep_at <= :now)
    ) expired
    """
)
"""The running totals, what is not pending (few, or at least indexed), and what the next sweep will take: that
counts no more. One statement, so that all are of one snapshot. The plus keeps SQLite from walking through all
messages of the queue to find the expired ones."""

COUNT_EXPIRED = Statement(
    f"""
    SELECT m.queue_id, {STATE}, count(*) {WITH_DELIVERY}
    WHERE +m.queue_id {{in:ids}} AND m.sweep_at IS NOT NULL AND m.sweep_at <= :now
        AND (d.sweep_at IS NULL OR d.sweep_at <= :now)
    GROUP BY 1, 2
    """
)
"""What the next sweep will take, of several queues."""

COUNT_TAGGED = Statement(
    f"""
    SELECT {STATE}, count(*) {WITH_DELIVERY}
    WHERE m.queue_id = :queue AND m.tag = :tag AND NOT (m.tag = '') AND {ALIVE} GROUP BY 1
    """
)

OFFSETS_BY_ID = Statement(
    'SELECT "offset" FROM queues_message WHERE queue_id = :queue AND public_id {in:ids} ORDER BY "offset"'
)
