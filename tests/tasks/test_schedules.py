"""Schedules: each due time makes one task, whoever looks and however late; how they are kept over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from queues.broker import clock
from queues.fields import to_datetime
from queues.models import Schedule, Task
from queues.tasks import schedules
from queues.tasks.schedules import NewSchedule
from queues.tasks.types import NewTask
from tests.broker.at_once import at_once
from tests.broker.usage import set_quotas

from .client import Queue, error_of
from .handle import Tasks

Put = Callable[..., Schedule]


@pytest.fixture
def put(t: Tasks) -> Put:
    """Makes schedules of tasks of ``t``: every minute, unless told otherwise."""

    def make(cron: str = "* * * * *", every: int | None = None, **task: Any) -> Schedule:
        new_task = NewTask(**{"type": t.type, "payload": "{}", "queue": t.queue, **task})
        return schedules.put(
            t.account_id, NewSchedule(uuid4().hex, cron, every, "UTC", True, new_task, "{}")
        )[0]

    return make


def make_due(schedule: Schedule, **ago: float) -> None:
    """Have its due time been that long ago."""
    schedule.refresh_from_db()
    schedule.next_run_at = schedule.next_run_at - timedelta(minutes=1, **ago)  # type: ignore[operator, assignment]
    schedule.save(update_fields=["next_run_at"])


def fire() -> None:
    """What a worker does each second."""
    while schedules.fire_due():
        pass


def made(t: Tasks) -> int:
    return Task.objects.filter(account_id=t.account_id).count()


def test_a_due_time_makes_a_task(t: Tasks, put: Put) -> None:
    schedule = put(payload='{"a":1}', metadata='{"b":"c"}')
    fire()
    assert made(t) == 0, "it is not due yet"
    make_due(schedule)
    fire()
    schedule.refresh_from_db()
    view = t.get(schedule.last_task_id)
    assert (view.message.body, view.message.metadata, view.queue) == ('{"a":1}', '{"b":"c"}', t.queue)
    assert schedule.next_run_at is not None and schedule.last_run_at is not None
    assert timedelta(0) < schedule.next_run_at - schedule.last_run_at <= timedelta(minutes=1)
    fire()
    assert made(t) == 1


def test_however_many_workers_look_it_is_made_once(t: Tasks, put: Put) -> None:
    due = [put() for _ in range(5)]
    for schedule in due:
        make_due(schedule)
    at_once(fire for _ in range(6))
    assert made(t) == len(due)


def test_due_times_that_were_missed_make_one_task(t: Tasks, put: Put) -> None:
    schedule = put()
    make_due(schedule, days=2)
    fire()
    assert made(t) == 1
    schedule.refresh_from_db()
    assert schedule.next_run_at is not None and schedule.last_run_at is not None
    assert schedule.next_run_at > schedule.last_run_at


def test_a_task_like_it_that_is_there_already_is_counted_and_skipped(t: Tasks, put: Put) -> None:
    schedule = put(unique_seconds=3600.0)
    for _ in range(3):
        make_due(schedule)
        fire()
    schedule.refresh_from_db()
    assert (made(t), schedule.skipped) == (1, 2)


def test_one_that_is_switched_off_makes_nothing(t: Tasks, put: Put) -> None:
    schedule = put()
    make_due(schedule)
    Schedule.objects.filter(pk=schedule.pk).update(enabled=False)
    fire()
    assert made(t) == 0


def test_what_cannot_be_made_says_why_and_the_others_go_on(t: Tasks, put: Put) -> None:
    lost, fine = put(), put()
    Schedule.objects.filter(pk=lost.pk).update(task=lost.task.replace(t.type, "gone"))
    for schedule in (lost, fine):
        make_due(schedule)
    fire()
    lost.refresh_from_db()
    assert made(t) == 1
    assert "gone" in lost.last_error and lost.last_task_id == ""


def test_one_whose_queue_may_not_be_made_says_why_and_waits_for_its_next_due_time(t: Tasks, put: Put) -> None:
    """Due for good, a hundred such would keep all others from firing."""
    schedule = put()
    set_quotas(t.account_id, max_channels=0)
    make_due(schedule)
    before = to_datetime(clock.now())
    fire()
    schedule.refresh_from_db()
    assert schedule.next_run_at is not None and schedule.next_run_at > before
    assert (made(t), schedule.skipped) == (0, 0) and "max_channels" in schedule.last_error
    set_quotas(t.account_id, max_channels=10)
    make_due(schedule)
    fire()
    schedule.refresh_from_db()
    assert (made(t), schedule.last_error) == (1, "")


def test_an_interval_keeps_its_beat(t: Tasks, put: Put) -> None:
    schedule = put("@every 90s", every=90_000_000)
    assert schedule.next_run_at == schedule.begin + timedelta(seconds=90)
    make_due(schedule, seconds=45)
    fire()
    schedule.refresh_from_db()
    assert made(t) == 1
    assert schedule.next_run_at == schedule.begin + timedelta(seconds=90)


# ---------------------------------------------------------------- over HTTP


@pytest.fixture
def path() -> str:
    return f"/api/v1/schedules/s-{uuid4().hex}"


def body(q: Queue, **fields: Any) -> dict[str, Any]:
    task = {"type": q.type, "payload": {"n": 1.50}, "queue": q.name, "timeout": "30s"}
    return {"cron": "*/5 * * * *", "task": task, **fields}


@pytest.mark.contract("61")
def test_a_schedule_is_made_shown_replaced_and_removed(q: Queue, path: str) -> None:
    call = q.client.call
    assert error_of(call("GET", path)) == (404, "SCHEDULE_NOT_FOUND")
    shown = call("PUT", path, body(q)).expect(201).json()
    assert shown["name"] == path.rsplit("/", 1)[1]
    assert (shown["cron"], shown["timezone"], shown["enabled"]) == ("*/5 * * * *", "UTC", True)
    assert shown["task"] == body(q)["task"]
    assert shown["next_run_at"] and shown["last_run_at"] is None and shown["last_task_id"] is None
    assert call("GET", path).expect(200).json() == shown
    again = call("PUT", path, body(q, timezone="Europe/Berlin", enabled=False)).expect(200).json()
    assert (again["timezone"], again["enabled"], again["next_run_at"]) == ("Europe/Berlin", False, None)
    assert call("GET", "/api/v1/schedules").expect(200).json() == [again]
    null = call("PUT", path, body(q, timezone=None, enabled=None)).expect(200).json()
    assert (null["timezone"], null["enabled"]) == ("UTC", True)
    assert call("DELETE", path).expect(200).json() == {"message": "schedule deleted"}
    for method, at in (("GET", path), ("DELETE", path), ("POST", f"{path}/run")):
        assert error_of(call(method, at)) == (404, "SCHEDULE_NOT_FOUND")


@pytest.mark.contract("61")
def test_a_schedule_every_second_makes_tasks_until_it_is_removed(q: Queue, path: str) -> None:
    q.client.call("PUT", path, body(q, cron="@every 1s")).expect(201)
    schedule = Schedule.objects.get(name=path.rsplit("/", 1)[1])
    for _ in range(2):
        make_due(schedule)
        fire()
    assert Task.objects.filter(type=q.type).count() == 2
    q.client.call("DELETE", path).expect(200)
    fire()
    assert Task.objects.filter(type=q.type).count() == 2


def test_a_schedule_is_run_by_hand(q: Queue, path: str) -> None:
    task = {**body(q)["task"], "unique": "1h"}
    q.client.call("PUT", path, body(q, task=task, enabled=False)).expect(201)
    ran = q.client.call("POST", f"{path}/run").expect(201).json()
    assert (ran["queue"], ran["status"]) == (q.name, "pending")
    assert q.client.call("GET", path).json()["last_task_id"] == ran["task_id"]
    assert error_of(q.client.call("POST", f"{path}/run")) == (409, "TASK_ALREADY_EXISTS")


def test_running_what_its_handler_does_not_take_any_more_is_refused(q: Queue, path: str) -> None:
    task = {"type": "demo", "payload": {"count": 1}, "queue": q.name}
    q.client.call("PUT", path, body(q, task=task, enabled=False)).expect(201)
    schedule = Schedule.objects.get(name=path.rsplit("/", 1)[1])
    schedule.task = json.dumps({**json.loads(schedule.task), "payload": '{"count": "x"}'})
    schedule.save(update_fields=["task"])
    assert error_of(q.client.call("POST", f"{path}/run")) == (400, "INVALID_PAYLOAD")


@pytest.mark.contract("61")
@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"cron": "* * * *"}, "INVALID_CRON"),
        ({"cron": "61 * * * *"}, "INVALID_CRON"),
        ({"cron": "@every 5"}, "INVALID_CRON"),
        ({"cron": "@every 500ms"}, "INVALID_CRON"),
        ({"cron": "@every "}, "INVALID_CRON"),
        ({"cron": "* " * 200}, "INVALID_CRON"),
        ({"cron": 5}, "INVALID_REQUEST"),
        ({"timezone": "Mars/Olympus"}, "INVALID_TIMEZONE"),
        ({"timezone": "../etc/passwd"}, "INVALID_TIMEZONE"),
        ({"timezone": ""}, "INVALID_TIMEZONE"),
        ({"enabled": "yes"}, "INVALID_REQUEST"),
        ({"task": 5}, "INVALID_REQUEST"),
        ({"task": {"type": "nope", "payload": {}}}, "INVALID_TASK_TYPE"),
        ({"task": {"type": "demo", "payload": {"count": "x"}}}, "INVALID_PAYLOAD"),
        ({"task": {"type": "demo", "payload": {}, "timeout": "5"}}, "INVALID_TIMEOUT"),
        ({"task": {"type": "demo", "payload": {}, "process_at": "2030-01-01T00:00:00Z"}}, "INVALID_REQUEST"),
    ],
)
def test_a_bad_schedule_is_refused_and_changes_nothing(
    q: Queue, path: str, changed: dict[str, Any], code: str
) -> None:
    assert error_of(q.client.call("PUT", path, body(q, **changed))) == (400, code)
    q.client.call("GET", path).expect(404)


def test_a_schedule_has_a_name_the_contract_allows(q: Queue) -> None:
    answer = q.client.call("PUT", "/api/v1/schedules/" + "a" * 129, body(q))
    assert error_of(answer) == (400, "INVALID_REQUEST")


def test_a_strangers_schedule_is_not_there(q: Queue, path: str, stranger: Any) -> None:
    q.client.call("PUT", path, body(q)).expect(201)
    Schedule.objects.filter(name=path.rsplit("/", 1)[1]).update(account=stranger)
    assert error_of(q.client.call("GET", path)) == (404, "SCHEDULE_NOT_FOUND")
