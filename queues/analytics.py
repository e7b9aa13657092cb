"""What queues do now, and how long their last messages took: what analytics tell beside the figures over time
(``queues.broker.series``). Reads a bounded number of rows, however many messages there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from queues.broker import census, clock, queues
from queues.broker.db import Connection, Statement
from queues.broker.samples import Values
from queues.broker.types import Micros
from queues.fields import to_datetime
from queues.models import MessageEvent

RECENT = 1_000
"""Messages of a queue that latencies are taken from, the newest."""
RECENT_OF_EACH = 100
QUEUES_OF_ACCOUNT = 100
"""Queues of an account that have figures of their own, the busiest."""

SUMS = Statement(
    """
    SELECT sum(c.messages - c.acked - c.dead), sum(c.dead), sum(c.bytes), sum(c.published_total),
        sum(c.received_total), sum(c.acked_total), sum(c.nacked_total), sum(c.dead_total),
        sum(c.expired_total)
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
    alive, dead, size, *totals = (int(value or 0) for value in row)
    leased: int = db.rows(LEASED, ids=ids, now=clock.now())[0][0]
    # What waits is one level here, whether it is ready or delayed.
    return Values._make((*totals, max(alive - leased, 0), leased, 0, dead, size, None))
