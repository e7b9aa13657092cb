"""Moving dead messages to another queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queues.broker import ids, observe, settings_versions, sql
from queues.broker.clock import micros
from queues.broker.types import DeadReason
from queues.models import PULL_LANE, DeliveryState

if TYPE_CHECKING:
    from queues.broker.lanes import Transaction
    from queues.broker.records import Record


def move(tx: Transaction, records: list[Record]) -> None:
    """Copy each record's message to its dead-letter queue, with fresh attempts and that queue's settings; the
    caller deletes the original. Where that queue does not exist (any more) the message stays, dead in place:
    a missing queue must never lose a message."""
    for record in records:
        target = tx.db.rows(
            sql.DEAD_LETTER_QUEUE, queue=record.queue_id, name=record.settings.dead_letter_queue
        )
        if target:
            _move_one(tx, record, *target[0])
        else:
            record.gone, record.message_changed = False, True
            record.lie_dead(tx.now, record.letter)
            record.letter = ""


def _move_one(tx: Transaction, record: Record, target: int, offset: int, version: int) -> None:
    settings = settings_versions.load(tx.db, [version])[version]
    taken = tx.db.rows(sql.STORED_IDS, queue=target, ids=[record.public_id])
    public_id = ids.new_message_id() if taken else record.public_id
    expires_at = None if settings.ttl_seconds is None else tx.now + micros(settings.ttl_seconds)
    sweep_at = None if settings.preserve_pending else expires_at
    tx.db.run(
        sql.COPY_MESSAGE,
        queue=record.queue_id,
        source_offset=record.offset,
        target=target,
        target_offset=offset,
        public_id=public_id,
        settings=version,
        now=tx.now,
        expires_at=expires_at,
        sweep_at=sweep_at,
        reason=record.letter[:256],
    )
    delivery = (
        target, PULL_LANE, offset, int(DeliveryState.READY), -record.priority, record.tag, "", tx.now, tx.now,
        sweep_at, tx.now, 0, settings.max_attempts, 0, "", None,
    )  # fmt: skip
    tx.db.bulk(sql.INSERT_DELIVERIES, [delivery])
    tx.db.run(sql.SET_NEXT_OFFSET, queue=target, next=offset + 1)
    tx.tally.add(target, messages=1, bytes=record.size)
    tx.wakes.ready(target, record.tag)
    expired = (
        record.letter == DeadReason.EXPIRED and record.expires_at is not None and record.expires_at <= tx.now
    )
    tx.note(observe.Event.DEAD_LETTERED_EXPIRED if expired else observe.Event.DEAD_LETTERED)
