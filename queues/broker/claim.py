"""Sharing out what is ready in a queue."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from queues.broker import due, listeners, partition_keys, push_lanes, settings_versions, sql
from queues.broker.clock import micros
from queues.broker.floors import FLOORS
from queues.broker.listeners import Change, Happening
from queues.broker.types import Encoding, Micros, QueueSettings, Received
from queues.models import PULL_LANE

if TYPE_CHECKING:
    from queues.broker.db import Row
    from queues.broker.lanes import Transaction
    from queues.broker.receive import Receive


MAX_BYTES = 32 * 1024 * 1024
"""A receiver that has so much gets no more in one look, whatever it asked for: all of it is in memory."""
STEP = 100
"""Messages a receiver that are looked for at first, while nothing is known of their size."""


class Claim:
    """Sharing out one queue's ready messages among receivers that ask in the same moment."""

    def __init__(
        self,
        tx: Transaction,
        queue_id: int,
        tags: tuple[str, ...],
        receivers: list[Receive],
        *,
        keyed: bool,
    ) -> None:
        self.tx = tx
        self.queue_id = queue_id
        self.tags = tags
        self.receivers = receivers
        self.keyed = keyed
        # {(end of the lease, consumer, whether expiry spares them): offsets}: leases that are alike are
        # written by one statement.
        self.leases: dict[tuple[Micros, str, bool], list[int]] = defaultdict(list)
        self.acked: list[Row] = []
        # Removed as they are handed out: {offset: (size, what to write if they stay for a destination)}
        self.removed: dict[int, tuple[int, Row]] = {}
        self.keys: set[str] = set()
        self.told: list[tuple[str, Happening]] = []
        self.settings: dict[int, QueueSettings] = {}
        self.seen = self.seen_bytes = 0

    def run(self) -> None:
        open_receivers = [receiver for receiver in self.receivers if receiver.has_room]
        while open_receivers:
            wanted = self._step(open_receivers)
            rows = self._ready(wanted)
            self.seen += len(rows)
            self.seen_bytes += sum(row[7] for row in rows)
            expired = [row[4] for row in rows if row[13] is not None and row[13] <= self.tx.now]
            for row in rows:
                if open_receivers and (row[13] is None or row[13] > self.tx.now):
                    receiver = open_receivers[0]
                    receiver.take(self._hand_out(receiver, row))
                    if not receiver.has_room:
                        open_receivers.pop(0)
            self._write()
            if expired:
                due.expire(self.tx, self.queue_id, expired)
            elif len(rows) < wanted:
                break  # nothing is left
        if any(receiver.bytes >= MAX_BYTES for receiver in self.receivers):
            # It got less than it asked for: there may be more, and others waiting for it.
            self.tx.wakes.ready(self.queue_id)

    def _step(self, receivers: list[Receive]) -> int:
        """How many messages to look for: no more, as far as can be guessed, than those receivers may have."""
        wanted = sum(receiver.allowed - len(receiver.result.messages) for receiver in receivers)
        if not self.seen:
            return min(wanted, STEP * len(receivers))
        left = sum(MAX_BYTES - receiver.bytes for receiver in receivers)
        return min(wanted, left * self.seen // max(self.seen_bytes, 1) + 1)

    def _ready(self, limit: int) -> list[Row]:
        """The next ready messages in delivery order, locked."""
        db, key = self.tx.db, {"queue": self.queue_id, "lane": PULL_LANE}
        if len(self.tags) > 1:
            rows = self._ready_of_tags(limit)
        elif not self.keyed:
            rows = FLOORS.claim(self.tx, self.queue_id, "".join(self.tags), limit)
        elif self.tags:
            rows = db.rows(sql.CLAIM_TAGGED, limit=limit, tag=self.tags[0], **key)
        else:
            rows = db.rows(sql.CLAIM, limit=limit, **key)
        self.settings = settings_versions.load(self.tx.db, {row[6] for row in rows})
        # A join promises no order.
        return sorted(rows, key=lambda row: (-row[10], row[4]))

    def _ready_of_tags(self, limit: int) -> list[Row]:
        """Those with any of several tags, in delivery order over all of them. What another process claims
        between the two looks is passed over."""
        db, key = self.tx.db, {"queue": self.queue_id, "lane": PULL_LANE}
        answers = [db.later(sql.READY_OF_TAG, limit=limit, tag=tag, **key) for tag in self.tags]
        first = sorted(row for answer in answers for row in answer())[:limit]
        rows = db.rows(sql.CLAIM_OFFSETS, offsets=[offset for _, offset in first], **key) if first else []
        if len(rows) < len(first):
            # There may be others behind those: whoever finds nothing is to look again, and not to wait.
            self.tx.wakes.ready(self.queue_id)
        return rows

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
            over = settings.acked_over_at(now, expires_at)
            acked = (now, deliver_at, over, attempts, new_receipt, now, now, self.queue_id, offset)
            if settings.auto_delete:
                self.removed[offset] = size, acked
            else:
                self.acked.append(acked)
            if key:
                self.keys.add(key)
            if settings.listener:
                self._tell_acked(settings, offset, public_id)
        else:
            lease = micros(settings.lease_seconds) if receiver.lease is None else receiver.lease
            if settings.attempt_seconds is not None:
                lease = min(lease, micros(settings.attempt_seconds))
            lease_until, receipt = now + lease, new_receipt
            self.leases[lease_until, receiver.consumer, settings.preserve_leased].append(offset)
        return Received(
            public_id, offset, body, Encoding(encoding), tag, key, metadata, headers, created_at, deliver_at,
            attempts, lease_until, receipt, self.queue_id, size, now, expires_at, settings.max_attempts,
            idempotency_key, retries,
        )  # fmt: skip

    def _tell_acked(self, settings: QueueSettings, offset: int, public_id: str) -> None:
        changes = [Change.ACKED, Change.REMOVED] if settings.auto_delete else [Change.ACKED]
        self.told += [
            (settings.listener, Happening(self.queue_id, offset, public_id, change, self.tx.now))
            for change in changes
        ]

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
        self._keep_for_destinations()
        done = [row[-1] for row in self.acked] + list(self.removed)
        if done:
            db.run(sql.DELETE_DELIVERIES, offsets=done, **key)
        db.bulk(sql.ACK_MESSAGES, self.acked)
        if self.removed:
            db.run(sql.DELETE_MESSAGES, queue=self.queue_id, offsets=list(self.removed))
        if self.told:
            listeners.tell(self.tx, self.told)
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
            bytes=-sum(size for size, _ in self.removed.values()),
        )
        self.leases.clear()
        self.acked, self.removed, self.keys, self.told = [], {}, set(), []

    def _keep_for_destinations(self) -> None:
        """What some destination has not had yet stays, acked, until it has."""
        held = push_lanes.hold(self.tx, self.queue_id, list(self.removed)) if self.removed else ()
        self.acked += [self.removed.pop(offset)[1] for offset in held]
