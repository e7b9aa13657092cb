"""Tasks' own rows, as a transaction has them in hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from queues.tasks import sql

if TYPE_CHECKING:
    from queues.broker.db import Connection, Row


class TaskRow:
    """One task. What is changed here is written by ``journal``."""

    __slots__ = (
        "account_id", "entries", "last_position", "lease", "max_retry", "offset", "percentage",
        "public_id", "queue_id", "result", "retried", "status", "timeout", "type", "unique_key",
    )  # fmt: skip

    queue_id: int
    offset: int
    public_id: str
    account_id: int
    type: str
    max_retry: int
    timeout: int
    lease: int
    retried: int
    status: str
    percentage: int
    entries: int
    last_position: int
    unique_key: str
    result: str | None

    def __init__(self, row: Sequence[object]) -> None:
        for name, value in zip(sql.TASK_COLUMNS, row, strict=True):
            setattr(self, name.strip('"'), value)

    def changes(self) -> Row:
        """Its row of ``sql.UPDATE_TASKS``."""
        return (
            self.retried, self.status, self.percentage, self.entries, self.last_position, self.unique_key,
            self.result, self.queue_id, self.offset,
        )  # fmt: skip


class Found(NamedTuple):
    """A task and its queue's name."""

    row: TaskRow
    queue: str


def find(db: Connection, ids: Iterable[str]) -> dict[str, Found]:
    """Those of the tasks that there are, in queues that are not deleted, by id. Ids that no task can have,
    like texts that no database can hold, are passed over."""
    wanted = sorted({task_id for task_id in ids if may_be_id(task_id)})
    rows = db.rows(sql.FIND_TASKS, ids=wanted) if wanted else []
    return {row[2]: Found(TaskRow(row[:-1]), row[-1]) for row in rows}


def may_be_id(task_id: str) -> bool:
    return len(task_id) == 36 and task_id.isascii() and task_id.isprintable()


def of_queue(db: Connection, queue_id: int, offsets: Iterable[int]) -> dict[int, TaskRow]:
    """The tasks among the messages at these offsets."""
    rows = db.rows(sql.TASKS_BY_OFFSET, queue=queue_id, offsets=sorted(set(offsets)))
    return {row[1]: TaskRow(row) for row in rows}
