"""Ending the lives of messages, committed or not (okmq.md §6). Readers and producers do not need it: they
leave out what is over."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from streams import sql
from streams.counting import count

if TYPE_CHECKING:
    from queues.broker.lanes import Transaction


def sweep(tx: Transaction, limit: int) -> int:
    """Remove up to ``limit`` expired messages of any stream. How many were found."""
    found: dict[int, list[int]] = defaultdict(list)
    rows = tx.db.rows(sql.EXPIRED, now=tx.now, limit=limit)
    for stream_id, offset in rows:
        found[stream_id].append(offset)
    locked = tx.db.rows(sql.LOCK_BY_ID, ids=sorted(found)) if found else []
    for stream_id, account_id in locked:
        _remove(tx, stream_id, account_id, found[stream_id])
    return len(rows)


def _remove(tx: Transaction, stream_id: int, account_id: int, offsets: list[int]) -> None:
    # Counted again now that the stream is locked: a producer may have removed one of them meanwhile.
    expired = {"stream": stream_id, "offsets": offsets, "now": tx.now}
    number, size = tx.db.rows(sql.SIZE_OF_EXPIRED, **expired)[0]
    if number:
        tx.db.run(sql.DELETE_EXPIRED, **expired)
        count(tx, stream_id, account_id, messages=-number, bytes=-int(size))
