"""Messages on their way to other processes: broadcasts, and what is published where somebody looks on
(``taps``).

They go through a table whose rows live for a minute, since a notification is too short for a body and SQLite
has none. Where one process serves a SQLite database, as a rule, nothing is written at all."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from queues.broker import clock, identities, sql
from queues.broker.lanes import LANES, Operation
from queues.broker.neighbours import LATER, origin
from queues.broker.taps import TAPS
from queues.broker.types import Micros, NewMessage, Published, Received
from queues.broker.wakes import HUB, of_broadcasts

if TYPE_CHECKING:
    from queues.broker.lanes import Transaction
    from queues.broker.publish import Publish

KEPT_SECONDS = 60.0
HEARD_SECONDS = 10.0
"""How far back a process looks for what it has not heard yet: identifiers may become visible out of order."""


class Passed(msgspec.Struct, frozen=True):
    """``is_broadcast``: for those who wait, too, not only for those who look on."""

    message: Received
    is_broadcast: bool


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Passed)
_lock = threading.Lock()
_heard: dict[int, Micros] = {}


def pass_on(tx: Transaction, message: Received, *, is_broadcast: bool) -> None:
    document = _encoder.encode(Passed(message, is_broadcast)).decode()
    tx.db.run(sql.ADD_BROADCAST, queue=message.queue_id, origin=origin(), document=document, now=tx.now)
    tx.wakes.everyone(of_broadcasts())


def show_published(tx: Transaction, queue_id: int, operations: Iterable[Publish]) -> None:
    """Once it is committed, what these calls bring to the queue is shown to those who look on."""
    if not TAPS:
        return
    identity = identities.of(tx.db, queue_id)
    here, elsewhere = TAPS.is_wanted(identity), TAPS.is_wanted_elsewhere(identity.account_id)
    if not here and not elsewhere:
        return
    for operation in operations:
        for message, published in zip(operation.messages, operation.result, strict=True):
            if published.duplicate:
                continue
            shown = _as_received(queue_id, message, published)
            if here:
                tx.wakes.afterwards.append(partial(TAPS.show, shown))
            if elsewhere:
                pass_on(tx, shown, is_broadcast=False)


def _as_received(queue_id: int, message: NewMessage, published: Published) -> Received:
    at = published.created_at
    return Received(
        public_id=published.public_id,
        offset=published.offset,
        body=message.body,
        encoding=message.encoding,
        tag=message.tag,
        partition_key=message.partition_key,
        metadata=message.metadata,
        headers=message.headers,
        created_at=at,
        deliver_at=at if message.deliver_at is None else message.deliver_at,
        attempt=0,
        lease_until=None,
        receipt=None,
        queue_id=queue_id,
        size=message.size,
        expires_at=published.expires_at,
        max_attempts=published.max_attempts,
        idempotency_key=message.idempotency_key,
    )


def hear_others() -> None:
    """Hand out and show what other processes have passed on lately. Raises Unavailable."""
    for document in LANES.of("receive").submit(Hear()):
        passed = _decoder.decode(document)
        if passed.is_broadcast:
            HUB.broadcast(passed.message.queue_id, passed.message)
        TAPS.show(passed.message)


class Hear(Operation):
    """What others have passed on and this process has not heard."""

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
            operation.result, new = [row[2] for row in new], []


def purge(tx: Transaction, limit: int) -> int:
    """Remove up to ``limit`` messages that everybody has heard; how many."""
    return len(tx.db.rows(sql.FORGET_BROADCASTS, before=tx.now - clock.micros(KEPT_SECONDS), limit=limit))


LATER.append(hear_others)
