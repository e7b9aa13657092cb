"""Giving a message back as a new one, as its holder has it: for clients that count retries themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from queues.broker import push_lanes, quotas, sql
from queues.broker.clock import micros
from queues.broker.errors import QueueNotFound
from queues.broker.lanes import in_transaction
from queues.broker.publish import Publish, append
from queues.broker.records import Batch, Record, load
from queues.broker.targets import target
from queues.broker.types import Encoding, Nack, NewMessage

if TYPE_CHECKING:
    from queues.broker.lanes import Transaction
    from queues.broker.types import Micros

LATE_ACK_SECONDS = 10.0
"""For so long an ack of a message that was given back while it was leased may be the one that its former
holder sends after giving it back. It arrives at once or never; what comes later is the next holder's."""


def give_back(account_id: int, queue: str, message: NewMessage, *, to: str = "") -> None:
    """Store ``message``, which has an id, at the end of ``queue`` or of the queue ``to``, in place of the one
    with its id if ``queue`` holds it, in whatever state. The holder's own later ack then changes nothing
    (``Ack.once``). It is not copied to queues that follow, and fits into a full queue: it was there before.
    Raises QueueNotFound, QuotaExceeded, Unavailable."""
    wanted = to or queue

    def store(tx: Transaction) -> None:
        addition = {account_id: (1, message.size)}
        tx.budget.ask(addition)
        rows = tx.db.rows(sql.QUEUES_BY_NAME, accounts=[account_id], names=sorted({queue, wanted}))
        found = {row[2]: row for row in rows}
        for name in (queue, wanted):
            if name not in found:
                raise QueueNotFound(name)
        source, into = found[queue][0], target(found[wanted])
        if _has_a_listener(tx, source, message):
            return
        tight = tx.budget.check(addition)
        if wanted == queue:
            taken = _take_out(tx, source, message)
            into = into._replace(push_lanes=taken.push_lanes)
        else:
            taken = _take_out(tx, source, message, moves_on=True)
            # One that was moved there before, while this client tried again.
            _take_out(tx, found[wanted][0], message)
        if tight and not taken.was_there:
            tx.budget.demand(account_id, *quotas.total([message]))
        queue_id = found[wanted][0]
        append(tx, queue_id, {queue_id: into}, [Publish(account_id, [taken.message])], {})
        if taken.late_ack_until is not None and wanted == queue:
            # Whoever acks late does so where he took it from.
            tx.db.bulk(sql.SET_LATE_ACK, [(taken.late_ack_until, queue_id, into.next_offset)])

    in_transaction(store)


def _has_a_listener(tx: Transaction, queue_id: int, message: NewMessage) -> bool:
    """Whether somebody keeps rows of his own beside the message, as tasks do. Such a one is not replaced, or
    these would be lost: whoever gives it back has failed, if he holds it, and nothing else happens."""
    rows = tx.db.rows(sql.RECORDS_BY_ID, queue=queue_id, ids=[message.public_id])
    batch = Batch(tx, queue_id, load(tx, queue_id, rows))
    if not batch.records or not batch.records[0].settings.listener:
        return False
    record = batch.records[0]
    record.nack(tx.now, Nack(record.public_id, reason="given back"))
    batch.flush()
    return True


class _Taken(NamedTuple):
    """``message``: what is given back, with what its holder cannot know of it. ``late_ack_until``: until when
    an ack of its holder may come. ``push_lanes``: destinations that have not had it."""

    message: NewMessage
    was_there: bool = False
    late_ack_until: Micros | None = None
    push_lanes: str = ""


def _take_out(tx: Transaction, queue_id: int, message: NewMessage, *, moves_on: bool = False) -> _Taken:
    """Remove the message of that id, if there is one. ``moves_on``: destinations still get it from here."""
    rows = tx.db.rows(sql.RECORDS_BY_ID, queue=queue_id, ids=[message.public_id])
    batch = Batch(tx, queue_id, load(tx, queue_id, rows))
    if not batch.records:
        return _Taken(message)
    record = batch.records[0]
    ((_, body, encoding, metadata, _),) = tx.db.rows(sql.BODIES, queue=queue_id, offsets=[record.offset])
    until = _late_ack_until(record, tx.now)
    lanes = push_lanes.waiting_for(tx, queue_id, record.offset)
    if moves_on:
        record.move_on()
    else:
        record.remove()
    batch.flush()
    returning = msgspec.structs.replace(
        message,
        tag=record.tag,
        partition_key=record.partition_key,
        metadata=metadata,
        encoding=Encoding(encoding) if body == message.body else message.encoding,
    )
    return _Taken(returning, True, until, lanes)


def _late_ack_until(record: Record, now: Micros) -> Micros | None:
    if record.leased(now):
        return now + micros(LATE_ACK_SECONDS)
    return record.late_ack_until  # given back twice: the first time it was leased
