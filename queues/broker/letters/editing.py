"""Replaying a dead letter with another body."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from queues.broker import contents, events, names, queues
from queues.broker.audit import Act
from queues.broker.by_hand import publish_one
from queues.broker.db import Statement
from queues.broker.errors import MessageNotFound
from queues.broker.events import Event, Kind
from queues.broker.lanes import in_transaction
from queues.broker.letters.listing import notice_dead
from queues.broker.letters.selection import LETTER
from queues.broker.types import Encoding, NewMessage, Origin, Published

if TYPE_CHECKING:
    from queues.broker.lanes import Transaction

LETTER_BY_ID = Statement(
    f"""
    SELECT m."offset", m.tag, m.partition_key, m.priority, m.metadata, m.headers, m.attempts, m.origin,
        m.dead_at IS NOT NULL
    FROM queues_message m WHERE {LETTER} AND m.public_id = :id
    """
)

SET_ORIGIN = Statement(
    'UPDATE queues_message SET origin = :origin WHERE queue_id = :queue AND "offset" = :offset'
)


def replay_edited(
    account_id: int, queue: str, public_id: str, *, body: str, encoding: Encoding, to: str = ""
) -> Published:
    """Publish a message like the letter but with another body, in the queue ``to``; empty: where the letter
    died. The letter stays; the new message's ``origin`` names it, and its own life tells of the new one.
    Raises QueueNotFound (also for ``to``), MessageNotFound (for what is no dead letter, too), QuotaExceeded,
    Unavailable."""
    act = Act(account_id, "dead_letters.edit", f"queue {queue}", {"id": public_id, "to": to})
    notice_dead(account_id, queue)

    def publish(tx: Transaction) -> Published:
        queue_id = queues.id_of(tx.db, account_id, queue)
        rows = []
        if names.storable(public_id):
            rows = tx.db.rows(LETTER_BY_ID, queue=queue_id, id=public_id, now=tx.now)
        if not rows:
            raise MessageNotFound(public_id)
        offset, tag, key, priority, metadata, headers, attempts, came_from, in_place = rows[0]
        size = len(contents.raw(body, encoding))
        new = NewMessage(body, size, encoding, None, tag, key, priority, metadata=metadata, headers=headers)
        target = to or (queue if in_place or came_from is None else _queue_of(came_from))
        made = publish_one(tx, account_id, target, new)
        origin = msgspec.json.encode(Origin(queue, public_id, offset, attempts, edited=True)).decode()
        target_id = queues.id_of(tx.db, account_id, target)
        tx.db.run(SET_ORIGIN, queue=target_id, offset=made.offset, origin=origin)
        told = Event(
            offset, Kind.REPLAYED, tx.now, attempts, reason=f"edited, as {made.public_id} to {target}"
        )
        events.write(tx, queue_id, [told])
        act.detail |= {"to": target, "as": made.public_id}
        act.record(tx, 1)
        return made

    published: Published = in_transaction(publish)
    return published


def _queue_of(origin: str) -> str:
    return msgspec.json.decode(origin, type=Origin).queue
