"""Messages for whoever waits at this moment. Nothing of them is kept.

Other processes hear of them through a table whose rows live for a minute: a notification is too short for a
body, and SQLite has none. Where one process serves a SQLite database, as a rule, nothing is written at all.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import msgspec
from django.conf import settings

from queues.broker import clock, identities, ids, queues, seen_keys, sql
from queues.broker.lanes import LANES, Operation, in_transaction
from queues.broker.neighbours import LATER, origin
from queues.broker.seen_keys import Once
from queues.broker.types import Micros, NewMessage, Received
from queues.broker.wakes import HUB, of_broadcasts

if TYPE_CHECKING:
    from queues.broker.lanes import Transaction

KEPT_SECONDS = 60.0
HEARD_SECONDS = 10.0
"""How far back a process looks for what it has not heard yet: identifiers may become visible out of order."""

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Received)
_lock = threading.Lock()
_heard: dict[int, Micros] = {}


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
        if tx.db.postgresql or settings.OKMQ_PROCESSES > 1:
            document = _encoder.encode(given).decode()
            tx.db.run(sql.ADD_BROADCAST, queue=queue_id, origin=origin(), document=document, now=tx.now)
            tx.wakes.everyone(of_broadcasts())
        return given

    given: Received | None = in_transaction(prepare)
    if given is not None:
        HUB.broadcast(given.queue_id, given)
    return given is not None


def hear_others() -> None:
    """Hand out what other processes have broadcast lately. Raises Unavailable."""
    for queue_id, document in LANES.of("receive").submit(Hear()):
        HUB.broadcast(queue_id, _decoder.decode(document))


class Hear(Operation):
    """What others have broadcast and this process has not heard."""

    __slots__ = ()

    @classmethod
    def run(cls, tx: Transaction, operations: list[Hear]) -> None:
        since = tx.now - clock.micros(HEARD_SECONDS)
        rows = tx.db.rows(sql.BROADCASTS, since=since, origin=origin())
        with _lock:
            for heard in [number for number, at in _heard.items() if at <= since]:
                del _heard[heard]
            new = [row for row in rows if row[0] not in _heard]
            _heard.update((row[0], row[3]) for row in new)
        identities.learn(tx.db, {row[1] for row in new})
        for operation in operations:
            operation.result, new = [row[1:3] for row in new], []


def purge(tx: Transaction, limit: int) -> int:
    """Remove up to ``limit`` broadcasts that everybody has heard; how many."""
    return len(tx.db.rows(sql.FORGET_BROADCASTS, before=tx.now - clock.micros(KEPT_SECONDS), limit=limit))


def _received(queue_id: int, message: NewMessage, now: Micros) -> Received:
    public_id = message.public_id or (ids.new_random_id() if message.random_id else ids.new_message_id())
    return Received(
        public_id, 0, message.body, message.encoding, message.tag, message.partition_key, message.metadata,
        message.headers, now, now, 1, None, None, queue_id, message.size, now, None,
    )  # fmt: skip


LATER.append(hear_others)
