"""What queues did over time, for whoever draws charts: from the samples the worker keeps, from the counters
as they are now, and from the last messages of a queue for how long things took.

A sample holds until the next one of its queue. An account's sums are sampled under minus its id. Nothing here
reads more than a bounded number of rows, however many messages there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from queues.broker import census, clock, queues
from queues.broker.db import Connection, Statement
from queues.broker.types import Micros
from queues.fields import to_datetime, to_micros
from queues.models import MessageEvent, QueueSample

MINUTE, HOUR = 60, 3600
RECENT = 1_000
"""Messages of a queue that latencies are taken from, the newest."""
RECENT_OF_EACH = 100
QUEUES_OF_ACCOUNT = 100
"""Queues of an account that have figures of their own, the busiest."""

SUMS = Statement(
    """
    SELECT sum(c.messages - c.acked - c.dead), sum(c.dead), sum(c.published_total), sum(c.received_total),
        sum(c.acked_total), sum(c.nacked_total), sum(c.dead_total)
    FROM queues_queuecounter c
    WHERE c.queue_id {in:ids}
    """
)
IDS = Statement("SELECT id FROM queues_queue WHERE account_id = :account AND deleted_at IS NULL")
LEASED = Statement(
    """
    SELECT count(*) FROM queues_delivery
    WHERE queue_id {in:ids} AND lane = 0 AND state IN (0, 2) AND state = 2 AND due_at > :now
    """
)
HOLDERS = Statement(
    """
    SELECT consumer, min(claimed_at), max(claimed_at), max("offset"), count(*) FROM queues_delivery
    WHERE queue_id = :queue AND lane = 0 AND state = 2 AND NOT (consumer = '') AND due_at > :now
    GROUP BY consumer ORDER BY 2
    """
)
TIMES = Statement(
    """
    SELECT created_at, claimed_at, acked_at, size FROM queues_message
    WHERE queue_id = :queue ORDER BY "offset" DESC LIMIT :limit
    """
)
BUSIEST = Statement(
    """
    SELECT q.id, sum(c.published_total) FROM queues_queue q
    JOIN queues_queuecounter c ON c.queue_id = q.id
    WHERE q.account_id = :account AND q.deleted_at IS NULL
    GROUP BY q.id ORDER BY 2 DESC, 1 LIMIT :limit
    """
)


class Values(NamedTuple):
    """Totals since a queue was made, and levels."""

    published: int = 0
    received: int = 0
    acked: int = 0
    nacked: int = 0
    dead_total: int = 0
    backlog: int = 0
    in_flight: int = 0
    dead: int = 0

    def since(self, before: Values) -> Values:
        """What happened in between; levels as they are in the end. Counters start anew when a queue is made
        again, never otherwise."""
        totals = (max(now - then, 0) for now, then in zip(self[:5], before[:5], strict=True))
        return Values._make((*totals, *self[5:]))


class Holder(NamedTuple):
    """A consumer with messages in its hands."""

    consumer: str
    first_claimed_at: Micros
    last_claimed_at: Micros
    last_offset: int
    messages: int


class Taken(NamedTuple):
    """How long one message took: until it was handed out, until it was acked; None = not yet."""

    created_at: Micros
    claimed_at: Micros | None
    acked_at: Micros | None
    size: int

    @property
    def wait(self) -> Micros | None:
        return None if self.claimed_at is None else max(self.claimed_at - self.created_at, 0)

    @property
    def work(self) -> Micros | None:
        if self.claimed_at is None or self.acked_at is None:
            return None
        return max(self.acked_at - self.claimed_at, 0)


class Point(NamedTuple):
    """What happened between ``at`` and the next point."""

    at: Micros
    values: Values


def now_of(queue_ids: Sequence[int]) -> Values:
    """The sums over these queues as they are now. Raises Unavailable."""
    with queues.looking() as db:
        return _now(db, queue_ids)


def queues_of(account_id: int) -> list[int]:
    with queues.looking() as db:
        return [row[0] for row in db.rows(IDS, account=account_id)]


def busiest(account_id: int) -> list[int]:
    """Up to QUEUES_OF_ACCOUNT of the account's queues, those that published most first."""
    with queues.looking() as db:
        return [row[0] for row in db.rows(BUSIEST, account=account_id, limit=QUEUES_OF_ACCOUNT)]


