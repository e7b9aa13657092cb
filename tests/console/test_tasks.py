"""Tasks in the console."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.models import Account
from queues.models import Queue
from queues.tasks import schedules, tasks
from queues.tasks.schedules import NewSchedule
from queues.tasks.types import NewTask
from tests.tasks.handle import Tasks

from .people import Person


@pytest.fixture
def t(account: Account) -> Tasks:
    made = Tasks(account.pk)
    tasks.register(account.pk, made.type)
    return made


def queue_id(t: Tasks) -> int:
    return Queue.objects.get(account_id=t.account_id, name=t.queue).pk


def test_tasks_are_listed_with_their_progress(viewer: Person, t: Tasks) -> None:
    claimed = t.started()
    t.report(claimed, 40, stage="counting", message="four of ten")
    waiting = t.create()
    text = viewer.read(f"tasks/?queue={queue_id(t)}")
    assert claimed.task_id in text and "active" in text and "40%" in text
    assert waiting in text and "pending" in text
    only = viewer.read(f"tasks/?queue={queue_id(t)}&state=pending")
    assert waiting in only and claimed.task_id not in only


def test_a_tasks_page_tells_what_its_worker_reported(viewer: Person, t: Tasks) -> None:
    claimed = t.started(payload='{"count": 10}')
    t.report(claimed, 40, stage="counting", message="four of ten")
    text = viewer.read(f"tasks/{claimed.task_id}/")
    for shown in ("active", "40% counting", "four of ten", '"count": 10', t.type, "30 min an attempt"):
        assert shown in text
    t.complete(claimed, result='{"counted": 10}')
    text = viewer.read(f"tasks/{claimed.task_id}/")
    assert "completed" in text and '"counted": 10' in text


def test_a_failed_task_is_tried_again(operator: Person, t: Tasks) -> None:
    claimed = t.started()
    t.fail(claimed, "the printer is on fire", retry=False)
    assert "the printer is on fire" in operator.read(f"tasks/{claimed.task_id}/")
    assert "It is pending now" in operator.press(f"tasks/{claimed.task_id}/run/")
    assert t.state(claimed.task_id) == "pending"


def test_a_task_is_cancelled_once(operator: Person, t: Tasks) -> None:
    task_id = t.create()
    assert "It is cancelled" in operator.press(f"tasks/{task_id}/cancel/")
    assert t.state(task_id) == "archived"
    assert "Wrong state" in operator.press(f"tasks/{task_id}/cancel/")


def test_a_task_that_is_not_there_is_not_found(viewer: Person) -> None:
    viewer.get("tasks/nothing/", 404)


def test_schedules_are_shown_and_made_to_run_now(viewer: Person, operator: Person, t: Tasks) -> None:
    task = NewTask(type=t.type, payload="{}", queue=t.queue)
    schedule, _ = schedules.put(
        t.account_id, NewSchedule(f"nightly-{t.type}", "0 3 * * *", None, "UTC", True, task, "{}")
    )
    text = viewer.read(f"queues/schedule/?q={schedule.name}")
    assert schedule.name in text and "0 3 * * *" in text
    form: dict[str, Any] = {"action": "run_now", "_selected_action": [schedule.pk]}
    viewer.press("queues/schedule/", **form)
    assert not Queue.objects.filter(account_id=t.account_id, name=t.queue).exists()
    assert "was made" in operator.press("queues/schedule/", **form)
    assert len(tasks.list_tasks(t.account_id, t.queue)) == 1
    text = viewer.read(f"queues/schedule/{schedule.pk}/change/")
    assert "Due times passed over 0" in text and text.count(" 03:00:00 ") == 5
    assert tasks.list_tasks(t.account_id, t.queue)[0].task_id in text
    assert "Make a task now" not in text
    assert "was made" in operator.press(f"schedules/{schedule.pk}/run/")
    assert len(tasks.list_tasks(t.account_id, t.queue)) == 2
    viewer.get("queues/schedule/add/", 403)
