"""Messages for whoever waits at this moment. Nothing of them is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from django.conf import settings

from queues.broker import identities, ids, passing, queues, seen_keys, sql
from queues.broker.lanes import in_transaction
from queues.broker.publish import Publish, append
from queues.broker.records import Batch, load
from queues.broker.seen_keys import Once
from queues.broker.taps import TAPS
from queues.broker.targets import target
from queues.broker.types import Micros, NewMessage, Received
from queues.broker.wakes import HUB

if TYPE_CHECKING:
    from queues.broker.lanes import Transaction


def broadcast(account_id: int, queue: str, message: NewMessage, *, once: Once | None = None) -> bool:
    """Hand ``message`` to everybody who waits for the queue now and takes broadcasts
    (``receive(hears=True)``), by its name or under a pattern, in this process at once and in others soon.
    Each gets the same id. False if a call with the same key took effect a while ago. Raises QueueNotFound,
    Unavailable."""

    def prepare(tx: Transaction) -> Received | None:
        queue_id = queues.id_of(tx.db, account_id, queue)
        identities.learn(tx.db, [queue_id])
        if once is not None:
            tx.db.rows(sql.LOCK_QUEUES, ids=[queue_id])
            if seen_keys.seen(tx, queue_id, [once]):
                return None
            seen_keys.note(tx, queue_id, once)
        given = _received(queue_id, message, tx.now)
        _push(tx, account_id, queue_id, message, given.public_id)
        if tx.db.postgresql or settings.OKMQ_PROCESSES > 1:
            passing.pass_on(tx, given, is_broadcast=True)
        return given

    given: Received | None = in_transaction(prepare)
    if given is not None:
        HUB.broadcast(given.queue_id, given)
        TAPS.show(given)
    return given is not None


def _push(tx: Transaction, account_id: int, queue_id: int, message: NewMessage, public_id: str) -> None:
    """Where the queue has destinations, they get it, too: stored as done with, it goes with the last of
    them."""
    wanted = {account_id: (1, message.size)}
    tx.budget.ask(wanted)
    into = target(tx.db.rows(sql.QUEUES_BY_ID, ids=[queue_id])[0])
    if tx.budget.check(wanted) and into.push_lanes:
        tx.budget.demand(account_id, 1, message.size)
    if not into.push_lanes:
        return
    named = msgspec.structs.replace(message, public_id=public_id)
    append(tx, queue_id, {queue_id: into}, [Publish(account_id, [named])], {})
    rows = tx.db.rows(sql.RECORDS_BY_OFFSET, queue=queue_id, offsets=[into.next_offset])
    batch = Batch(tx, queue_id, load(tx, queue_id, rows))
    for record in batch.records:
        record.ack(tx.now, delete=True)
    batch.flush()


def _received(queue_id: int, message: NewMessage, now: Micros) -> Received:
    public_id = message.public_id or (ids.new_random_id() if message.random_id else ids.new_message_id())
    return Received(
        public_id, 0, message.body, message.encoding, message.tag, message.partition_key, message.metadata,
        message.headers, now, now, 1, None, None, queue_id, message.size, now, None,
    )  # fmt: skip
