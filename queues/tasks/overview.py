"""Tasks of all accounts at a glance, for whoever watches the server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from queues.broker.db import Statement
from queues.broker.queues import looking
from queues.tasks.errors import TaskNotFound
from queues.tasks.rows import Found, TaskRow, find, of_queue

MOST_QUEUES = 500

QUEUES = Statement(
    """
    SELECT q.id, q.name, a.email FROM queues_queue q JOIN accounts_account a ON a.id = q.account_id
    WHERE q.deleted_at IS NULL AND EXISTS (SELECT 1 FROM queues_task t WHERE t.queue_id = q.id)
    ORDER BY q.id LIMIT :most
    """
)


class TaskQueue(NamedTuple):
    """A queue that holds tasks. ``account``: its e-mail address."""

    id: int
    name: str
    account: str


def task_queues() -> list[TaskQueue]:
    """The ``MOST_QUEUES`` oldest of them. Raises Unavailable."""
    with looking() as db:
        return [TaskQueue(*row) for row in db.rows(QUEUES, most=MOST_QUEUES)]


def tasks_at(queue_id: int, offsets: Sequence[int]) -> dict[int, TaskRow]:
    """The tasks among the messages at these offsets. Raises Unavailable."""
    if not offsets:
        return {}
    with looking() as db:
        return of_queue(db, queue_id, offsets)


def find_task(task_id: str) -> Found:
    """Raises TaskNotFound, Unavailable."""
    with looking() as db:
        found = find(db, [task_id]).get(task_id)
    if found is None:
        raise TaskNotFound(task_id)
    return found
