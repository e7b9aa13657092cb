"""Moving messages to another queue: the dead to their dead-letter queue, and back from there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from queues.broker import events, ids, observe, partition_keys, push_lanes, settings_versions, sql
from queues.broker.clock import micros
from queues.broker.types import DeadReason, Origin
from queues.models import PULL_LANE, DeliveryState

if TYPE_CHECKING:
    from queues.broker.db import Row
    from queues.broker.lanes import Transaction
    from queues.broker.records import Record


@dataclass(slots=True)
class Target:
    """A locked queue that messages are moved to."""

    id: int
    next_offset: int
    settings_id: int


def move(tx: Transaction, records: list[Record]) -> None:
    """Copy each record's message to its dead-letter queue, with fresh attempts and that queue's settings; the
    caller deletes the original. Where that queue does not exist (any more) the message stays, dead in place:
    a missing queue must never lose a message."""
    by_name: dict[str | None, list[Record]] = defaultdict(list)
    for record in records:
        by_name[record.settings.dead_letter_queue].append(record)
    for name, letters in by_name.items():
        found = tx.db.rows(sql.DEAD_LETTER_QUEUE, queue=letters[0].queue_id, name=name)
        if not found:
            _keep(tx, letters)
            continue
        *target, source = found[0]
        transfer(tx, source, Target(*target), letters, reasons=[record.letter for record in letters])
        for record in letters:
            tx.note(_event(record, tx.now))


def _keep(tx: Transaction, records: list[Record]) -> None:
    for record in records:
        record.gone, record.message_changed = False, True
        record.lie_dead(tx.now, record.letter)
        record.letter = ""


def _event(record: Record, now: int) -> observe.Event:
    expired = (
        record.letter == DeadReason.EXPIRED and record.expires_at is not None and record.expires_at <= now
    )
    return observe.Event.DEAD_LETTERED_EXPIRED if expired else observe.Event.DEAD_LETTERED


def transfer(
    tx: Transaction,
    source: str,
    target: Target,
    records: Sequence[Record],
    *,
    reasons: Iterable[str] = (),
    keep_attempts: bool = False,
) -> None:
    """Copy the messages from the queue named ``source`` to ``target``, as messages of that queue: to its end,
    or, if they died there, to their old places. The caller deletes the originals. ``reasons``: why they are
    dead, if they are moved as dead letters, which no partition key holds back: a dead-letter queue's order is
    nobody's concern."""
    settings = settings_versions.load(tx.db, [target.settings_id])[target.settings_id]
    expires_at = None if settings.ttl_seconds is None else tx.now + micros(settings.ttl_seconds)
    sweep_at = None if settings.preserve_pending else expires_at
    wanted = [record.public_id for record in records]
    taken = {row[0] for row in tx.db.rows(sql.STORED_IDS, queue=target.id, ids=wanted)}
    letters = list(reasons)
    old_places = {} if letters else _old_places(tx, target, records)
    messages: list[Row] = []
    deliveries: list[Row] = []
    places = []
    for record, reason in zip(records, letters or [""] * len(records), strict=True):
        offset = old_places.get(record.offset, target.next_offset)
        target.next_offset = max(target.next_offset, offset + 1)
        public_id = ids.new_message_id() if record.public_id in taken else record.public_id
        attempts = record.attempts if keep_attempts else 0
        origin = Origin(source, record.public_id, record.offset, record.attempts)
        messages.append((
            target.id, offset, public_id, target.settings_id, tx.now, tx.now, expires_at, sweep_at, attempts,
            0, reason[:256], record.last_error, msgspec.json.encode(origin).decode(),
            record.queue_id, record.offset,
        ))  # fmt: skip
        key = "" if letters else record.partition_key
        state = int(DeliveryState.BLOCKED if key else DeliveryState.READY)
        deliveries.append((
            target.id, PULL_LANE, offset, state, -record.priority, record.tag, key, tx.now, tx.now, sweep_at,
            tx.now, attempts, settings.max_attempts, 0, "", None,
        ))  # fmt: skip
        places.append(((record.queue_id, record.offset), (target.id, offset)))
        record.moved = True
        if not key:
            tx.wakes.ready(target.id, record.tag)
    tx.db.bulk(sql.COPY_MESSAGES, messages)
    tx.db.bulk(sql.INSERT_DELIVERIES, deliveries)
    push_lanes.add(tx, target.id, push_lanes.of_queue(tx, target.id), deliveries)
    tx.db.run(sql.SET_NEXT_OFFSET, queue=target.id, next=target.next_offset)
    events.move(tx, places)
    tx.tally.add(target.id, messages=len(messages), bytes=sum(record.size for record in records))
    keys = {record.partition_key for record in records if record.partition_key}
    if keys and not letters:
        partition_keys.put_in_order(tx, target.id, keys)


def _old_places(tx: Transaction, target: Target, records: Sequence[Record]) -> dict[int, int]:
    """Of those that died in ``target``: by their offset now the one they had there, unless it was given to
    another meanwhile (a queue that was deleted and made anew counts from 0 again)."""
    offsets = [record.offset for record in records]
    rows = tx.db.rows(sql.CAME_FROM, queue=records[0].queue_id, offsets=offsets, target=target.id)
    places = {}
    for offset, origin, name in rows:
        came_from = msgspec.json.decode(origin, type=Origin)
        if came_from.queue == name and not came_from.edited and came_from.offset < target.next_offset:
            places[came_from.offset] = offset
    taken = tx.db.rows(sql.TAKEN_OFFSETS, queue=target.id, offsets=list(places)) if places else []
    for (offset,) in taken:
        del places[offset]
    return {now: before for before, now in places.items()}
