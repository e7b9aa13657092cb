"""Giving a message back as a new one, as its holder has it: for clients that count retries themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from queues.broker import quotas, sql
from queues.broker.clock import micros
from queues.broker.errors import QueueNotFound
from queues.broker.lanes import in_transaction
from queues.broker.publish import Publish, append
from queues.broker.records import Batch, Record, load
from queues.broker.targets import target
from queues.broker.types import Encoding, NewMessage

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
        tight = tx.budget.check(addition)
        late_ack_until, returning = _take_out(tx, found[queue][0], message)
        if wanted != queue:
            # One that was moved there before, while this client tried again.
            _take_out(tx, found[wanted][0], message)
            late_ack_until = None  # whoever acks late does so where he took it from
        _append(tx, account_id, found[wanted], returning or message, tight if returning is None else set())
        if late_ack_until is not None:
            offset = found[wanted][3]
            tx.db.bulk(sql.SET_LATE_ACK, [(late_ack_until, found[wanted][0], offset)])

    in_transaction(store)


def _append(
    tx: Transaction, account_id: int, row: tuple[int, ...], message: NewMessage, tight: set[int]
) -> None:
    if tight:
        tx.budget.demand(account_id, *quotas.total([message]))
    append(tx, row[0], {row[0]: target(row)}, [Publish(account_id, [message])], {})


def _take_out(tx: Transaction, queue_id: int, message: NewMessage) -> tuple[Micros | None, NewMessage | None]:
    """Remove the message of that id. Returns until when a late ack is to be expected, and ``message`` with
    what the removed one had and its holder cannot know; None for both where there is none."""
    rows = tx.db.rows(sql.RECORDS_BY_ID, queue=queue_id, ids=[message.public_id])
    batch = Batch(tx, queue_id, load(tx, queue_id, rows))
    if not batch.records:
        return None, None
    record = batch.records[0]
    ((_, body, encoding, metadata, _),) = tx.db.rows(sql.BODIES, queue=queue_id, offsets=[record.offset])
    until = _late_ack_until(record, tx.now)
    record.remove()
    batch.flush()
    returning = msgspec.structs.replace(
        message,
        tag=record.tag,
        partition_key=record.partition_key,
        metadata=metadata,
        encoding=Encoding(encoding) if body == message.body else message.encoding,
    )
    return until, returning


def _late_ack_until(record: Record, now: Micros) -> Micros | None:
    if record.leased(now):
        return now + micros(LATE_ACK_SECONDS)
    return record.late_ack_until  # given back twice: the first time it was leased
