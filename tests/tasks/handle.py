"""Tasks of a fresh account, spoken to through the task layer's own functions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from django.db import connection

from queues.broker import clock, due
from queues.broker.lanes import in_transaction
from queues.models import Queue, Task, TaskEntry
from queues.tasks import tasks
from queues.tasks.types import ClaimedTask, Completion, Entry, NewTask, Report, TaskState, TaskView
from tests.broker.handle import Handle
from tests.broker.rows import age as age_queue


@dataclass
class Tasks:
    """One account's tasks of one type in one queue."""

    account_id: int
    type: str = field(default_factory=lambda: f"type-{uuid4().hex[:12]}")
    queue: str = field(default_factory=lambda: f"q-{uuid4().hex[:12]}")

    def create(self, payload: str = "{}", **fields: Any) -> str:
        new = NewTask(**{"type": self.type, "payload": payload, "queue": self.queue, **fields})
        return tasks.create(self.account_id, new).task_id

    def get(self, task_id: str) -> TaskView:
        return tasks.get(self.account_id, task_id)

    def state(self, task_id: str) -> TaskState:
        return self.get(task_id).state

    def claim(self, limit: int = 1, **options: Any) -> list[ClaimedTask]:
        return tasks.claim(self.account_id, [self.type], [self.queue], limit=limit, **options)

    def take(self) -> ClaimedTask:
        (claimed,) = self.claim()
        return claimed

    def started(self, **fields: Any) -> ClaimedTask:
        """A new task that is claimed."""
        task_id = self.create(**fields)
        claimed = self.take()
        assert claimed.task_id == task_id
        return claimed

    def report(self, claimed: ClaimedTask, percentage: int = 50, **fields: Any) -> int:
        progress = Report(percentage, **fields)
        tasks.report(self.account_id, claimed.task_id, claimed.token, progress)
        return progress.position

    def complete(self, claimed: ClaimedTask, **said: Any) -> None:
        tasks.complete(self.account_id, claimed.task_id, claimed.token, Completion(**said))

    def fail(self, claimed: ClaimedTask, error: str = "boom", **options: Any) -> TaskState:
        return tasks.fail(self.account_id, claimed.task_id, claimed.token, error, **options).state

    def cancel(self, task_id: str) -> None:
        tasks.cancel(self.account_id, task_id)

    def delete(self, task_id: str) -> None:
        tasks.delete(self.account_id, task_id, self.queue)

    def history(self, task_id: str) -> list[Entry]:
        return tasks.history(self.account_id, task_id)

    def ending(self, task_id: str) -> tuple[int, str, str, str]:
        """Percentage, stage, message and status of the final entry: exactly one, the last."""
        entries = self.history(task_id)
        assert [bool(entry.status) for entry in entries] == [False] * (len(entries) - 1) + [True]
        last = entries[-1]
        return last.percentage, last.stage, last.message, last.status

    @property
    def queue_id(self) -> int:
        return Queue.objects.get(account_id=self.account_id, name=self.queue, deleted_at=None).pk

    @property
    def messages(self) -> Handle:
        """The same queue as the engine has it."""
        return Handle(self.account_id, self.queue, self.queue_id)

    def age(self, seconds: float) -> None:
        """Make everything in the queue that much older, and its locks."""
        age_queue(self.messages, seconds)
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE queues_tasklock SET until = until - %s WHERE task IN "
                "(SELECT public_id FROM queues_task WHERE queue_id = %s)",
                [clock.micros(seconds), self.queue_id],
            )

    def promote(self) -> None:
        """What housekeeping does each second."""
        queue_id = self.queue_id
        in_transaction(lambda tx: due.promote(tx, queue_id))

    def rows(self) -> tuple[int, int]:
        """Tasks and entries there are of the queue."""
        queue_id = self.queue_id
        return (
            Task.objects.filter(queue_id=queue_id).count(),
            TaskEntry.objects.filter(queue_id=queue_id).count(),
        )
