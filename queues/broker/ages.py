"""Where in a queue an instant lies: a search by age begins there, not at the newest of a million messages.

Offsets rise in the order of publication, so that is a binary search of some twenty look-ups. Messages that
came from another queue, or were given back as new ones, keep the time of their first publication wherever
they stand: among those there is no such place, and none is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from queues.broker.clock import SECOND
from queues.broker.sql import search as sql

if TYPE_CHECKING:
    from queues.broker.db import Connection
    from queues.broker.types import Micros

SLACK = SECOND // 4
"""A transaction takes the time before it takes offsets, and clocks of machines are not quite the same: so far
may neighbours be out of order."""


def last_before(db: Connection, queue_id: int, instant: Micros) -> int | None:
    """The offset of the last message that was published before ``instant``; -1: all were published later.
    None: the queue is not in the order of publication, as far as this look-up saw, or is empty."""
    newest = _at_or_below(db, queue_id, 2**62)
    lowest = db.rows(sql.LOWEST, queue=queue_id)
    if newest is None or not lowest:
        return None
    low, high = lowest[0][0] - 1, newest[0]  # at low and below it is older, above high younger
    while low < high:
        found = _at_or_below(db, queue_id, (low + high + 1) // 2)
        if found is None:
            return None
        offset, published_at, moved = found
        if moved:
            return None
        if published_at < instant:
            low = (low + high + 1) // 2
        else:
            high = offset - 1
    return low if low >= lowest[0][0] else -1


def end(db: Connection, queue_id: int) -> int:
    """One more than the offset of the newest message."""
    newest = _at_or_below(db, queue_id, 2**62)
    return 0 if newest is None else newest[0] + 1


def _at_or_below(db: Connection, queue_id: int, offset: int) -> tuple[int, Micros, bool] | None:
    rows = db.rows(sql.AT_OR_BELOW, queue=queue_id, offset=offset)
    return (rows[0][0], rows[0][1], bool(rows[0][2])) if rows else None