def at(sample_id: int, instant: Micros) -> Values:
    """What held at ``instant``: nothing before there was a sample. Raises Unavailable."""
    with queues.reading():
        return _at(sample_id, instant)


def series(sample_id: int, start: Micros, end: Micros, seconds: int, now: Values) -> list[Point]:
    """What happened from ``start`` to ``end``, in steps of ``seconds``; ``now``: how it ends, if that is
    later than every sample. Raises Unavailable."""
    span = HOUR if seconds >= HOUR else MINUTE
    with queues.reading():
        before = _at(sample_id, start)
        found = QueueSample.objects.filter(
            queue_id=sample_id, span_seconds=span, at__gt=to_datetime(start), at__lte=to_datetime(end)
        )
        samples = [(to_micros(sample.at), _values(sample)) for sample in found.order_by("at")]
    if end >= clock.now() - seconds * clock.SECOND:
        samples.append((end, now))
    points, step = [], seconds * clock.SECOND
    place = 0
    for begin in range(start, end, step):
        last = before
        while place < len(samples) and samples[place][0] <= min(begin + step, end):
            last = samples[place][1]
            place += 1
        points.append(Point(begin, last.since(before)))
        before = last
    return points


def holders(queue_id: int) -> list[Holder]:
    """Who has messages of the queue in its hands now. Raises Unavailable."""
    with queues.looking() as db:
        return [Holder(*row) for row in db.rows(HOLDERS, queue=queue_id, now=clock.now())]


def last_messages(queue_id: int, limit: int = RECENT) -> list[Taken]:
    """How long the newest of the queue's messages took. Raises Unavailable."""
    with queues.looking() as db:
        return [Taken(*row) for row in db.rows(TIMES, queue=queue_id, limit=limit)]


def replayed(queue_id: int, start: Micros, end: Micros) -> int:
    """How many messages were replayed in the period. Raises Unavailable."""
    with queues.reading():
        return MessageEvent.objects.filter(
            queue_id=queue_id,
            kind=MessageEvent.Kind.REPLAYED,
            at__gte=to_datetime(start),
            at__lt=to_datetime(end),
        ).count()


def oldest_ready_seconds(queue_id: int) -> float | None:
    """How long the first ready message has been ready; None when none is. Raises Unavailable."""
    with queues.looking() as db:
        found = db.rows(census.FIRST_IN_LINE, ids=[queue_id])
        return max(clock.now() - found[0][1], 0) / clock.SECOND if found else None


def _now(db: Connection, queue_ids: Sequence[int]) -> Values:
    ids = list(queue_ids)
    (row,) = db.rows(SUMS, ids=ids)
    alive, dead, published, received, acked, nacked, died = (int(value or 0) for value in row)
    leased: int = db.rows(LEASED, ids=ids, now=clock.now())[0][0]
    return Values(published, received, acked, nacked, died, max(alive - leased, 0), leased, dead)


def _at(sample_id: int, instant: Micros) -> Values:
    found = QueueSample.objects.filter(queue_id=sample_id, at__lte=to_datetime(instant))
    # One look for each span: each has its index.
    last = [found.filter(span_seconds=span).order_by("-at").first() for span in (MINUTE, HOUR)]
    known = [sample for sample in last if sample is not None]
    return _values(max(known, key=lambda sample: sample.at)) if known else Values()


def _values(sample: QueueSample) -> Values:
    return Values(
        sample.published_total,
        sample.received_total,
        sample.acked_total,
        sample.nacked_total,
        sample.dead_total,
        sample.pending + sample.scheduled,
        sample.processing,
        sample.dead,
    )
