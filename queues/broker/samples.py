"""Figures of every queue over time: one sample a minute, kept for a day, and one an hour, kept for longer.

Only what changed is stored: between two samples of a queue nothing happened. So that this holds, a sample
that follows a gap is preceded by one of the instant just before, which says what was until then. Ten thousand
queues of which a hundred are busy make a few hundred rows a minute.

Sums are sampled like queues, under ids that no queue has: an account's under minus its id, the server's
under 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings

from queues.broker import census, clock, queues
from queues.broker.db import Connection, Insert, Statement
from queues.broker.lanes import in_transaction

if TYPE_CHECKING:
    from queues.broker.db import Row
    from queues.broker.lanes import Transaction
    from queues.broker.types import Micros

MINUTE, HOUR = 60, 3600
"""The spans, in seconds."""
OF_SERVER = 0
ROWS_AT_ONCE = 1_000

INSERT = Insert(
    "queues_queuesample",
    {
        "queue_id": "bigint",
        "span_seconds": "int",
        "at": "bigint",
        "published_total": "bigint",
        "received_total": "bigint",
        "acked_total": "bigint",
        "nacked_total": "bigint",
        "dead_total": "bigint",
        "expired_total": "bigint",
        "pending": "bigint",
        "processing": "bigint",
        "scheduled": "bigint",
        "dead": "bigint",
        "bytes": "bigint",
        "oldest_ready_at": "bigint",
    },
    skip_stored=True,
)

COUNTERS = Statement(
    """
    SELECT c.queue_id, q.account_id, sum(c.messages), sum(c.acked), sum(c.dead), sum(c.bytes),
        sum(c.published_total), sum(c.received_total), sum(c.acked_total), sum(c.nacked_total),
        sum(c.dead_total), sum(c.expired_total)
    FROM queues_queuecounter c JOIN queues_queue q ON q.id = c.queue_id AND q.deleted_at IS NULL
    GROUP BY c.queue_id, q.account_id
    """
)

PRUNE = Statement(
    """
    DELETE FROM queues_queuesample WHERE id IN (
        SELECT s.id FROM queues_queuesample s
        WHERE s.span_seconds = :span AND s.at < :before AND EXISTS (
            SELECT 1 FROM queues_queuesample n
            WHERE n.queue_id = s.queue_id AND n.span_seconds = :span AND n.at > s.at)
        ORDER BY s.at LIMIT :limit)
    RETURNING id
    """
)
"""The last one of each queue stays, however old it is: it is what still holds."""


class Values(NamedTuple):
    """The totals of a queue since it was made, and its levels now; columns of ``QueueSample``."""

    published_total: int = 0
    received_total: int = 0
    acked_total: int = 0
    nacked_total: int = 0
    dead_total: int = 0
    expired_total: int = 0
    pending: int = 0
    processing: int = 0
    scheduled: int = 0
    dead: int = 0
    bytes: int = 0
    oldest_ready_at: Micros | None = None


NOTHING = Values()


def of_account(account_id: int) -> int:
    """The id under which an account's sums are sampled."""
    return -account_id


def look() -> dict[int, Values]:
    """The values of all queues that ever held a message, and the sums. Raises Unavailable."""
    with queues.looking() as db:
        return _look(db)


def _look(db: Connection) -> dict[int, Values]:
    now = clock.now()
    counted = [(row[0], row[1], *(int(value) for value in row[2:])) for row in db.rows(COUNTERS)]
    # What holds nothing that waits or is out has no deliveries to be counted.
    busy = [row[0] for row in counted if row[2] - row[3] - row[4]]
    others = census.not_pending(db, busy, now) if busy else {}
    ready: dict[int, Micros] = dict(db.rows(census.FIRST_IN_LINE, ids=busy)) if busy else {}
    found: dict[int, Values] = {}
    for queue_id, account_id, messages, acked, dead, size, *totals in counted:
        scheduled, leased, exhausted = others.get(queue_id, census.NONE)
        pending = max(messages - acked - dead - scheduled - leased - exhausted, 0)
        levels = (pending, leased, scheduled, dead + exhausted, size, ready.get(queue_id))
        values = Values._make((*totals, *levels))
        found[queue_id] = values
        for sum_id in (of_account(account_id), OF_SERVER):
            found[sum_id] = added(found.get(sum_id, NOTHING), values)
    return found


def added(*several: Values) -> Values:
    sums = (sum(int(one or 0) for one in column) for column in zip(*(v[:-1] for v in several), strict=True))
    since = [values.oldest_ready_at for values in several if values.oldest_ready_at is not None]
    return Values._make((*sums, min(since, default=None)))


Sample = tuple[int, "Micros", Values]
"""Of a queue (or sum), at an instant."""


class Sampler:
    """What was seen last, and so what is to be stored. One for each span."""

    def __init__(self, span: int) -> None:
        self.span = span
        self._seen: dict[int, Values] | None = None
        self._seen_at: Micros = 0
        self._stored_at: dict[int, Micros] = {}

    def due(self, now: Micros) -> Micros | None:
        """The instant to sample, if its time has come and it is not sampled."""
        at = now - now % (self.span * clock.SECOND)
        return at if at > self._seen_at else None

    def forget(self) -> None:
        """Somebody else samples now: what was seen last is not known any more."""
        self._seen, self._stored_at = None, {}

    def take(self, found: dict[int, Values], at: Micros) -> list[Sample]:
        """The samples to be stored: all of them the first time, then of what changed."""
        # Nobody has an account's sum when its last queue is gone.
        ended = [sum_id for sum_id in self._seen or () if sum_id <= 0 and sum_id not in found]
        found = found | dict.fromkeys(ended, NOTHING)
        samples = list(self._changes(found, at))
        for queue_id, _, _ in samples:
            self._stored_at[queue_id] = at
        self._stored_at = {queue_id: self._stored_at[queue_id] for queue_id in found}
        self._seen, self._seen_at = found, at
        return samples

    def _changes(self, found: dict[int, Values], at: Micros) -> Iterator[Sample]:
        if self._seen is None:
            yield from ((queue_id, at, values) for queue_id, values in found.items())
            return
        for queue_id, values in found.items():
            before = self._seen.get(queue_id, NOTHING)
            if values == before and queue_id in self._stored_at:
                continue
            if self._stored_at.get(queue_id, 0) < self._seen_at:
                yield queue_id, self._seen_at, before
            yield queue_id, at, values


def store(samples: list[Sample], span: int) -> None:
    """Write samples; of those that another worker has written too, the first stays. Raises Unavailable."""
    for start in range(0, len(samples), ROWS_AT_ONCE):
        chunk = samples[start : start + ROWS_AT_ONCE]
        rows = [(queue_id, span, at, *values) for queue_id, at, values in chunk]
        in_transaction(partial(_store, rows))


def _store(rows: list[Row], tx: Transaction) -> None:
    tx.db.bulk(INSERT, rows)


def prune(tx: Transaction, limit: int) -> int:
    """Remove up to ``limit`` samples of each span that are older than they are kept; how many."""
    removed = 0
    for span, kept in kept_for().items():
        rows = tx.db.rows(PRUNE, span=span, before=tx.now - clock.micros(kept), limit=limit)
        removed += len(rows)
    return removed


def kept_for() -> dict[int, int]:
    """How long the samples of each span are kept, in seconds."""
    return {MINUTE: settings.OKMQ_SAMPLE_HOURS * 3600, HOUR: settings.OKMQ_SAMPLE_DAYS * 86_400}
