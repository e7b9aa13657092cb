"""What happens to tasks, and their progress: written in the transaction in which it happens to their
messages, whoever made it happen, a worker, an operator or the clock.

The engine tells (``queues.broker.listeners``) in order and under the messages' locks. Therefore positions
rise in commit order, and a task that has ended has exactly one final entry, its last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queues.broker.listeners import Change, Happening
from queues.broker.wakes import of_number
from queues.models import Task
from queues.tasks import sql
from queues.tasks.rows import TaskRow, of_queue
from queues.tasks.types import CANCELLED, Completion, Report, error_text

if TYPE_CHECKING:
    from queues.broker.db import Row
    from queues.broker.lanes import Transaction

NAME = "tasks"
"""What tasks' settings call this listener."""

KEPT_ENTRIES = 1_000
SEQUENCE_BITS = 20
Status = Task.Status


def channel(task_id: str) -> int:
    """Where those wait who follow a task. Two tasks may share one: then somebody looks in vain."""
    return of_number(int(task_id.replace("-", ""), 16) & ((1 << 56) - 1))


def listen(tx: Transaction, happenings: list[Happening]) -> None:
    """``queues.broker.listeners.Listener`` for messages that are tasks, all of one queue."""
    queue_id = happenings[0].queue_id
    tasks = of_queue(tx.db, queue_id, {happening.offset for happening in happenings})
    journal = _Journal(tx, queue_id)
    for happening in happenings:
        # A copy in a queue that follows this one is no task.
        task = tasks.get(happening.offset)
        if task is not None:
            journal.note(task, happening)
    journal.write()


def purge(tx: Transaction, queue_id: int, last: int) -> None:
    """The messages of a deleted queue up to this offset are removed."""
    for statement in (sql.RELEASE_LOCK_RANGE, sql.DELETE_ENTRY_RANGE, sql.DELETE_TASK_RANGE):
        tx.db.run(statement, queue=queue_id, last=last)


class _Journal:
    """Changes of tasks of one queue, and their one write."""

    def __init__(self, tx: Transaction, queue_id: int) -> None:
        self.tx = tx
        self.queue_id = queue_id
        self.changed: dict[int, TaskRow] = {}
        self.removed: dict[int, TaskRow] = {}
        self.entries: list[Row] = []
        self.not_final: list[Row] = []
        self.unlocked: list[TaskRow] = []

    def note(self, task: TaskRow, happening: Happening) -> None:
        self.changed[task.offset] = task
        self.tx.wakes.everyone(channel(task.public_id))
        error = error_text(happening.error)
        match happening.change:
            case Change.EXTENDED:
                assert isinstance(happening.note, Report)
                self._report(task, happening.note)
            case Change.FAILED:
                task.retried += 1
                self._add(task, task.percentage, "retry", error)
            case Change.ACKED:
                self._complete(task, happening.note)
            case Change.DEAD:
                self._end(task, Status.FAILED, task.percentage, error)
            case Change.KILLED:
                self._end(task, Status.CANCELLED, task.percentage, CANCELLED)
                self._unlock(task)
            case Change.REVIVED:
                self._reopen(task)
                task.retried = 0
            case Change.REMOVED:
                self._unlock(task)
                self.removed[task.offset] = task

    def _report(self, task: TaskRow, report: Report) -> None:
        task.percentage = report.percentage
        self._add(task, report.percentage, report.stage, report.message, report.metadata)
        report.position = task.last_position

    def _complete(self, task: TaskRow, note: object) -> None:
        said = note if isinstance(note, Completion) else Completion()
        task.result = said.result
        self._end(task, Status.COMPLETED, 100, said.message or "Done")
        self._unlock(task)

    def _end(self, task: TaskRow, status: Status, percentage: int, message: str) -> None:
        self._reopen(task)  # whoever acks a dead one in another dialect ends it anew
        task.status, task.percentage = status, percentage
        self._add(task, percentage, str(status), message, status=str(status))

    def _reopen(self, task: TaskRow) -> None:
        """What was its final entry is one like all others."""
        if task.status:
            self.not_final.append(("", task.queue_id, task.offset, task.last_position))
            task.status = ""

    def _unlock(self, task: TaskRow) -> None:
        if task.unique_key:
            self.unlocked.append(task)

    def _add(
        self,
        task: TaskRow,
        percentage: int,
        stage: str,
        message: str,
        metadata: str | None = None,
        status: str = "",
    ) -> None:
        # Never below the one before, even if a clock was set back.
        task.last_position = max(task.last_position + 1, (self.tx.now // 1000) << SEQUENCE_BITS)
        task.entries += 1
        self.entries.append(
            (task.queue_id, task.offset, task.last_position, percentage, stage, message, metadata, status)
        )

    def write(self) -> None:
        db = self.tx.db
        if self.unlocked:
            keys = sorted({task.unique_key for task in self.unlocked})
            db.run(sql.RELEASE_LOCKS, keys=keys, tasks=sorted({task.public_id for task in self.unlocked}))
            for task in self.unlocked:
                task.unique_key = ""
        # Entries first: one that is not final any more may be among them.
        db.bulk(sql.INSERT_ENTRIES, self.entries)
        db.bulk(sql.NOT_FINAL, self.not_final)
        for task in self.changed.values():
            self._trim(task)
        db.bulk(sql.UPDATE_TASKS, [task.changes() for task in self.changed.values()])
        if self.removed:
            for statement in (sql.DELETE_ENTRIES, sql.DELETE_TASKS):
                db.run(statement, queue=self.queue_id, offsets=sorted(self.removed))

    def _trim(self, task: TaskRow) -> None:
        surplus = task.entries - KEPT_ENTRIES
        if surplus > 0:
            self.tx.db.run(sql.DROP_OLDEST, queue=task.queue_id, offset=task.offset, count=surplus)
            task.entries = KEPT_ENTRIES
