"""Queues that follow another one: each gets a copy, with an id of its own, of whatever is published there
from then on, in the same transaction. A copy is not copied on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from queues.broker import queues, sql
from queues.broker.lanes import in_transaction
from queues.broker.types import NewMessage

if TYPE_CHECKING:
    from queues.broker.lanes import Transaction


def follow(account_id: int, queue: str, follower: str) -> None:
    """Have ``follower`` get copies of what is published to ``queue``; both exist. Twice is once. Raises
    QueueNotFound, Unavailable."""

    def begin(tx: Transaction) -> None:
        leader, copy = (queues.id_of(tx.db, account_id, name) for name in (queue, follower))
        (row,) = tx.db.rows(sql.QUEUES_BY_ID, ids=[leader])
        known = ids_in(row[5])
        if copy not in known:
            listed = " ".join(str(queue_id) for queue_id in (*known, copy))
            tx.db.run(sql.SET_FOLLOWERS, queue=leader, followers=listed)

    in_transaction(begin)


def followers_of(account_id: int, queue: str) -> list[str]:
    """The names of the queues that follow ``queue``, the oldest first. Raises QueueNotFound, Unavailable."""
    with queues.reading() as db:
        queue_id = queues.id_of(db, account_id, queue)
        rows = db.rows(sql.FOLLOWERS, queue=queue_id)
        ids = ids_in(rows[0][0]) if rows else ()
        return [row[2] for row in db.rows(sql.QUEUES_NAMED, ids=list(ids))] if ids else []


def ids_in(text: str) -> tuple[int, ...]:
    """What a queue's ``followers`` says."""
    return tuple(int(word) for word in text.split()) if text else ()


def copies(messages: Iterable[NewMessage]) -> Sequence[NewMessage]:
    """The messages as a follower gets them: under its own settings and with ids of their own."""
    return [
        msgspec.structs.replace(message, public_id=None, settings=None, idempotency_key=None)
        for message in messages
    ]
