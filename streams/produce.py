"""Appending to streams."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from queues.broker import ids, quotas
from queues.broker.clock import SECOND
from queues.broker.errors import QuotaExceeded
from queues.broker.lanes import LANES, Operation
from queues.broker.types import Micros, Published
from queues.broker.wakes import of_stream
from streams import sql
from streams.counting import count
from streams.lookup import Found, by_stream
from streams.types import NewEntry

if TYPE_CHECKING:
    from queues.broker.db import Row
    from queues.broker.lanes import Transaction


def produce(account_id: int, stream: str, entries: Sequence[NewEntry]) -> list[Published]:
    """Append ``entries`` in order, all or none. An id that is stored already is left as it is and answered as
    a duplicate; inside the call the first of an id wins. Offsets are dense, rising, and never used again, not
    after deletion either. Returns after the commit (okmq.md §7.2). Raises StreamNotFound, QuotaExceeded,
    Unavailable."""
    result: list[Published] = LANES.of("stream").submit(Produce(account_id, stream, entries))
    return result


class Produce(Operation):
    stores = True
    __slots__ = ("account_id", "entries", "stream")

    def __init__(self, account_id: int, stream: str, entries: Sequence[NewEntry]) -> None:
        super().__init__(weight=max(len(entries), 1))
        self.account_id = account_id
        self.stream = stream
        self.entries = entries

    @classmethod
    def run(cls, tx: Transaction, operations: list[Produce]) -> None:
        wanted = _additions(operations)
        tx.budget.ask(wanted)
        locked = by_stream(tx.db, sql.LOCK_BY_NAME, operations)
        tight = tx.budget.check(wanted)
        for stream, producers in locked:
            _append(tx, stream, producers, tight=stream.account_id in tight)


def _additions(operations: list[Produce]) -> dict[int, quotas.Addition]:
    """What each account would have more if nothing was a duplicate."""
    wanted: dict[int, quotas.Addition] = {}
    for operation in operations:
        new, size = quotas.total(operation.entries)
        before = wanted.get(operation.account_id, (0, 0))
        wanted[operation.account_id] = before[0] + new, before[1] + size
    return wanted


def _append(tx: Transaction, stream: Found, producers: list[Produce], *, tight: bool) -> None:
    """Write what the producers bring to one locked stream. ``tight``: it may be more than the account's
    quotas allow; a producer whose entries do not fit, whole, gets that as its error."""
    known = _stored(tx, stream, producers)
    expires_at = tx.now + stream.ttl_seconds * SECOND if stream.ttl_seconds else None
    now, offset = tx.now, stream.next_offset
    rows: list[Row] = []
    size = 0
    for producer in producers:
        if tight and not _fits(tx, producer, known, (len(rows), size)):
            continue
        results: list[Published] = []
        for entry in producer.entries:
            public_id = entry.public_id or ids.new_message_id()
            if public_id in known:
                results.append(Published(public_id, *known[public_id], duplicate=True))
                continue
            known[public_id] = offset, now
            results.append(Published(public_id, offset, now, duplicate=False))
            rows.append(
                (stream.id, offset, public_id, entry.size, int(entry.encoding), stream.auto_delete, now,
                 expires_at, entry.body)
            )  # fmt: skip
            size += entry.size
            offset += 1
        producer.result = results
    if rows:
        tx.db.bulk(sql.INSERT_MESSAGES, rows)
        tx.db.run(sql.SET_NEXT_OFFSET, stream=stream.id, next=offset)
        count(tx, stream.id, stream.account_id, messages=len(rows), bytes=size)
        tx.budget.add(stream.account_id, len(rows), size)
        tx.wakes.everyone(of_stream(stream.id))


def _fits(
    tx: Transaction, producer: Produce, known: dict[str, tuple[int, Micros]], before: quotas.Addition
) -> bool:
    """Whether the producer's new entries fit, after those ``before`` them."""
    (new, size), _ = quotas.new_ones(producer.entries, known)
    try:
        if new:
            tx.budget.demand(producer.account_id, before[0] + new, before[1] + size)
    except QuotaExceeded as error:
        producer.error = error
        return False
    return True


def _stored(tx: Transaction, stream: Found, producers: list[Produce]) -> dict[str, tuple[int, Micros]]:
    """Which of the producers' ids the stream holds: their offsets and times. Those whose time to live is over
    are removed here, since their ids are free whether or not a sweep has come by."""
    wanted = sorted({e.public_id for p in producers for e in p.entries if e.public_id is not None})
    if not wanted:
        return {}
    rows = tx.db.rows(sql.STORED_IDS, stream=stream.id, ids=wanted)
    over = [row for row in rows if row[3] is not None and row[3] <= tx.now]
    if over:
        size = sum(row[4] for row in over)
        tx.db.bulk(sql.DELETE_MESSAGES, [(stream.id, row[1]) for row in over])
        count(tx, stream.id, stream.account_id, messages=-len(over), bytes=-size)
    return {row[0]: (row[1], row[2]) for row in rows if row[3] is None or row[3] > tx.now}
