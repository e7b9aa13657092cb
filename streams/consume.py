"""Reading streams: from the committed offset, or from any other."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings as django_settings

from queues.broker import concurrency
from queues.broker.errors import QuotaExceeded
from queues.broker.lanes import LANES, Operation
from queues.broker.receive import LOOK_FOR_CLIENT_SECONDS
from queues.broker.types import Encoding
from queues.broker.wakes import HUB, Waiter, of_stream
from streams import sql
from streams.directory import get_stream
from streams.lookup import Found, by_stream
from streams.types import Entry

if TYPE_CHECKING:
    from queues.broker.lanes import Transaction

MAX_BYTES = 16 * 1024 * 1024
"""Bodies handed out by one call, beyond the first: a thousand of the largest would be a gigabyte."""

ENCODINGS = {int(encoding): encoding for encoding in Encoding}


def consume(
    account_id: int,
    stream: str,
    *,
    limit: int = 10,
    wait_seconds: float = 0,
    gone: Callable[[], bool] | None = None,
) -> list[Entry]:
    """Up to ``limit`` messages after the committed offset, in order; at once if there are any, else as soon
    as there is one within ``wait_seconds``. Moves nothing: the same call gives the same until a commit
    (okmq.md §7.3). ``gone``: asked after waiting; True means that the client has hung up. While it waits the
    call holds no database connection. Raises StreamNotFound, QuotaExceeded (too many consume calls are open),
    Unavailable."""
    try:
        with concurrency.open_call(account_id):
            return _follow(account_id, stream, None, limit, wait_seconds, gone)
    except QuotaExceeded:
        get_stream(account_id, stream)  # a missing stream is told first
        raise


def read(
    account_id: int,
    stream: str,
    *,
    after: int,
    limit: int = 10,
    wait_seconds: float = 0,
    gone: Callable[[], bool] | None = None,
) -> list[Entry]:
    """Like ``consume``, but after the offset ``after`` (0: from the beginning), whatever is committed. For
    readers who keep their own place; any number may follow one stream."""
    return _follow(account_id, stream, after, limit, wait_seconds, gone)


def _follow(
    account_id: int,
    stream: str,
    after: int | None,
    limit: int,
    wait_seconds: float,
    gone: Callable[[], bool] | None,
) -> list[Entry]:
    deadline = time.monotonic() + wait_seconds
    was_parked = False
    while True:
        stamp = HUB.stamp()
        # In the lane of queues' receivers: looks that meet there share a transaction.
        look: Look = LANES.of("receive").submit(LookAt(account_id, stream, after, limit))
        channel = of_stream(look.stream_id)
        if look.entries:
            if was_parked:
                # Reading takes nothing away. If it was sent alone to look, the others are to look, too.
                HUB.wake_everyone(channel)
            return look.entries
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            return []
        with HUB.park({channel: ()}, stamp, django_settings.OKMQ_MAX_PARKED) as place:
            if place is None:
                return []
            was_parked = True
            leaving = _wait(place, deadline, gone)
        if leaving:
            if place.woken:
                HUB.signal(channel)
            return []


def _wait(place: Waiter, deadline: float, gone: Callable[[], bool] | None) -> bool:
    """Until it is woken or the time is up; whether to leave then. A client that is gone gives its place back
    within seconds, however long it wanted to wait."""
    while True:
        woken = place.wait(min(deadline - time.monotonic(), LOOK_FOR_CLIENT_SECONDS))
        leaving = HUB.closing or (gone is not None and gone())
        if woken or leaving or deadline <= time.monotonic():
            return leaving


@dataclass(slots=True)
class Look:
    """What one look into a stream brought."""

    stream_id: int
    entries: list[Entry]


class LookAt(Operation):
    """``after`` None: from the committed offset."""

    __slots__ = ("account_id", "after", "limit", "stream")

    def __init__(self, account_id: int, stream: str, after: int | None, limit: int) -> None:
        super().__init__(weight=limit)
        self.account_id = account_id
        self.stream = stream
        self.after = after
        self.limit = limit

    @classmethod
    def run(cls, tx: Transaction, operations: list[LookAt]) -> None:
        for stream, readers in by_stream(tx.db, sql.FIND_BY_NAME, operations):
            _look(tx, stream, readers)


def _look(tx: Transaction, stream: Found, readers: list[LookAt]) -> None:
    """Those who wait for the same, as they do after a wake, share one look."""
    looks: dict[tuple[int, int], Look] = {}
    for reader in readers:
        after = stream.committed if reader.after is None else reader.after
        asked = after, reader.limit
        if asked not in looks:
            looks[asked] = Look(stream.id, _entries(tx, stream, *asked))
        reader.result = looks[asked]


def _entries(tx: Transaction, stream: Found, after: int, limit: int) -> list[Entry]:
    if after + 1 >= stream.next_offset:
        return []  # parked readers come back for nothing from time to time: nothing is read for that
    rows = tx.db.rows(sql.READ, stream=stream.id, after=after, now=tx.now, limit=limit, bytes=MAX_BYTES)
    return [
        Entry(offset, public_id, body, ENCODINGS[encoding], created_at)
        for offset, public_id, body, encoding, created_at in rows
    ]
