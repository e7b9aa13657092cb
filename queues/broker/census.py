"""Figures of all queues at once, for monitoring. Looks without touching, and holds nobody up."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from queues.broker import clock, queues
from queues.broker.db import Connection, Statement

if TYPE_CHECKING:
    from queues.broker.db import Row
    from queues.broker.types import Micros

QUEUES = Statement(
    """
    SELECT id, account_id, name, paused_at IS NOT NULL FROM queues_queue
    WHERE deleted_at IS NULL ORDER BY id LIMIT :limit
    """
)
"""The oldest first: which queues are shown does not change when others come."""

COUNT = Statement("SELECT count(*) FROM queues_queue WHERE deleted_at IS NULL")

TOTALS = Statement(
    """
    SELECT queue_id, sum(messages), sum(acked), sum(dead), sum(published_total), sum(received_total),
        sum(acked_total), sum(nacked_total), sum(dead_total), sum(expired_total)
    FROM queues_queuecounter WHERE queue_id {in:ids} GROUP BY queue_id
    """
)

AHEAD = Statement(
    """
    SELECT queue_id, count(*), count(CASE WHEN state = 2 THEN 1 END) FROM queues_delivery
    WHERE queue_id {in:ids} AND lane = 0 AND state IN (0, 2) AND due_at > :now GROUP BY queue_id
    """
)
"""Scheduled and leased together, and the leased. Reads the index of those alone, and no row: a million ready
messages cost nothing, half a million scheduled ones some fifty milliseconds (what takes long is kept for a
while)."""

EXHAUSTED = Statement(
    """
    SELECT queue_id, count(*) FROM queues_delivery
    WHERE queue_id {in:ids} AND lane = 0 AND state IN (0, 2) AND state = 2 AND due_at <= :now
        AND attempts >= max_attempts
    GROUP BY queue_id
    """
)
"""Dead without anybody having noticed: their last lease ran out."""

FIRST_IN_LINE = Statement(
    """
    WITH RECURSIVE ranks (queue_id, rank) AS (
        SELECT q.id, (SELECT min(d.rank) FROM queues_delivery d
                      WHERE d.queue_id = q.id AND d.lane = 0 AND d.state = 1)
        FROM queues_queue q WHERE q.id {in:ids}
        UNION ALL
        SELECT r.queue_id, (SELECT min(d.rank) FROM queues_delivery d
                            WHERE d.queue_id = r.queue_id AND d.lane = 0 AND d.state = 1 AND d.rank > r.rank)
        FROM ranks r WHERE r.rank IS NOT NULL
    )
    SELECT r.queue_id,
        min(CASE WHEN d.deliver_at > m.created_at THEN d.deliver_at ELSE m.created_at END)
    FROM ranks r
    JOIN queues_delivery d ON d.queue_id = r.queue_id AND d.lane = 0 AND d."offset" = (
        SELECT min(f."offset") FROM queues_delivery f
        WHERE f.queue_id = r.queue_id AND f.lane = 0 AND f.state = 1 AND f.rank = r.rank)
    JOIN queues_message m ON m.queue_id = d.queue_id AND m."offset" = d."offset"
    WHERE r.rank IS NOT NULL GROUP BY r.queue_id
    """
)
"""Since when the first ready message has been ready: of each priority the first, of these the one that waits
longest, since starving low priorities are what one wants to hear of. A few index look-ups a queue."""


QUEUES_OF_ACCOUNT = Statement(
    "SELECT id, name FROM queues_queue WHERE account_id = :account AND deleted_at IS NULL ORDER BY id"
)


class NotPending(NamedTuple):
    """Messages of a queue that are neither ready nor at their end: scheduled, leased, and those that are dead
    without anybody having noticed."""

    scheduled: int = 0
    leased: int = 0
    exhausted: int = 0


NONE = NotPending()


class Waiting(msgspec.Struct, frozen=True, gc=False):
    """A queue and how many of its messages wait for a receiver, now or from a later time on. What expired
    counts until it is swept."""

    queue_id: int
    name: str
    messages: int


class QueueFigures(msgspec.Struct, frozen=True, gc=False):
    """One queue. The first five are messages by state now; what expired counts until it is swept. The totals
    only rise. ``oldest_ready_seconds``: how long the first ready message has been ready, 0 when none is."""

    account_id: int
    name: str
    pending: int
    processing: int
    scheduled: int
    failed: int
    acked: int
    published_total: int
    received_total: int
    acked_total: int
    nacked_total: int
    dead_total: int
    expired_total: int
    oldest_ready_seconds: float
    id: int = 0
    paused: bool = False


class Census(msgspec.Struct, frozen=True):
    """``queues``: up to the limit asked for; ``count``: how many there are."""

    queues: list[QueueFigures]
    count: int


def take(limit: int) -> Census:
    """The figures of up to ``limit`` queues of all accounts, all of one instant. Raises Unavailable."""
    with queues.looking() as db:
        return look(db, limit)


def waiting(account_id: int) -> list[Waiting]:
    """All queues of an account, the oldest first. Raises Unavailable."""
    with queues.looking() as db:
        found = db.rows(QUEUES_OF_ACCOUNT, account=account_id)
        ids = [row[0] for row in found]
        totals = _by_queue(db.rows(TOTALS, ids=ids))
        others = not_pending(db, ids, clock.now())
    counted = []
    for queue_id, name in found:
        messages, acked, dead, *_ = totals.get(queue_id, (0, 0, 0))
        _, leased, exhausted = others.get(queue_id, NONE)
        counted.append(Waiting(queue_id, name, max(messages - acked - dead - leased - exhausted, 0)))
    return counted


def look(db: Connection, limit: int) -> Census:
    """The same, as part of a look that is under way."""
    count: int = db.rows(COUNT)[0][0]
    return Census(look_at(db, db.rows(QUEUES, limit=limit)), count)


def look_at(db: Connection, found: list[Row]) -> list[QueueFigures]:
    """The figures of these queues, which are rows as ``QUEUES`` has them."""
    ids, now = [row[0] for row in found], clock.now()
    totals = _by_queue(db.rows(TOTALS, ids=ids))
    others = not_pending(db, ids, now)
    ready_since: dict[int, int] = {row[0]: row[1] for row in db.rows(FIRST_IN_LINE, ids=ids)}
    return [
        _figures(row, totals.get(row[0], ()), others.get(row[0], NONE), ready_since.get(row[0]), now)
        for row in found
    ]


def not_pending(db: Connection, ids: list[int], now: Micros) -> dict[int, NotPending]:
    """Of these queues, those that have any."""
    ahead = {row[0]: (row[1] - row[2], row[2]) for row in db.rows(AHEAD, ids=ids, now=now)}
    exhausted: dict[int, int] = {row[0]: row[1] for row in db.rows(EXHAUSTED, ids=ids, now=now)}
    return {
        queue_id: NotPending(*ahead.get(queue_id, (0, 0)), exhausted.get(queue_id, 0))
        for queue_id in ahead.keys() | exhausted.keys()
    }


def _by_queue(rows: list[Row]) -> dict[int, Row]:
    return {row[0]: tuple(int(value or 0) for value in row[1:]) for row in rows}


def _figures(queue: Row, totals: Row, others: NotPending, ready_since: int | None, now: int) -> QueueFigures:
    queue_id, account_id, name, paused = queue
    messages, acked, dead, published, received, acks, nacks, died, expired = totals or (0,) * 9
    scheduled, leased, exhausted = others
    pending = messages - acked - dead - scheduled - leased - exhausted
    waited = 0.0 if ready_since is None else max(now - ready_since, 0) / clock.SECOND
    return QueueFigures(
        account_id, name, max(pending, 0), leased, scheduled, dead + exhausted, acked,
        published, received, acks, nacks, died, expired, waited, queue_id, bool(paused),
    )  # fmt: skip
