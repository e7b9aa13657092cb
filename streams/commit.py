"""Saying how far the consumer has come, and removing what is no longer wanted."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from queues.broker.audit import Act
from queues.broker.db import Statement
from queues.broker.lanes import LANES, Operation, in_transaction
from queues.broker.wakes import of_stream
from streams import sql
from streams.counting import count
from streams.errors import OffsetNotAssigned
from streams.lookup import Found, by_stream

if TYPE_CHECKING:
    from queues.broker.lanes import Transaction

CHUNK = 10_000
"""Messages one transaction removes at the most, so that producers get their turn in between."""


def commit(account_id: int, stream: str, offset: int) -> None:
    """``offset`` is the last one the consumer has finished: consuming goes on after it. A smaller one than
    before rewinds. Messages up to it that were produced under ``auto_delete`` are removed, for good (okmq.md
    §7.4). Raises StreamNotFound, OffsetNotAssigned, Unavailable."""
    # In the lane of queues' settlements, not of producers: a transaction with both would lock its streams in
    # two rounds, the second out of order, and wait in a circle with another process's.
    # The offset is written last: whoever sees it committed sees all removals, also after a crash between.
    while not LANES.of("settle").submit(Commit(account_id, stream, offset)):
        pass


def delete_messages(account_id: int, stream: str, *, before: int | None = None) -> int:
    """Remove the messages with offsets below ``before``, or all that are there now. The committed offset
    stays (okmq.md §7.5). How many that were; their ids are free. Raises StreamNotFound, Unavailable."""

    def begin(tx: Transaction) -> Found:
        call = _Call(account_id, stream)
        groups = by_stream(tx.db, sql.FIND_BY_NAME, [call])
        if call.error is not None:
            raise call.error
        return groups[0][0]

    found: Found = in_transaction(begin)
    # What is produced from now on stays.
    until = found.next_offset - 1 if before is None else min(before, found.next_offset) - 1
    removed, chunk = 0, CHUNK
    act = Act(account_id, "stream.delete_messages", f"stream {stream}", {"before": before})
    while chunk == CHUNK:
        chunk, act.row = in_transaction(partial(_remove_locked, found, until, act))
        removed += chunk
    return removed


class _Call:
    """A call outside the lane of its kind, which names a stream all the same."""

    def __init__(self, account_id: int, stream: str) -> None:
        self.account_id = account_id
        self.stream = stream
        self.error: BaseException | None = None


class Commit(Operation):
    """Its result: whether it is done, or wants another transaction for the rest."""

    __slots__ = ("account_id", "offset", "stream")

    def __init__(self, account_id: int, stream: str, offset: int) -> None:
        super().__init__()
        self.account_id = account_id
        self.stream = stream
        self.offset = offset

    @classmethod
    def run(cls, tx: Transaction, operations: list[Commit]) -> None:
        for stream, commits in by_stream(tx.db, sql.LOCK_BY_NAME, operations):
            committed = stream.committed
            for operation in commits:
                if operation.offset >= stream.next_offset:
                    operation.error = OffsetNotAssigned(stream.next_offset - 1)
                    continue
                operation.result = _commit(tx, stream, committed, operation.offset)
                if operation.result:
                    committed = operation.offset


def _commit(tx: Transaction, stream: Found, committed: int, offset: int) -> bool:
    """False when there is more to remove first."""
    if offset > committed:
        # Below the committed offset nothing is left to remove: an earlier commit has done so.
        removed = _remove(tx, stream, committed, offset, sql.HEAD_AUTO_DELETE, sql.DELETE_RANGE_AUTO_DELETE)
        if removed == CHUNK:
            return False
    tx.db.run(sql.SET_COMMITTED, stream=stream.id, committed=offset)
    if offset < committed:
        # There is something to consume again.
        tx.wakes.everyone(of_stream(stream.id))
    return True


def _remove_locked(stream: Found, until: int, act: Act, tx: Transaction) -> tuple[int, int | None]:
    """How many it removed, and the audit's row."""
    tx.db.rows(sql.LOCK_BY_ID, ids=[stream.id])
    removed = _remove(tx, stream, 0, until, sql.HEAD, sql.DELETE_RANGE)
    return removed, act.record(tx, removed) if removed else act.row


def _remove(
    tx: Transaction, stream: Found, after: int, until: int, head: Statement, delete: Statement
) -> int:
    """Remove the first CHUNK messages of a locked stream with offsets over ``after`` up to ``until``."""
    found, size, last = tx.db.rows(head, stream=stream.id, after=after, until=until, limit=CHUNK)[0]
    if found:
        tx.db.run(delete, stream=stream.id, after=after, until=last)
        count(tx, stream.id, stream.account_id, messages=-found, bytes=-int(size))
    return int(found)
