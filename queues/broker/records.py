"""The state machine: what each event does to one message, and writing the outcome of many at once.

A ``Record`` is a message in a transaction's hands. Events change it in memory, one after the other, also when
several callers' events for one message travel in one transaction; ``Batch.flush`` then writes what became of
all of them in a few statements.

    scheduled --due--> ready --claim--> leased --ack--> acked (or deleted)
        ^                ^                |--nack / lease expired, attempts left--> scheduled (retry delay)
        |                '----lease expired, no delay------'
        '-- published with a future delivery time     no attempts left --> dead (or in the dead-letter queue)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from queues.broker import (
    dead_letters,
    events,
    listeners,
    partition_keys,
    push_lanes,
    retry,
    settings_versions,
    sql,
)
from queues.broker.clock import micros
from queues.broker.events import Event, Kind
from queues.broker.listeners import Change, Happening
from queues.broker.types import (
    DeadReason,
    ExpiryAction,
    Extend,
    Lost,
    Micros,
    Nack,
    Outcome,
    QueueSettings,
    State,
)
from queues.broker.wakes import of_room
from queues.models import PULL_LANE, DeliveryState

if TYPE_CHECKING:
    from queues.broker.db import Row
    from queues.broker.lanes import Transaction

SCHEDULED, READY, LEASED, BLOCKED = (int(state) for state in DeliveryState)


class Record:
    """One message's changeable side. ``state`` is None when it has no delivery: acked or dead."""

    __slots__ = (
        "acked_at", "attempts", "changes", "claimed_at", "consumer", "created_at", "dead_at", "dead_reason",
        "deliver_at", "due_at", "events", "expires_at", "forgotten", "gone", "had_delivery", "last_error",
        "late_ack_came", "late_ack_until", "letter", "max_attempts", "message_changed", "moved", "offset",
        "partition_key", "priority", "public_id", "queue_id", "receipt", "settings", "settings_id", "size",
        "state", "sweep_at", "tag", "touched", "updated_at",
    )  # fmt: skip

    claimed_at: Micros | None
    acked_at: Micros | None
    dead_at: Micros | None
    late_ack_until: Micros | None
    settings: QueueSettings

    def __init__(self, row: Row) -> None:
        (
            self.queue_id, self.offset, self.public_id, self.settings_id, self.size, self.tag,
            self.partition_key, self.priority, self.created_at, self.updated_at, self.deliver_at,
            self.expires_at, self.sweep_at, self.attempts, self.receipt, self.claimed_at, self.last_error,
            self.acked_at, self.dead_at, self.dead_reason, self.late_ack_until,
        ) = row  # fmt: skip
        self.state: int | None = None
        self.due_at: Micros = 0
        self.max_attempts = 0
        self.consumer = ""
        self.had_delivery = self.touched = self.message_changed = self.gone = self.moved = False
        self.late_ack_came = False
        self.forgotten = False  # for good: destinations that have not had it will not get it
        self.events: list[Event] = []
        self.changes: list[Happening] = []  # for its listener, if it has one
        self.letter = ""  # reason for moving to the dead-letter queue, if it is to move

    def add_delivery(self, row: Row) -> None:
        (
            _, self.state, self.deliver_at, self.due_at, self.updated_at, self.attempts, self.max_attempts,
            self.receipt, self.consumer, self.claimed_at,
        ) = row  # fmt: skip
        self.had_delivery = True

    @property
    def settled_at(self) -> Micros | None:
        return self.acked_at if self.acked_at is not None else self.dead_at

    def leased(self, now: Micros) -> bool:
        return self.state == LEASED and self.due_at > now

    def visible_state(self, now: Micros) -> State:
        """The state at ``now``, as if every due change had been made."""
        if self.acked_at is not None:
            return State.ACKED
        if self.state is None:
            return State.FAILED
        if self.state == LEASED and self.due_at > now:
            return State.PROCESSING
        if self.state == LEASED and self.attempts >= self.max_attempts:
            return State.FAILED
        if self.state == SCHEDULED and self.due_at > now:
            return State.SCHEDULED
        return State.PENDING

    @property
    def delivery_sweep_at(self) -> Micros | None:
        """What its delivery says of expiry: while its settings spare it, not before the lease is over."""
        spared = self.settings.preserve_leased and self.state == LEASED and self.sweep_at is not None
        return max(self.sweep_at or 0, self.due_at) if spared else self.sweep_at

    @property
    def had_trouble(self) -> bool:
        """False: it cannot have left any events."""
        return bool(self.events or self.last_error) or self.attempts > 1 or self.dead_at is not None

    # ------------------------------------------------------------ events

    def _note(self, kind: Kind, at: Micros, reason: str = "", *, ended: bool = False) -> None:
        """``ended``: with this the current delivery ended."""
        claim = (self.claimed_at, self.consumer) if ended else (None, "")
        self.events.append(Event(self.offset, kind, at, self.attempts, *claim, reason))

    def ack(self, now: Micros, delete: bool | None, note: object = None) -> Outcome:
        """okmq.md §5.6: counts in any state; a second ack changes nothing, unless it asks to delete."""
        if self.acked_at is not None:
            if delete:
                self.gone = True
            return Outcome.DONE
        self.acked_at, self.dead_at, self.dead_reason = now, None, ""
        self._leave_lane(now)
        self.sweep_at = self.settings.acked_over_at(now, self.expires_at)
        self.gone = self.settings.auto_delete if delete is None else delete
        self._happened(Change.ACKED, now, note)
        return Outcome.DONE

    def ack_once(self, now: Micros, delete: bool | None, *, may_be_late: bool) -> Outcome:
        """An ack that says whether it was this one that did it. That of the one who gave the message back a
        moment ago (give_back.py) concerns nobody any more: it is such a one if nobody else holds the message,
        or if its client always sends one."""
        if self.acked_at is not None:
            return Outcome.NOT_HELD
        expected = self.late_ack_until is not None and now < self.late_ack_until
        if expected and (may_be_late or not self.leased(now)):
            self.late_ack_until = None
            self.late_ack_came = True
            return Outcome.DONE
        return self.ack(now, delete)

    def nack(self, now: Micros, request: Nack) -> Outcome:
        if not self.leased(now):
            return Outcome.NOT_HELD
        self._note(Kind.NACKED, now, request.reason, ended=True)
        if request.reason:
            self.last_error, self.message_changed = request.reason, True
        if self.attempts >= self.max_attempts:
            self.die(now, request.reason or DeadReason.EXHAUSTED)
            return Outcome.DEAD
        if request.dead:
            self.die(now, request.reason or DeadReason.REJECTED)
            return Outcome.DEAD
        self._try_again(now, self._after_delay(now) if request.deliver_at is None else request.deliver_at)
        if self.settings.preserve_leased and not self.settings.preserve_pending:
            # A sweep may have put it off to the end of the lease that ends here.
            self.message_changed = self.message_changed or self.sweep_at != self.expires_at
            self.sweep_at = self.expires_at
        return Outcome.DONE

    def extend(self, now: Micros, request: Extend) -> Outcome:
        if not self.leased(now):
            return Outcome.NOT_HELD
        until = now + micros(request.seconds)
        if not request.shorten:
            until = max(until, self.due_at)
        deadline = self.deadline
        self.due_at = until if deadline is None else min(until, deadline)
        self.updated_at, self.touched = now, True
        if request.note is not None:
            self._happened(Change.EXTENDED, now, request.note)
        return Outcome.DONE

    def release(self, now: Micros) -> Outcome:
        if not self.leased(now):
            return Outcome.NOT_HELD
        self.attempts -= 1
        self.state, self.due_at, self.updated_at = READY, self.deliver_at, now
        self.consumer, self.touched = "", True
        return Outcome.DONE

    def fall_due(self, now: Micros) -> None:
        """The clock moved it: its delivery time came, or its lease ran out."""
        if self.state == LEASED:
            self._lose_lease(now)
        elif self.state == SCHEDULED:
            self.state, self.touched = READY, True

    def _lose_lease(self, now: Micros) -> None:
        """It happened when the lease ended, whenever that is noticed."""
        ended, deadline = self.due_at, self.deadline
        timed_out = deadline is not None and ended >= deadline
        self.last_error, self.message_changed = Lost.TIMED_OUT if timed_out else Lost.LEASE_EXPIRED, True
        self._note(Kind.LEASE_EXPIRED, ended, Lost.TIMED_OUT if timed_out else "", ended=True)
        if self.attempts >= self.max_attempts:
            self.die(ended, DeadReason.EXHAUSTED)
        elif self.settings.delay_lost:
            self._try_again(now, self._after_delay(ended))
        else:
            self.state, self.touched = READY, True
            self._happened(Change.FAILED, now)

    def catch_up(self, now: Micros) -> None:
        """Make the change the clock brought that nobody has noticed yet."""
        if self.state in (SCHEDULED, LEASED) and self.due_at <= now:
            self.fall_due(now)

    def kill(self, now: Micros, reason: str) -> Outcome:
        self.catch_up(now)
        if self.state is None:
            return Outcome.NOT_HELD
        self.last_error = reason or self.last_error
        self.die(now, reason or DeadReason.REJECTED, Change.KILLED)
        return Outcome.DONE

    def hasten(self, now: Micros) -> Outcome:
        self.catch_up(now)
        if self.dead_at is not None:
            self.revive(now)
        elif self.state == SCHEDULED and self.due_at > now:
            self.deliver_at, self.due_at, self.updated_at, self.touched = now, now, now, True
            self.state = BLOCKED if self.partition_key else READY
        else:
            return Outcome.NOT_HELD
        return Outcome.DONE

    def remove_unheld(self, now: Micros) -> Outcome:
        self.catch_up(now)
        if self.leased(now):
            return Outcome.NOT_HELD
        self.remove()
        return Outcome.DONE

    def expire(self, now: Micros) -> None:
        """Its time to live is over."""
        self.forgotten = True
        unhandled = self.acked_at is None and self.dead_at is None
        if unhandled and self.settings.on_expiry is ExpiryAction.DEAD_LETTER:
            self.die(now, DeadReason.EXPIRED)
        else:
            self.remove()

    def outlives(self, now: Micros) -> bool:
        """Whether its time to live may be over and it stays: somebody holds it, and its settings spare it
        so long."""
        return self.settings.preserve_leased and self.leased(now)

    def put_off_expiry(self) -> None:
        """To the end of its lease, so that the next sweep does not meet it again."""
        self.sweep_at, self.message_changed, self.touched = self.due_at, True, True

    def die(self, now: Micros, reason: str, change: Change = Change.DEAD) -> None:
        """No more deliveries: dead in place, or on to the dead-letter queue, or gone."""
        self._note(Kind.DEAD, now, reason)
        self._leave_lane(now)
        self._happened(change, now)
        if self.settings.dead_letter_queue is not None:
            self.letter, self.gone = reason, True
            return
        self.lie_dead(now, reason)
        self.gone = self.settings.drop_dead

    def lie_dead(self, now: Micros, reason: str) -> None:
        """Dead in place. What was to be dead-lettered when its life was over already stays until it is dealt
        with: the next sweep would undo it."""
        self.dead_at, self.dead_reason = now, reason[:256]
        settings = self.settings
        over = self.expires_at is not None and self.expires_at <= now
        to_letter = settings.on_expiry is ExpiryAction.DEAD_LETTER or settings.dead_letter_queue is not None
        spared = settings.preserve_failed or (over and to_letter)
        self.sweep_at = None if spared else settings.dead_over_at(now, self.expires_at)

    def revive(self, now: Micros, *, keep_attempts: bool = False) -> None:
        """Replay: pending again, at its old place in the order, with all attempts before it (with
        ``keep_attempts`` with what is left of them, but one more delivery in any case). One that is leased is
        taken out of its holder's hands."""
        if self.expires_at is not None:
            life = self.expires_at - self.created_at
            if self.settings.ttl_from_delivery and self.settings.ttl_seconds is not None:
                life = min(life, micros(self.settings.ttl_seconds))  # without the delay before it
            self.expires_at = now + life
        self.sweep_at = None if self.settings.preserve_pending else self.expires_at
        self._note(Kind.REPLAYED, now)
        self.attempts = self.attempts if keep_attempts else 0
        self.deliver_at = self.due_at = self.updated_at = now
        self.acked_at = self.dead_at = None
        self.dead_reason = self.consumer = ""
        self.max_attempts = self.settings.max_attempts
        self.state = BLOCKED if self.partition_key else READY
        self.message_changed = self.touched = True
        self._happened(Change.REVIVED, now)

    def linger(self, now: Micros) -> None:
        """Done with, but kept until the last destination has had it."""
        self.gone, self.message_changed = False, True
        self.dead_at, self.dead_reason = None, ""
        if self.acked_at is None:
            self.acked_at = now

    def move_on(self) -> None:
        """Done with here. Destinations that have not had it still get it."""
        self.gone, self.state = True, None

    def remove(self) -> None:
        self.gone = self.forgotten = True
        self.state = None

    @property
    def deadline(self) -> Micros | None:
        """When the delivery that is out must be over, however often its lease is extended."""
        limit = self.settings.attempt_seconds
        return None if limit is None or self.claimed_at is None else self.claimed_at + micros(limit)

    def _leave_lane(self, now: Micros) -> None:
        self.state, self.updated_at, self.message_changed = None, now, True

    def _after_delay(self, failed_at: Micros) -> Micros:
        return failed_at + micros(retry.delay_seconds(self.settings.retry, self.attempts))

    def _try_again(self, now: Micros, at: Micros) -> None:
        self.deliver_at = self.due_at = at
        self.updated_at, self.consumer = now, ""
        self.state = SCHEDULED if at > now else READY
        self.touched = True
        self._happened(Change.FAILED, now)

    def _happened(self, change: Change, at: Micros, note: object = None) -> None:
        if self.settings.listener:
            error = self.last_error if change in (Change.FAILED, Change.DEAD, Change.KILLED) else ""
            self.changes.append(
                Happening(self.queue_id, self.offset, self.public_id, change, at, error, note)
            )


