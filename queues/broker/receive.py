"""Handing messages out."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings as django_settings

from queues.broker import clock, concurrency, due, names, observe, partition_keys, settings_versions, sql
from queues.broker.clock import micros
from queues.broker.errors import QueueNotFound, QuotaExceeded
from queues.broker.lanes import LANES, Operation
from queues.broker.queues import id_of, reading
from queues.broker.types import Encoding, Micros, QueueSettings, Received
from queues.broker.wakes import HUB, of_account, of_room
from queues.models import PULL_LANE

if TYPE_CHECKING:
    from queues.broker.db import Row
    from queues.broker.lanes import Transaction


def receive(
    account_id: int,
    queue: str,
    *,
    limit: int = 1,
    tag: str = "",
    wait_seconds: float = 0,
    auto_ack: bool = False,
    lease_seconds: float | None = None,
    consumer: str = "",
    gone: Callable[[], bool] | None = None,
    await_queue: bool = False,
) -> list[Received]:
    """Lease up to ``limit`` ready messages, oldest first, to the caller; at once if there are any, else as
    soon as there is one within ``wait_seconds``. Each counts as an attempt.

    ``lease_seconds`` and ``auto_ack`` override the messages' own settings. ``gone``: asked after waiting,
    before anything is handed out; True means that the client has hung up. ``await_queue``: a queue that does
    not exist may be made meanwhile, and counts as an empty one. ``consumer``: who holds them; where settings
    say ``max_in_flight`` he gets no more than that together. While it waits the call holds no database
    connection. Raises QueueNotFound, QuotaExceeded (too many calls like this one are open),
    Unavailable.
    """

    def look() -> Look:
        operation = Receive(account_id, queue, limit, tag, auto_ack, lease_seconds, consumer)
        try:
            found: Look = LANES.of("receive").submit(operation)
        except QueueNotFound:
            if not await_queue:
                raise
            return Look(of_account(account_id), [], None, "")
        return found

    try:
        with concurrency.open_call(account_id):
            return _look_until(time.monotonic() + wait_seconds, look, limit, gone)
    except QuotaExceeded:
        if not await_queue:
            with reading() as db:
                id_of(db, account_id, queue)  # a missing queue is told first
        raise


def _look_until(
    deadline: float, take: Callable[[], Look], limit: int, gone: Callable[[], bool] | None
) -> list[Received]:
    woken_on = None
    while True:
        stamp = HUB.stamp()
        look = take()
        if woken_on is not None and woken_on != look.channel:
            # Now his hands are full: the signal was for somebody else.
            HUB.signal(woken_on)
        if look.next_due is not None:
            HUB.due(look.channel, look.next_due)
        if look.messages:
            _hand_over(look, limit)
            return look.messages
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            return []
        with HUB.park(look.channel, look.tag, stamp, django_settings.OKMQ_MAX_PARKED) as place:
            if place is None:
                return []
            if look.next_due is not None:
                HUB.due(look.channel, look.next_due)
            place.wait(remaining)
            leaving = HUB.closing or (gone is not None and gone())
        if leaving:
            if place.woken:
                # For a message, it may be, if only in the last moment: let the next one look.
                HUB.signal(look.channel)
            return []
        woken_on = look.channel if place.woken else None


def _hand_over(look: Look, limit: int) -> None:
    if observe.watcher is not None:
        observe.watcher.handed_out(look.messages, clock.now())
    if len(look.messages) == limit:
        # There may be more, and others waiting for them.
        HUB.signal(look.channel)


@dataclass(slots=True)
class Look:
    """What one look into a queue brought. ``channel`` and ``tag``: what to wait for, for more. ``next_due``:
    when more becomes ready by the clock alone."""

    channel: int
    messages: list[Received]
    next_due: Micros | None
    tag: str


class Receive(Operation):
    __slots__ = ("account_id", "allowed", "auto_ack", "consumer", "lease", "limit", "queue", "tag")

    def __init__(
        self,
        account_id: int,
        queue: str,
        limit: int,
        tag: str,
        auto_ack: bool,
        lease_seconds: float | None,
        consumer: str,
    ) -> None:
        super().__init__(weight=limit)
        self.account_id = account_id
        self.queue = queue
        self.limit = self.allowed = limit
        self.tag = tag
        self.auto_ack = auto_ack
        self.lease = None if lease_seconds is None else micros(lease_seconds)
        self.consumer = consumer

    @classmethod
    def run(cls, tx: Transaction, operations: list[Receive]) -> None:
        wanted = [o for o in operations if names.storable(o.queue)]
        rows = tx.db.rows(
            sql.QUEUES_FOR_RECEIVE,
            accounts=sorted({o.account_id for o in wanted}),
            names=sorted({o.queue for o in wanted}),
        )
        queues = {(row[1], row[2]): row for row in rows}
        together: dict[tuple[int, str], list[Receive]] = defaultdict(list)
        keyed: dict[int, bool] = {}
        versions: dict[int, int] = {}
        for operation in operations:
            row = queues.get((operation.account_id, operation.queue))
            if row is None:
                operation.error = QueueNotFound(operation.queue)
                continue
            queue_id, _, _, paused, next_due, keyed[row[0]], versions[row[0]] = row
            handing_out = not paused and names.storable(operation.tag)
            # Where nothing can come, nothing falls due: what is due already would have it look for ever.
            operation.result = Look(queue_id, [], next_due if handing_out else None, operation.tag)
            if handing_out:
                together[queue_id, operation.tag].append(operation)
        promoted: dict[int, Micros | None] = {}
        for (queue_id, tag), group in sorted(together.items(), key=lambda item: item[0]):
            if keyed[queue_id]:
                # In the order of all others who take it: before any delivery.
                tx.db.rows(sql.LOCK_QUEUES, ids=[queue_id])
            at = group[0].result.next_due
            if at is not None and at <= tx.now:
                if queue_id not in promoted:
                    due.promote(tx, queue_id)
                    promoted[queue_id] = due.next_due(tx, queue_id)
                for operation in group:
                    operation.result.next_due = promoted[queue_id]
            _share_room(tx, queue_id, versions[queue_id], group)
            _Claim(tx, queue_id, tag, [operation for operation in group if operation.allowed]).run()


def _share_room(tx: Transaction, queue_id: int, version: int, receivers: list[Receive]) -> None:
    """Set how many messages each receiver may be given. Those who may have none wait for room."""
    for receiver in receivers:
        receiver.allowed = receiver.limit
    holders = [receiver for receiver in receivers if receiver.consumer and not receiver.auto_ack]
    if not holders:
        return
    most = settings_versions.load(tx.db, [version])[version].max_in_flight
    if most is None:
        return
    if tx.db.postgresql:
        # Of two processes that count at the same time each would miss what the other hands out.
        tx.db.run(sql.LOCK_RECEIVERS, channel=of_room(queue_id))
    consumers = sorted({receiver.consumer for receiver in holders})
    held: dict[str, int] = dict(
        tx.db.rows(sql.HELD, queue=queue_id, lane=PULL_LANE, consumers=consumers, now=tx.now)
    )
    for receiver in holders:
        name = receiver.consumer
        receiver.allowed = max(min(receiver.limit, most - held.get(name, 0)), 0)
        held[name] = held.get(name, 0) + receiver.allowed
        if not receiver.allowed:
            receiver.result.channel, receiver.result.tag = of_room(queue_id), name


class _Claim:
    """Sharing out one queue's ready messages among receivers that ask in the same moment."""

    def __init__(self, tx: Transaction, queue_id: int, tag: str, receivers: list[Receive]) -> None:
        self.tx = tx
        self.queue_id = queue_id
        self.tag = tag
        self.receivers = receivers
        # {(end of the lease, consumer, whether expiry spares them): offsets}: leases that are alike are
        # written by one statement.
        self.leases: dict[tuple[Micros, str, bool], list[int]] = defaultdict(list)
        self.acked: list[Row] = []
        self.removed: list[int] = []
        self.removed_bytes = 0
        self.keys: set[str] = set()
        self.settings: dict[int, QueueSettings] = {}

    def run(self) -> None:
        open_receivers = list(self.receivers)
        while open_receivers:
            wanted = sum(r.allowed - len(r.result.messages) for r in open_receivers)
            rows = self._ready(wanted)
            expired = [row[4] for row in rows if row[13] is not None and row[13] <= self.tx.now]
            for row in rows:
                if row[13] is None or row[13] > self.tx.now:
                    receiver = open_receivers[0]
                    receiver.result.messages.append(self._hand_out(receiver, row))
                    if len(receiver.result.messages) == receiver.allowed:
                        open_receivers.pop(0)
            self._write()
            if not expired:
                return  # nobody is left wanting, or nothing is left
            due.expire(self.tx, self.queue_id, expired)

    def _ready(self, limit: int) -> list[Row]:
        """The next ready messages in delivery order, locked."""
        if self.tag:
            rows = self.tx.db.rows(
                sql.CLAIM_TAGGED, queue=self.queue_id, lane=PULL_LANE, limit=limit, tag=self.tag
            )
        else:
            rows = self.tx.db.rows(sql.CLAIM, queue=self.queue_id, lane=PULL_LANE, limit=limit)
        self.settings = settings_versions.load(self.tx.db, {row[6] for row in rows})
        # A join promises no order.
        return sorted(rows, key=lambda row: (-row[10], row[4]))

    def _hand_out(self, receiver: Receive, row: Row) -> Received:
        (
            deliver_at, attempts, _, old_receipt, offset, public_id, version, size, tag, key, _, created_at,
            expires_at, _, body, encoding, metadata, headers, idempotency_key, retries,
        ) = row  # fmt: skip
        now = self.tx.now
        settings = self.settings[version]
        attempts += 1
        lease_until = receipt = None
        # Rises even if a clock was set back. (sql.LEASE says the same.)
        new_receipt = max(now, old_receipt + 1)
        if receiver.auto_ack or settings.auto_ack:
            if settings.auto_delete:
                self.removed.append(offset)
                self.removed_bytes += size
            else:
                over = settings.acked_over_at(now, expires_at)
                self.acked.append(
                    (now, deliver_at, over, attempts, new_receipt, now, now, self.queue_id, offset)
                )
            if key:
                self.keys.add(key)
        else:
            lease = micros(settings.lease_seconds) if receiver.lease is None else receiver.lease
            lease_until, receipt = now + lease, new_receipt
            self.leases[lease_until, receiver.consumer, settings.preserve_leased].append(offset)
        return Received(
            public_id, offset, body, Encoding(encoding), tag, key, metadata, headers, created_at, deliver_at,
            attempts, lease_until, receipt, self.queue_id, size, now, expires_at, settings.max_attempts,
            idempotency_key, retries,
        )  # fmt: skip

    def _write(self) -> None:
        db, key = self.tx.db, {"queue": self.queue_id, "lane": PULL_LANE}
        for (until, consumer, spared), offsets in self.leases.items():
            db.run(
                sql.LEASE,
                offsets=offsets,
                until=until,
                consumer=consumer,
                now=self.tx.now,
                spared_until=until if spared else 0,
                **key,
            )
        done = [row[-1] for row in self.acked] + self.removed
        if done:
            db.run(sql.DELETE_DELIVERIES, offsets=done, **key)
        db.bulk(sql.ACK_MESSAGES, self.acked)
        if self.removed:
            db.run(sql.DELETE_MESSAGES, queue=self.queue_id, offsets=self.removed)
        if self.keys:
            partition_keys.put_in_order(self.tx, self.queue_id, self.keys)
        if self.leases:
            self.tx.wakes.due(self.queue_id, min(until for until, _, _ in self.leases))
        self.tx.tally.add(
            self.queue_id,
            received_total=sum(map(len, self.leases.values())) + len(done),
            acked_total=len(done),
            acked=len(self.acked),
            messages=-len(self.removed),
            bytes=-self.removed_bytes,
        )
        self.leases.clear()
        self.acked, self.removed, self.removed_bytes, self.keys = [], [], 0, set()
