"""Strict order within a partition key: of each key at most one message is ready or out at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from queues.broker import sql
from queues.broker.wakes import of_push
from queues.models import PULL_LANE, DeliveryState

if TYPE_CHECKING:
    from queues.broker.lanes import Transaction


def put_in_order(tx: Transaction, queue_id: int, keys: Iterable[str], lane: int = PULL_LANE) -> None:
    """Make the first message of each key ready and block the others, unless one is leased or waits for a
    retry: then all of them are blocked.

    The caller holds the queue's row lock. It closes the race between a settlement that frees a key and a
    publication that finds it busy: each would leave the waking of the new message to the other.
    """
    wanted = sorted(set(keys))
    rows = tx.db.rows(sql.OUT_OF_KEYS, queue=queue_id, lane=lane, keys=wanted)
    blocked: dict[str, int | None] = dict(
        tx.db.rows(sql.FIRST_BLOCKED_OF_KEYS, queue=queue_id, lane=lane, keys=wanted)
    )
    busy: set[str] = set()
    ready: dict[str, list[int]] = defaultdict(list)
    for key, offset, state in rows:
        if state == DeliveryState.READY:
            ready[key].append(offset)
        else:
            busy.add(key)
    changes: list[tuple[int, int, int, int]] = []
    for key in wanted:
        candidates = ready[key] + ([waiting] if (waiting := blocked[key]) is not None else [])
        first = None if key in busy else min(candidates, default=None)
        for offset in candidates:
            was = DeliveryState.READY if offset in ready[key] else DeliveryState.BLOCKED
            now = DeliveryState.READY if offset == first else DeliveryState.BLOCKED
            if was != now:
                if now == DeliveryState.READY:
                    tx.wakes.ready(queue_id if lane == PULL_LANE else of_push(queue_id))
                changes.append((int(now), queue_id, lane, offset))
    tx.db.bulk(sql.SET_STATE, changes)