class Batch:
    """The records of one queue that a transaction has in hand, and their one write."""

    def __init__(self, tx: Transaction, queue_id: int, records: Iterable[Record]) -> None:
        self.tx = tx
        self.queue_id = queue_id
        self.records = list(records)
        versions = settings_versions.load(tx.db, {record.settings_id for record in self.records})
        for record in self.records:
            record.settings = versions[record.settings_id]
        # What it was when it came, for the counters.
        self._before = [(record.acked_at is not None, record.dead_at is not None) for record in self.records]
        self._held = [record for record in self.records if record.state == LEASED and record.consumer]
        self._holders = [record.consumer for record in self._held]

    def flush(self) -> None:
        db = self.tx.db
        leaving = [r for r in self.records if r.had_delivery and r.state is None]
        entering = [r for r in self.records if not r.had_delivery and r.state is not None]
        moving = [r for r in self.records if r.had_delivery and r.state is not None and r.touched]
        events.write(self.tx, self.queue_id, [e for r in self.records for e in r.events])
        if leaving:
            offsets = [r.offset for r in leaving]
            db.run(sql.DELETE_DELIVERIES, queue=self.queue_id, lane=PULL_LANE, offsets=offsets)
        db.bulk(sql.UPDATE_DELIVERIES, [_delivery_update(r) for r in moving])
        db.bulk(sql.INSERT_DELIVERIES, [delivery_row(r) for r in entering])
        dead_letters.move(self.tx, [r for r in self.records if r.letter])
        self._count_totals()
        push_lanes.heed(self.tx, self.queue_id, self.records)
        if gone := [r.offset for r in self.records if r.gone]:
            db.run(sql.DELETE_MESSAGES, queue=self.queue_id, offsets=gone)
            events.forget(self.tx, self.queue_id, [r for r in self.records if r.gone and not r.moved])
        changed = [r for r in self.records if r.message_changed and not r.gone]
        db.bulk(sql.UPDATE_MESSAGES, [_message_update(r) for r in changed])
        came = [(None, r.queue_id, r.offset) for r in self.records if r.late_ack_came and not r.gone]
        db.bulk(sql.SET_LATE_ACK, came)
        self._count_levels()
        self._wake(entering + moving)
        self._make_room()
        self._release_keys(leaving + entering + moving)
        self._tell()

    def _count_totals(self) -> None:
        acked_total = dead_total = 0
        for record, (was_acked, was_dead) in zip(self.records, self._before, strict=True):
            acked_total += record.acked_at is not None and not was_acked
            dead_total += (record.dead_at is not None and not was_dead) or bool(record.letter)
        self.tx.tally.add(self.queue_id, acked_total=acked_total, dead_total=dead_total)

    def _count_levels(self) -> None:
        gone = size = acked = dead = 0
        for record, (was_acked, was_dead) in zip(self.records, self._before, strict=True):
            is_acked, is_dead = record.acked_at is not None, record.dead_at is not None
            if record.gone:
                gone += 1
                size += record.size
            acked += (is_acked and not record.gone) - was_acked
            dead += (is_dead and not record.gone) - was_dead
        self.tx.tally.add(self.queue_id, messages=-gone, bytes=-size, acked=acked, dead=dead)

    def _wake(self, records: list[Record]) -> None:
        for record in records:
            if record.state == READY:
                self.tx.wakes.ready(record.queue_id, record.tag)
            elif record.state != BLOCKED:
                self.tx.wakes.due(record.queue_id, record.due_at)

    def _make_room(self) -> None:
        """Tell consumers that hold fewer messages now."""
        for record, consumer in zip(self._held, self._holders, strict=True):
            if record.state != LEASED and record.settings.max_in_flight is not None:
                self.tx.wakes.ready(of_room(self.queue_id), consumer)

    def _tell(self) -> None:
        listened = [record for record in self.records if record.settings.listener]
        for record in listened:
            if record.gone:
                record._happened(Change.REMOVED, self.tx.now)
        if listened:
            listeners.tell(self.tx, ((r.settings.listener, change) for r in listened for change in r.changes))

    def _release_keys(self, records: list[Record]) -> None:
        keys = {record.partition_key for record in records if record.partition_key}
        if keys:
            partition_keys.put_in_order(self.tx, self.queue_id, keys)


