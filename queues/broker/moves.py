"""Moving waiting messages from one queue to another."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from queues.broker import backlog, due, settings_versions, sql
from queues.broker.audit import Act
from queues.broker.errors import QueueFull, QueueNotFound
from queues.broker.lanes import in_transaction
from queues.broker.publish import Publish, append
from queues.broker.records import Batch, load
from queues.broker.targets import target
from queues.broker.types import Encoding, NewMessage
from queues.models import PULL_LANE

if TYPE_CHECKING:
    from queues.broker.db import Row
    from queues.broker.lanes import Transaction

CHUNK = 500


def move_ready(account_id: int, source: str, to: str) -> int:
    """Put the ready messages of ``source`` at the end of the queue ``to``, as new ones: with ids and settings
    as published there now. How many. They go in chunks, each whole or not at all; it stops where ``to`` is
    full. Raises QueueNotFound, QueueFull (nothing was moved), QuotaExceeded, Unavailable."""
    act = Act(account_id, "messages.move", f"queue {source}", {"to": to})
    moved, more = 0, True
    while more:
        chunk, more, act.row = in_transaction(partial(_move_chunk, act, account_id, source, to, moved))
        moved += chunk
    return moved


def _move_chunk(
    act: Act, account_id: int, source: str, to: str, before: int, tx: Transaction
) -> tuple[int, bool, int | None]:
    """How many were moved, whether there may be more, and the audit's row."""
    found = {row[2]: row for row in tx.db.rows(sql.QUEUES_BY_NAME, accounts=[account_id], names=[source, to])}
    for name in (source, to):
        if name not in found:
            raise QueueNotFound(name)
    source_id, to_id = found[source][0], found[to][0]
    due.promote(tx, source_id)
    room = _room(tx, found[to])
    rows = tx.db.rows(sql.CLAIM, queue=source_id, lane=PULL_LANE, limit=max(room, 1))
    if rows and not room:
        if before:
            return 0, False, act.row
        raise QueueFull(_bound(tx, found[to]) or 0)
    rows.sort(key=lambda row: (-row[10], row[4]))
    expired = [row[4] for row in rows if row[13] is not None and row[13] <= tx.now]
    alive = [row for row in rows if row[13] is None or row[13] > tx.now]
    batch = Batch(tx, source_id, load(tx, source_id, _records(tx, source_id, alive)))
    for record in batch.records:
        record.remove()
    batch.flush()
    due.expire(tx, source_id, expired)
    append(tx, to_id, {to_id: target(found[to])}, [Publish(account_id, [_anew(row) for row in alive])], {})
    row = act.record(tx, len(alive)) if alive else act.row
    return len(alive), len(rows) == CHUNK, row


def _room(tx: Transaction, row: Row) -> int:
    most = _bound(tx, row)
    return CHUNK if most is None else backlog.room(tx, row[0], most, CHUNK)


def _bound(tx: Transaction, row: Row) -> int | None:
    return settings_versions.load(tx.db, [row[4]])[row[4]].max_backlog


def _records(tx: Transaction, queue_id: int, rows: list[Row]) -> list[Row]:
    return tx.db.rows(sql.RECORDS_BY_OFFSET, queue=queue_id, offsets=[row[4] for row in rows])


def _anew(row: Row) -> NewMessage:
    (
        _, _, _, _, _, _, _, size, tag, key, priority, _, _, _, body, encoding, metadata, headers, _, _,
    ) = row  # fmt: skip
    return NewMessage(
        body, size, Encoding(encoding), tag=tag, partition_key=key, priority=priority, metadata=metadata,
        headers=headers, random_id=True,
    )  # fmt: skip
