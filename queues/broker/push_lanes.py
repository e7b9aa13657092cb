"""Lanes beside the pull lane, one for each open destination of a queue.

A queue's row says which lanes are open (``Queue.push_lanes``). They are opened and closed under the lock of
that row, which whoever publishes holds, too: a message has a delivery in exactly the lanes that were open
when it was published. What is left of a closed lane is removed in chunks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from queues.broker import partition_keys, sql
from queues.broker.wakes import of_push
from queues.models import ClosedLane, DeliveryState, Queue

if TYPE_CHECKING:
    from queues.broker.db import Row
    from queues.broker.lanes import Transaction
    from queues.broker.records import Record

NO_LIMIT = 2_147_483_647
"""``max_attempts`` of deliveries to destinations: their own policy, as it is by then, says when to give up.
An attempt whose worker died, and of which nobody knows how it went, is never the last one."""


_COLUMNS = list(sql.DELIVERY_COLUMNS)
STATE, KEY, ATTEMPTS = (_COLUMNS.index(name) for name in ("state", "partition_key", "attempts"))


def parse(push_lanes: str) -> list[int]:
    return [int(lane) for lane in push_lanes.split()] if push_lanes else []


def new_lane(queue: Queue, *, opened: bool) -> int:
    """The number of a new lane, open for messages published from now on or not open yet. The caller holds the
    lock of the queue's row."""
    lane = queue.next_lane
    queue.next_lane += 1
    if opened:
        queue.push_lanes = " ".join([*queue.push_lanes.split(), str(lane)])
    queue.save(update_fields=["next_lane", "push_lanes"])
    return lane


def close_lane(queue: Queue, lane: int) -> None:
    """No messages for it any more; those it has are forgotten. The caller holds the lock of the queue's
    row."""
    left = [open_lane for open_lane in queue.push_lanes.split() if open_lane != str(lane)]
    queue.push_lanes = " ".join(left)
    queue.save(update_fields=["push_lanes"])
    ClosedLane.objects.get_or_create(queue=queue, lane=lane)


def add(tx: Transaction, queue_id: int, lanes: list[int], deliveries: list[Row]) -> None:
    """Deliveries in these lanes like those just made in the pull lane."""
    if not lanes:
        return
    for lane in lanes:
        copies = [(queue_id, lane, *row[2:ATTEMPTS], 0, NO_LIMIT, *row[ATTEMPTS + 2 :]) for row in deliveries]
        tx.db.bulk(sql.INSERT_DELIVERIES, copies)
        if keys := {row[KEY] for row in deliveries if row[STATE] == DeliveryState.BLOCKED}:
            partition_keys.put_in_order(tx, queue_id, keys, lane)
    tx.wakes.ready(of_push(queue_id))


def deliver_again(tx: Transaction, queue_id: int, lane: int, offset: int) -> bool:
    """Make a stored message ready in the lane, with all attempts before it, unless it is out at this moment.
    False when it is not stored (or its life is over). The caller holds the lock of the queue's row."""
    found = tx.db.rows(sql.MESSAGE_FOR_LANE, queue=queue_id, offset=offset, now=tx.now)
    if not found:
        return False
    tag, key, priority, sweep_at = found[0]
    given = {"tag": tag, "key": key, "rank": -priority, "sweep_at": sweep_at, "no_limit": NO_LIMIT}
    state = int(DeliveryState.BLOCKED if key else DeliveryState.READY)
    tx.db.run(sql.DELIVER_AGAIN, queue=queue_id, lane=lane, offset=offset, state=state, now=tx.now, **given)
    if key:
        partition_keys.put_in_order(tx, queue_id, [key], lane)
    tx.wakes.ready(of_push(queue_id))
    return True


def remove_closed(tx: Transaction, limit: int) -> int:
    """Remove up to ``limit`` deliveries of a closed lane, and the messages that only waited for them. How
    many rows went."""
    found = tx.db.rows(sql.CLOSED_LANE)
    if not found:
        return 0
    queue_id, lane = found[0]
    offsets = [row[0] for row in tx.db.rows(sql.REST_OF_LANE, queue=queue_id, lane=lane, limit=limit)]
    if offsets:
        tx.db.run(sql.DELETE_DELIVERIES, queue=queue_id, lane=lane, offsets=offsets)
        release(tx, queue_id, offsets)
        return len(offsets)
    tx.db.run(sql.FORGET_CLOSED_LANE, queue=queue_id, lane=lane)
    return 1


def release(tx: Transaction, queue_id: int, offsets: list[int]) -> None:
    """Remove those of the messages that were kept only until the last destination had them, if that is now.
    The caller has deleted deliveries of theirs."""
    # Locked first: of two destinations that are done in the same moment, the later one sees that it is the
    # last.
    waiting = tx.db.rows(sql.LOCK_DELETED_WHEN_PUSHED, queue=queue_id, offsets=sorted(offsets))
    if not waiting:
        return
    held = held_by_push(tx, queue_id, [row[0] for row in waiting])
    gone = [row for row in waiting if row[0] not in held]
    if gone:
        tx.db.run(sql.DELETE_MESSAGES, queue=queue_id, offsets=[row[0] for row in gone])
        tx.tally.add(queue_id, messages=-len(gone), bytes=-sum(row[1] for row in gone), acked=-len(gone))


def of_queue(tx: Transaction, queue_id: int) -> list[int]:
    """The open lanes of a queue."""
    if queue_id not in tx.push_lanes:
        found = tx.db.rows(sql.PUSH_LANES, queue=queue_id)
        tx.push_lanes[queue_id] = found[0][0] if found else ""
    return parse(tx.push_lanes[queue_id])


def heed(tx: Transaction, queue_id: int, records: Sequence[Record]) -> None:
    """Before messages are removed: those whose life is over, or that somebody removes on purpose, are kept
    from destinations, too; what else would go stays until they have had it."""
    if not any(record.gone or record.forgotten for record in records):
        return
    lanes = of_queue(tx, queue_id)
    if not lanes:
        return
    if forgotten := [record.offset for record in records if record.forgotten]:
        tx.db.run(sql.DELETE_PUSH_DELIVERIES, queue=queue_id, lanes=lanes, offsets=forgotten)
    done = {record.offset: record for record in records if record.gone and not record.forgotten}
    for offset in hold(tx, queue_id, list(done)):
        done[offset].linger(tx.now)


def hold(tx: Transaction, queue_id: int, offsets: list[int]) -> list[int]:
    """Mark those of the messages that are to go as soon as the last destination has had them; which these
    are."""
    held = held_by_push(tx, queue_id, offsets)
    if held:
        tx.db.run(sql.KEEP_UNTIL_PUSHED, queue=queue_id, offsets=held)
    return held


def waiting_for(tx: Transaction, queue_id: int, offset: int) -> str:
    """The lanes in which the message has not been delivered yet, as ``Queue.push_lanes`` says it."""
    lanes = of_queue(tx, queue_id)
    rows = tx.db.rows(sql.WAITING_LANES, queue=queue_id, lanes=lanes, offset=offset) if lanes else []
    return " ".join(str(row[0]) for row in rows)


def held_by_push(tx: Transaction, queue_id: int, offsets: list[int]) -> list[int]:
    """Which of the messages some destination has not had yet. Their deliveries are locked: none is done with
    before this transaction has ended."""
    lanes = of_queue(tx, queue_id)
    if not lanes or not offsets:
        return []
    rows = tx.db.rows(sql.LOCK_PUSH_DELIVERIES, queue=queue_id, lanes=lanes, offsets=sorted(offsets))
    return sorted({row[0] for row in rows})