def delivery_row(record: Record) -> Row:
    return (
        record.queue_id, PULL_LANE, record.offset, record.state, -record.priority, record.tag,
        record.partition_key, record.deliver_at, record.due_at, record.delivery_sweep_at, record.updated_at,
        record.attempts, record.max_attempts, record.receipt, record.consumer, record.claimed_at,
    )  # fmt: skip


def _delivery_update(record: Record) -> Row:
    return (
        record.state, record.deliver_at, record.due_at, record.delivery_sweep_at, record.updated_at,
        record.attempts, record.receipt, record.consumer, record.queue_id, PULL_LANE, record.offset,
    )  # fmt: skip


def _message_update(record: Record) -> Row:
    return (
        record.updated_at, record.deliver_at, record.expires_at, record.sweep_at, record.attempts,
        record.receipt, record.claimed_at, record.last_error, record.acked_at, record.dead_at,
        record.dead_reason, record.queue_id, record.offset,
    )  # fmt: skip


def load(tx: Transaction, queue_id: int, rows: list[Row]) -> list[Record]:
    """Records of messages read a moment ago, with their deliveries locked. A message that went its way in
    between comes back without delivery and is then read again under its own lock."""
    records = {row[1]: Record(row) for row in rows}
    keyed = any(record.partition_key for record in records.values())
    if keyed:
        # Before any delivery is locked: partition_keys.put_in_order needs this lock.
        tx.db.rows(sql.LOCK_QUEUES, ids=[queue_id])
    for row in tx.db.rows(sql.LOCK_DELIVERIES, queue=queue_id, lane=PULL_LANE, offsets=sorted(records)):
        records[row[0]].add_delivery(row)
    # Without delivery, or dead before it was replayed between the two looks: what was read is stale.
    again = sorted(o for o, record in records.items() if record.state is None or record.dead_at is not None)
    if again:
        found = {row[1]: row for row in tx.db.rows(sql.LOCK_RECORDS, queue=queue_id, offsets=again)}
        for offset in again:
            if offset in found:
                records[offset] = Record(found[offset])
            else:
                del records[offset]
        # Replayed: it has a delivery again.
        revived = [o for o in again if o in records and records[o].settled_at is None]
        if revived:
            for row in tx.db.rows(sql.LOCK_DELIVERIES, queue=queue_id, lane=PULL_LANE, offsets=revived):
                records[row[0]].add_delivery(row)
    # By offset: that is the order in which those that die together reach their dead-letter queue.
    return [records[offset] for offset in sorted(records)]
