"""Queues over time, for charts and analytics, from what was sampled (``samples``)."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from queues.broker import clock, queues, samples
from queues.broker.db import Connection, Statement
from queues.broker.samples import HOUR, MINUTE, NOTHING, OF_SERVER, Values
from queues.broker.types import Micros

MOST_POINTS = 10_000

_COLUMNS = ", ".join(Values._fields)

BETWEEN = Statement(
    f"""
    SELECT at, {_COLUMNS} FROM queues_queuesample
    WHERE queue_id = :queue AND span_seconds = :span AND at > :since AND at <= :until ORDER BY at
    """
)

LAST_BEFORE = Statement(
    f"""
    SELECT at, {_COLUMNS} FROM queues_queuesample
    WHERE queue_id = :queue AND span_seconds = :span AND at <= :until ORDER BY at DESC LIMIT 1
    """
)


@dataclass(slots=True, frozen=True)
class Point:
    """A step of a series. ``at``: its end. ``published`` to ``expired``: how many in the step. The rest are
    levels at its end; ``oldest_ready_seconds``: how long the first ready message had been ready, 0 when none
    was."""

    at: Micros
    seconds: float
    published: int
    received: int
    acked: int
    nacked: int
    died: int
    expired: int
    pending: int
    processing: int
    scheduled: int
    dead: int
    bytes: int
    oldest_ready_seconds: float

    @property
    def rates(self) -> dict[str, float]:
        """Published, received, acked, nacked, died and expired a second."""
        names = ("published", "received", "acked", "nacked", "died", "expired")
        return {name: getattr(self, name) / self.seconds for name in names}


def of_queue(
    account_id: int,
    queue: str,
    since: Micros,
    until: Micros,
    step_seconds: int,
    *,
    now: Values | None = None,
) -> list[Point]:
    """The queue from ``since`` to ``until``, a point each ``step_seconds``, the last one at ``until``. Steps
    shorter than what was sampled repeat the levels. ``now``: what holds at ``until``, where that is later
    than every sample. Raises QueueNotFound, ValueError (too many points), Unavailable."""
    with queues.looking() as db:
        return _series(db, queues.id_of(db, account_id, queue), since, until, step_seconds, now)


def of_account(
    account_id: int | None, since: Micros, until: Micros, step_seconds: int, *, now: Values | None = None
) -> list[Point]:
    """The same for all queues of an account, or (None) of the server. What a queue counted goes with the
    queue. Raises ValueError (too many points), Unavailable."""
    with queues.looking() as db:
        sampled = OF_SERVER if account_id is None else samples.of_account(account_id)
        return _series(db, sampled, since, until, step_seconds, now)


def _series(
    db: Connection, sampled: int, since: Micros, until: Micros, step_seconds: int, latest: Values | None
) -> list[Point]:
    step = step_seconds * clock.SECOND
    if step <= 0 or (until - since) / step > MOST_POINTS:
        raise ValueError(f"a series has at most {MOST_POINTS} points")
    ends = list(range(until, since, -step))[::-1]
    at, values = _samples(db, sampled, (ends[0] if ends else until) - step, until)
    if latest is not None:
        if not at:
            # It came after the last sampling: all that it has happened since.
            at, values = [since - 1], [NOTHING]
        at.append(until)
        values.append(latest)
    points = []
    before = _at(at, values, (ends[0] if ends else until) - step)
    for end in ends:
        now = _at(at, values, end)
        points.append(_point(end, step_seconds, before, now))
        before = now
    return points


def _samples(db: Connection, sampled: int, since: Micros, until: Micros) -> tuple[list[Micros], list[Values]]:
    """Instants and values, in order. Older than minutes are kept: by the hour, and the rest by the minute."""
    kept = clock.now() - clock.micros(samples.kept_for()[MINUTE])
    spans = [(MINUTE, since, until)] if since >= kept else [(HOUR, since, kept), (MINUTE, kept, until)]
    rows = []
    for span, begin, end in spans:
        rows += db.rows(LAST_BEFORE, queue=sampled, span=span, until=begin)
        rows += db.rows(BETWEEN, queue=sampled, span=span, since=begin, until=end)
    rows.sort(key=lambda row: row[0])
    return [row[0] for row in rows], [Values(*row[1:]) for row in rows]


def _at(at: list[Micros], values: list[Values], instant: Micros) -> Values:
    """What held at an instant: what was sampled last, or, before the first sample, what that says: nothing
    has changed until then."""
    if not values:
        return NOTHING
    return values[max(bisect_right(at, instant) - 1, 0)]


def _point(end: Micros, seconds: int, before: Values, now: Values) -> Point:
    # A sum falls when a queue goes; that is no negative rate.
    counts = [max(b - a, 0) for a, b in zip(before[:6], now[:6], strict=True)]
    waited = 0.0 if now.oldest_ready_at is None else max(end - now.oldest_ready_at, 0) / clock.SECOND
    published, received, acked, nacked, died, expired = counts
    pending, processing, scheduled, dead, size = now[6:11]
    return Point(
        end, seconds, published, received, acked, nacked, died, expired, pending, processing, scheduled, dead,
        size, waited,
    )  # fmt: skip
