"""What went wrong in messages' lives: an event for each failed delivery, lease that ran out, death and
replay, written in the transaction in which it happens.

A message that is delivered and acked leaves none, and costs nothing here. A message keeps its last ``KEPT``
events, give or take ``SPARE``: they are trimmed when it has had a multiple of SPARE attempts, and at a
replay. They move with it to another queue and go with it; of some messages that were removed they are left to
be forgotten with age.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.conf import settings

from queues.broker import clock
from queues.broker.db import Insert, Statement, Update
from queues.models import MessageEvent

if TYPE_CHECKING:
    from queues.broker.db import Row
    from queues.broker.lanes import Transaction
    from queues.broker.records import Record
    from queues.broker.types import Micros

Kind = MessageEvent.Kind

KEPT, SPARE = 50, 10
MAX_REASON = 1_000
"""Characters."""

INSERT = Insert(
    "queues_messageevent",
    {
        "queue_id": "bigint",
        '"offset"': "bigint",
        "at": "bigint",
        "kind": "text",
        "attempt": "int",
        "claimed_at": "bigint",
        "consumer": "text",
        "reason": "text",
    },
)

MOVE = Update(
    "queues_messageevent",
    {"queue_id": "bigint", '"offset"': "bigint"},
    {"queue_id": "bigint", '"offset"': "bigint"},
)

DELETE = Statement('DELETE FROM queues_messageevent WHERE queue_id = :queue AND "offset" {in:offsets}')

DELETE_RANGE = Statement('DELETE FROM queues_messageevent WHERE queue_id = :queue AND "offset" <= :last')

TRIM = Statement(
    """
    DELETE FROM queues_messageevent WHERE queue_id = :queue AND "offset" {in:offsets} AND id <= (
        SELECT e.id FROM queues_messageevent e
        WHERE e.queue_id = :queue AND e."offset" = queues_messageevent."offset"
        ORDER BY e.id DESC LIMIT 1 OFFSET :kept)
    """
)

PRUNE = Statement(
    """
    DELETE FROM queues_messageevent WHERE id IN (
        SELECT id FROM queues_messageevent WHERE at < :before ORDER BY at LIMIT :limit) RETURNING id
    """
)


class Event:
    """One thing that happened to a message, and the delivery it ended, if it ended one."""

    __slots__ = ("at", "attempt", "claimed_at", "consumer", "kind", "offset", "reason")

    def __init__(
        self,
        offset: int,
        kind: Kind,
        at: Micros,
        attempt: int,
        claimed_at: Micros | None = None,
        consumer: str = "",
        reason: str = "",
    ) -> None:
        self.offset = offset
        self.kind = kind
        self.at = at
        self.attempt = attempt
        self.claimed_at = claimed_at
        self.consumer = consumer
        self.reason = reason[:MAX_REASON]

    def row(self, queue_id: int) -> Row:
        return (
            queue_id, self.offset, self.at, str(self.kind), self.attempt, self.claimed_at, self.consumer,
            self.reason,
        )  # fmt: skip


def write(tx: Transaction, queue_id: int, events: list[Event]) -> None:
    """Write what happened to messages of one queue."""
    if not events:
        return
    tx.db.bulk(INSERT, [event.row(queue_id) for event in events])
    many = {e.offset for e in events if e.kind == Kind.REPLAYED or (e.attempt and e.attempt % SPARE == 0)}
    if many:
        tx.db.run(TRIM, queue=queue_id, offsets=sorted(many), kept=KEPT)


def move(tx: Transaction, places: Iterable[tuple[tuple[int, int], tuple[int, int]]]) -> None:
    """Messages went from the first place (queue id, offset) to the second: what is known of them follows."""
    tx.db.bulk(MOVE, [(*there, *here) for here, there in places])


def forget(tx: Transaction, queue_id: int, records: Iterable[Record]) -> None:
    """The messages are gone. Those that cannot have had any trouble are not even looked for."""
    offsets = [record.offset for record in records if record.had_trouble]
    if offsets:
        tx.db.run(DELETE, queue=queue_id, offsets=offsets)


def prune(tx: Transaction, limit: int) -> int:
    """Remove up to ``limit`` of the events older than OKMQ_EVENT_DAYS; how many."""
    before = tx.now - settings.OKMQ_EVENT_DAYS * 86_400 * clock.SECOND
    return len(tx.db.rows(PRUNE, before=before, limit=limit))
