"""Bounding how many messages may wait in a queue (``QueueSettings.max_backlog``): those that are ready, and
those that are to be delivered later. What somebody holds does not count.

The check costs a queue without a bound nothing, and one that is far from it one small sum. Only near the
bound the messages in somebody's hands are counted, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queues.broker import sql
from queues.broker.records import Batch, load
from queues.models import PULL_LANE

if TYPE_CHECKING:
    from queues.broker.lanes import Transaction


def room(tx: Transaction, queue_id: int, most: int, wanted: int) -> int:
    """How many more messages the queue takes, or ``wanted`` if it takes that many. The caller holds the lock
    of the queue's row, so nobody adds any meanwhile."""
    alive: int = tx.db.rows(sql.COUNT_ALIVE, queue=queue_id)[0][0]
    if alive + wanted <= most:
        return wanted
    held: int = tx.db.rows(sql.COUNT_HELD, queue=queue_id, lane=PULL_LANE, now=tx.now)[0][0]
    return min(max(most - (alive - held), 0), wanted)


def drop_oldest(tx: Transaction, queue_id: int, count: int) -> None:
    """Remove ``count`` waiting messages: of the lowest priority first, of these the oldest; those that are to
    be delivered later come last."""
    while count > 0:
        offsets = _oldest_of_lowest(tx, queue_id, count)
        if not offsets:
            return  # another transaction has just taken the rest in hand
        rows = tx.db.rows(sql.RECORDS_BY_OFFSET, queue=queue_id, offsets=offsets)
        batch = Batch(tx, queue_id, load(tx, queue_id, rows))
        for record in batch.records:
            record.remove()
        batch.flush()
        count -= len(offsets)


def _oldest_of_lowest(tx: Transaction, queue_id: int, count: int) -> list[int]:
    where = {"queue": queue_id, "lane": PULL_LANE}
    lowest = tx.db.rows(sql.LOWEST_RANK, **where)[0][0]
    if lowest is None:
        rows = tx.db.rows(sql.OLDEST_SCHEDULED, limit=count, **where)
    else:
        rows = tx.db.rows(sql.OLDEST_OF_RANK, rank=lowest, limit=count, **where)
    return [row[0] for row in rows]
