"""Reading progress: what there is, and what comes.

Entries have a table of their own rather than a stream each (``streams``): they are written in the transaction
that changes the task, their ids are times, a thousand are kept, and they go with the task.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from queues.broker.lanes import LANES, Operation
from queues.broker.queues import looking
from queues.tasks import sql
from queues.tasks.journal import KEPT_ENTRIES, SEQUENCE_BITS
from queues.tasks.rows import TaskRow, find
from queues.tasks.types import Entry, ProgressInfo

if TYPE_CHECKING:
    from queues.broker.db import Connection
    from queues.broker.lanes import Transaction

MAX_SEQUENCE = (1 << SEQUENCE_BITS) - 1


def milliseconds(position: int) -> int:
    return position >> SEQUENCE_BITS


def sequence(position: int) -> int:
    return position & MAX_SEQUENCE


def position(ms: int, number: int) -> int:
    """The place of ``<ms>-<number>`` in the order; what is beyond all entries stays beyond them."""
    return min((ms << SEQUENCE_BITS) | min(number, MAX_SEQUENCE), 2**63 - 1)


def latest(account_id: int, task_id: str) -> Entry | None:
    """A task's newest entry; None when it has none or is not known. Raises Unavailable."""
    with looking() as db:
        task = _find(db, account_id, task_id)
        if task is None or not task.entries:
            return None
        found = _entries(db, task, task.last_position - 1, 1)
        return found[0] if found else None


def history(account_id: int, task_id: str, after: int = -1, limit: int = KEPT_ENTRIES) -> list[Entry]:
    """A task's entries after that position, the oldest first; none when it is not known. Raises
    Unavailable."""
    with looking() as db:
        task = _find(db, account_id, task_id)
        return [] if task is None else _entries(db, task, after, limit)


def info(account_id: int, task_id: str) -> ProgressInfo:
    """How many entries there are, zero when the task is not known. Raises Unavailable."""
    with looking() as db:
        task = _find(db, account_id, task_id)
        if task is None or not task.entries:
            return ProgressInfo(0, 0, 0)
        first = db.rows(sql.FIRST_POSITION, queue=task.queue_id, offset=task.offset)[0][0]
        return ProgressInfo(task.entries, first, task.last_position)


@dataclass(slots=True, frozen=True)
class Standing:
    """A followed task at one instant. ``status``: how it ended, with its final entry at ``last``; or ""."""

    last: int
    status: str
    entries: Sequence[Entry] = ()


def follow(account_id: int, places: Collection[tuple[str, int]]) -> dict[str, Standing]:
    """Of each task, given with the position its follower is at, what comes after that; those that do not
    exist (any more) are left out. Followers who ask at the same time share a transaction: a look costs no
    connection of its own. Raises Unavailable."""
    found: dict[str, Standing] = LANES.of("receive").submit(LookAtProgress(account_id, places))
    return found


class LookAtProgress(Operation):
    __slots__ = ("account_id", "places")

    def __init__(self, account_id: int, places: Collection[tuple[str, int]]) -> None:
        super().__init__(weight=len(places))
        self.account_id = account_id
        self.places = places

    @classmethod
    def run(cls, tx: Transaction, operations: list[LookAtProgress]) -> None:
        tasks = find(tx.db, {task_id for o in operations for task_id, _ in o.places})
        looks: dict[tuple[str, int], Standing] = {}
        for operation in operations:
            operation.result = {}
            for task_id, after in operation.places:
                found = tasks.get(task_id)
                if found is None or found.row.account_id != operation.account_id:
                    continue
                if (task_id, after) not in looks:
                    looks[task_id, after] = _standing(tx.db, found.row, after)
                operation.result[task_id] = looks[task_id, after]


def _standing(db: Connection, task: TaskRow, after: int) -> Standing:
    entries = _entries(db, task, after, KEPT_ENTRIES) if task.last_position > after else ()
    if entries:
        # They were read after the task, and may know of an end that it does not.
        return Standing(entries[-1].position, entries[-1].status, entries)
    return Standing(task.last_position, task.status)


def _find(db: Connection, account_id: int, task_id: str) -> TaskRow | None:
    found = find(db, [task_id]).get(task_id)
    return found.row if found is not None and found.row.account_id == account_id else None


def _entries(db: Connection, task: TaskRow, after: int, limit: int) -> list[Entry]:
    rows = db.rows(sql.ENTRIES, queue=task.queue_id, offset=task.offset, after=after, limit=limit)
    return [Entry(*row) for row in rows]
