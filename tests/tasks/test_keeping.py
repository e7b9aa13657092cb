"""Archived tasks beyond the number a queue keeps. Contract: tasks.md §3.1."""

from __future__ import annotations

import pytest

from queues import broker
from queues.broker.lanes import in_transaction
from queues.broker.types import Kill, NewMessage
from queues.tasks import keeping, tasks
from queues.tasks.types import TaskState
from tests.broker.rows import assert_consistent

from .handle import Tasks

KEPT = 3


@pytest.fixture(autouse=True)
def few_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "MOST_ARCHIVED", KEPT)
    monkeypatch.setattr(keeping, "QUEUES_AT_ONCE", 1_000)


def trim() -> None:
    """All that is too much, in every queue, two at a time."""
    while in_transaction(lambda tx: keeping.trim_archive(tx, 2)):
        pass


def archived(t: Tasks, count: int) -> list[str]:
    made = [t.create() for _ in range(count)]
    for task_id in made:
        t.cancel(task_id)
    return made


def there(t: Tasks) -> list[str]:
    found = tasks.list_tasks(t.account_id, t.queue, TaskState.ARCHIVED, limit=100)
    return [task.task_id for task in found]


def test_the_newest_archived_tasks_of_each_queue_stay(t: Tasks) -> None:
    other = Tasks(t.account_id, t.type, f"{t.queue}-2")
    waiting, made, elsewhere = t.create(), archived(t, 8), archived(other, 5)
    trim()
    assert (there(t), there(other)) == (made[-KEPT:], elsewhere[-KEPT:])
    assert t.state(waiting) is TaskState.PENDING
    assert t.rows() == (KEPT + 1, KEPT)
    assert_consistent(t.messages)


def test_one_round_sees_to_all_queues(t: Tasks) -> None:
    """One that has a few too many all the time does not keep the others from being seen to."""
    other = Tasks(t.account_id, t.type, f"{t.queue}-2")
    trim()
    for queue in (t, other):
        archived(queue, KEPT + 1)
    assert in_transaction(lambda tx: keeping.trim_archive(tx, 100)) == 2
    assert (len(there(t)), len(there(other))) == (KEPT, KEPT)


def test_dead_messages_that_are_no_tasks_do_not_count(t: Tasks) -> None:
    made = archived(t, KEPT)
    broker.publish(t.account_id, t.queue, [NewMessage("1", 1, public_id=f"m{n}", tag="x") for n in range(9)])
    t.messages.settle(*(Kill(f"m{n}") for n in range(9)))
    trim()
    assert there(t) == made
