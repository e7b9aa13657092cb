"""Taking what is to be sent: one look at destinations, and a lease for each message that goes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from django.conf import settings

from queues.broker import push_claims
from queues.broker import sql as broker_sql
from queues.broker.clock import micros
from queues.broker.lanes import LANES, Operation
from queues.broker.types import Encoding, Micros
from queues.push import sql
from queues.push.bodies import Outgoing
from queues.push.types import OVER_HTTP, Config, Form, Kind

if TYPE_CHECKING:
    from queues.broker.db import Row
    from queues.broker.lanes import Transaction

PROMOTE_AT_ONCE = 1_000
CLAIMED_AT_ONCE = 500
BYTES_AT_ONCE = 16 * 1024 * 1024
"""What one look takes before it leaves the rest of the queues to the next one: others wait for its commit."""

LEASE_MARGIN_SECONDS = 10.0
"""Beyond what a request may take: for writing down how it went."""

PROBE_SECONDS = 60.0
"""A parked destination gets one message as often as this."""


class Open(NamedTuple):
    """An enabled destination as a look found it."""

    id: int
    queue_id: int
    lane: int
    public_id: str
    account_id: int
    queue: str
    kind: Kind
    form: Form
    target: str
    config: Config
    secret: str
    old_secret: str
    parked_at: Micros | None
    probe_at: Micros | None
    next_due: Micros | None
    ready: bool
    keyed: bool

    @classmethod
    def of(cls, row: Row) -> Open:
        config = msgspec.json.decode(row[9], type=Config)
        typed = (Kind(row[6]), Form(row[7]), row[8], config, *row[10:15], bool(row[15]), bool(row[16]))
        return cls._make((*row[:6], *typed))

    @property
    def lane_key(self) -> tuple[int, int]:
        return self.queue_id, self.lane

    @property
    def concurrency(self) -> int:
        return self.config.concurrency or settings.OKMQ_PUSH_CONCURRENCY

    @property
    def room(self) -> int:
        """Messages one worker may have in hand: what it sends, and as much again to go on with at once."""
        return 2 * self.concurrency

    def lease_until(self, now: Micros) -> Micros:
        """The one in hand may wait for a whole request before its own."""
        seconds = 2 * self.config.timeout_ms / 1000 if self.kind in OVER_HTTP else 0
        return now + micros(seconds + LEASE_MARGIN_SECONDS)


@dataclass(slots=True)
class Haul:
    """What a look brought. ``more``: lanes in which something was left because there was no room.
    ``unseen``: queues it did not come to.
    ``next_due``: when something becomes ready by the clock alone."""

    claimed: list[tuple[Open, list[Outgoing]]] = field(default_factory=list)
    more: set[tuple[int, int]] = field(default_factory=set)
    unseen: set[int] = field(default_factory=set)
    next_due: Micros | None = None
    destinations: int = 0

    @property
    def full(self) -> bool:
        taken = [message.size for _, messages in self.claimed for message in messages]
        return len(taken) >= CLAIMED_AT_ONCE or sum(taken) >= BYTES_AT_ONCE

    def due(self, at: Micros | None) -> None:
        if at is not None:
            self.next_due = at if self.next_due is None else min(at, self.next_due)


def look(queue_ids: list[int] | None, in_hand: Mapping[tuple[int, int], int]) -> Haul:
    """Claim what the destinations of these queues (None: of all) can take, by (queue, lane) as many messages
    as are not ``in_hand`` yet. Raises Unavailable."""
    haul: Haul = LANES.of("receive").submit(Look(queue_ids, in_hand))
    return haul


class Look(Operation):
    __slots__ = ("in_hand", "queue_ids")

    def __init__(self, queue_ids: list[int] | None, in_hand: Mapping[tuple[int, int], int]) -> None:
        super().__init__(weight=100)
        self.queue_ids = queue_ids
        self.in_hand = in_hand

    @classmethod
    def run(cls, tx: Transaction, operations: list[Look]) -> None:
        for operation in operations:
            operation.result = operation.take(tx)

    def take(self, tx: Transaction) -> Haul:
        if self.queue_ids is None:
            rows = tx.db.rows(sql.OPEN_DESTINATIONS, now=tx.now)
        else:
            rows = tx.db.rows(sql.OPEN_DESTINATIONS_OF, queues=self.queue_ids, now=tx.now)
        haul = Haul(destinations=len(rows))
        for row in rows:
            destination = Open.of(row)
            if haul.full:
                haul.unseen.add(destination.queue_id)
            else:
                self._take_from(tx, destination, haul)
        return haul

    def _take_from(self, tx: Transaction, destination: Open, haul: Haul) -> None:
        due = destination.next_due is not None and destination.next_due <= tx.now
        if not destination.ready and not due:
            haul.due(destination.next_due)
        elif destination.probe_at is not None and destination.probe_at > tx.now:
            haul.due(destination.probe_at)
        elif (room := self._room(destination)) <= 0:
            haul.more.add(destination.lane_key)
        else:
            self._claim(tx, destination, room, haul)

    def _room(self, destination: Open) -> int:
        room = destination.room - self.in_hand.get(destination.lane_key, 0)
        return room if destination.parked_at is None else min(room, 1)

    def _claim(self, tx: Transaction, destination: Open, room: int, haul: Haul) -> None:
        lane = destination.lane_key
        if destination.keyed:
            tx.db.rows(broker_sql.LOCK_QUEUES, ids=[destination.queue_id])
        if destination.next_due is not None and destination.next_due <= tx.now:
            push_claims.promote(tx, *lane, PROMOTE_AT_ONCE)
        until = destination.lease_until(tx.now)
        rows = push_claims.claim(tx, *lane, room, until)
        if rows:
            messages = [_outgoing(destination, row, tx.now, until) for row in rows]
            haul.claimed.append((destination, messages))
        if len(rows) == room:
            haul.more.add(lane)
        haul.due(tx.db.rows(broker_sql.NEXT_DUE, queue=lane[0], lane=lane[1])[0][0])
        if rows and destination.parked_at is not None:
            tx.db.run(sql.PROBE_LATER, destination=destination.id, at=tx.now + micros(PROBE_SECONDS))


def _outgoing(destination: Open, row: Row, now: Micros, lease_until: Micros) -> Outgoing:
    (
        deliver_at, attempts, _, old_receipt, offset, public_id, _, size, tag, key, _, created_at, expires_at,
        _, body, encoding, metadata, headers, idempotency_key, retries,
    ) = row  # fmt: skip
    return Outgoing(
        public_id, offset, body, Encoding(encoding), tag, key, metadata, headers, created_at, deliver_at,
        attempts + 1, lease_until,
        max(now, old_receipt + 1),  # as sql.LEASE has it
        destination.queue_id, size, now, expires_at, destination.config.retry_policy.max_attempts,
        idempotency_key, retries, destination.queue,
    )  # fmt: skip
