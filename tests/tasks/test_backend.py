"""Django tasks through the package's own API."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from django_tasks import TaskResult, TaskResultStatus, task_backends
from django_tasks import task as declared
from django_tasks.base import Task
from django_tasks.exceptions import InvalidTaskError, TaskResultDoesNotExist, TaskResultMismatch
from django_tasks.signals import task_enqueued, task_finished, task_started

from accounts import services
from accounts.models import Account
from queues.broker import clock
from queues.models import Task as TaskRow
from queues.tasks import registry, tasks
from queues.tasks.backend import ACCOUNT, TYPE, OKMQBackend
from queues.tasks.errors import TaskExists
from queues.tasks.types import NewTask, TaskState
from tests.broker.at_once import eventually

from . import jobs
from .test_runner import running

pytestmark = pytest.mark.usefixtures("django_db_setup")


def mine(task: Task[Any, Any], **options: Any) -> Task[Any, Any]:
    """The task, for a queue of the test's own."""
    return task.using(queue_name=f"q-{uuid4().hex[:12]}", **options)


def finish(*results: TaskResult[Any]) -> None:
    """Have a worker run until these have ended."""

    def ended(result: TaskResult[Any]) -> bool:
        result.refresh()
        return result.is_finished

    with running():
        for result in results:
            eventually(lambda result=result: ended(result))  # type: ignore[misc]


@contextmanager
def backend(settings: Any, **options: Any) -> Iterator[None]:
    """TASKS with these OPTIONS."""
    given = {"BACKEND": "queues.tasks.backend.OKMQBackend", "QUEUES": [], "OPTIONS": options}
    settings.TASKS = {"default": given}
    yield


class Signals(list[tuple[str, str, str]]):
    """Name, id and status of what was sent, in order. Tasks that other tests left are run, too."""

    def of(self, result: TaskResult[Any]) -> list[tuple[str, str]]:
        return [(name, status) for name, task_id, status in self if task_id == result.id]


@pytest.fixture
def signals() -> Iterator[Signals]:
    sent = Signals()
    receivers = []
    for name, signal in (("enqueued", task_enqueued), ("started", task_started), ("finished", task_finished)):

        def note(sender: Any, task_result: TaskResult[Any], name: str = name, **_: Any) -> None:
            assert sender is OKMQBackend
            sent.append((name, task_result.id, str(task_result.status)))

        signal.connect(note)
        receivers.append((signal, note))
    yield sent
    for signal, note in receivers:
        signal.disconnect(note)


def test_a_task_is_enqueued_run_and_its_value_returned(signals: Signals) -> None:
    result = mine(jobs.add).enqueue(2, b=3)
    assert (result.status, result.attempts) == (TaskResultStatus.READY, 0)
    assert result.enqueued_at is not None
    with pytest.raises(ValueError):
        _ = result.return_value
    with running():
        eventually(lambda: len(signals.of(result)) == 3)
    found = jobs.add.get_result(result.id)
    assert found.return_value == {"sum": 5}
    assert (found.args, found.kwargs) == ([2], {"b": 3})
    assert (found.status, found.attempts, found.errors) == (TaskResultStatus.SUCCESSFUL, 1, [])
    assert found.task == result.task
    assert found.enqueued_at and found.started_at and found.finished_at
    margin = timedelta(milliseconds=1)  # entries of progress know no less
    assert found.enqueued_at - margin <= found.started_at <= found.finished_at
    assert found.last_attempted_at == found.started_at
    assert signals.of(result) == [
        ("enqueued", "READY"), ("started", "RUNNING"), ("finished", "SUCCESSFUL"),
    ]  # fmt: skip


def test_a_coroutine_function_is_run() -> None:
    result = mine(jobs.later).enqueue("ab")
    finish(result)
    assert result.return_value == "abab"


def test_enqueueing_and_asking_from_a_coroutine() -> None:
    async def both() -> TaskResult[Any]:
        result = await mine(jobs.add).aenqueue(1)
        return await jobs.add.aget_result(result.id)

    assert asyncio.run(both()).status == TaskResultStatus.READY


def test_an_exception_ends_the_task_and_is_told(signals: Signals) -> None:
    result = mine(jobs.fails).enqueue("which\0")
    finish(result)
    (error,) = result.errors
    assert error.exception_class is KeyError
    assert "jobs.py" in error.traceback
    assert (result.status, result.attempts) == (TaskResultStatus.FAILED, 1)
    with pytest.raises(ValueError):
        _ = result.return_value
    eventually(lambda: signals.of(result)[-1] == ("finished", "FAILED"))


def test_a_value_that_is_no_json_is_a_failure() -> None:
    result = mine(jobs.unfit).enqueue()
    finish(result)
    assert result.errors[0].exception_class is TypeError


def test_retries_are_an_option_and_every_attempt_is_told_of(settings: Any, signals: Signals) -> None:
    with backend(settings, max_retries=2):
        result = mine(jobs.second_time).enqueue()
        finish(result)
        eventually(lambda: signals.of(result)[-1][0] == "finished")
    assert result.return_value == result.id
    assert (result.attempts, len(set(result.worker_ids)), len(result.errors)) == (2, 1, 1)
    assert result.errors[0].exception_class is registry.RetryIn
    assert [name for name, _ in signals.of(result)] == ["enqueued", "started", "started", "finished"]
    account = services.find_account(ACCOUNT)
    assert account is not None
    told = [(entry.percentage, entry.stage) for entry in tasks.history(account.pk, result.id)]
    assert told[:3] == [(0, "started"), (30, "processing"), (30, "raised")]


def test_run_after_is_waited_for() -> None:
    at = datetime.now(UTC) + timedelta(hours=1)
    result = mine(jobs.add, run_after=at).enqueue(1)
    found = jobs.add.get_result(result.id)
    assert (found.status, found.task.run_after) == (TaskResultStatus.READY, at)
    account = services.find_account(ACCOUNT)
    assert account is not None
    view = tasks.get(account.pk, result.id)
    assert view.state is TaskState.SCHEDULED
    assert view.message.deliver_at == clock.micros(at.timestamp())


def test_higher_priorities_go_first(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.OKMQ_TASK_CONCURRENCY = 1
    jobs.ran.clear()
    task = mine(jobs.nothing)
    made = [task.using(priority=priority).enqueue(priority) for priority in (0, -100, 100, 5)]
    finish(*made)
    assert [args for args, _ in jobs.ran] == [(100,), (5,), (0,), (-100,)]
    assert jobs.nothing.get_result(made[2].id).task.priority == 100


def test_nothing_is_made_before_the_callers_transaction_is_committed(
    signals: Signals,
) -> None:
    with transaction.atomic():
        Account.objects.create(email=f"{uuid4().hex}@example.com")  # the caller holds SQLite's write lock
        result = mine(jobs.add).enqueue(1)
        assert not TaskRow.objects.filter(public_id=result.id).exists()
        assert signals.of(result) == []
    assert TaskRow.objects.filter(public_id=result.id).exists()
    assert result.enqueued_at is not None
    assert signals.of(result) == [("enqueued", "READY")]


def test_nothing_is_made_if_the_callers_transaction_is_rolled_back() -> None:
    with transaction.atomic():
        result = mine(jobs.add).enqueue(1)
        transaction.set_rollback(True)
    assert not TaskRow.objects.filter(public_id=result.id).exists()
    with pytest.raises(TaskResultDoesNotExist):
        jobs.add.get_result(result.id)


@pytest.mark.parametrize("value", [float("nan"), {1: "one"}, "\ud800"], ids=repr)
def test_arguments_that_json_would_change_are_refused(value: Any) -> None:
    with pytest.raises(ValueError):
        mine(jobs.nothing).enqueue(value)


def test_arguments_that_json_has_no_form_for_are_refused() -> None:
    with pytest.raises(TypeError):
        mine(jobs.nothing).enqueue(object())


def test_any_text_is_a_fine_argument() -> None:
    jobs.ran.clear()
    finish(mine(jobs.nothing).enqueue("\0\n\u2028🙂", name=[None, True, 1.5, 2**70]))
    assert jobs.ran == [(("\0\n\u2028🙂",), {"name": [None, True, 1.5, 2**70]})]


def test_queues_are_those_of_the_setting_with_names_a_queue_may_have(settings: Any) -> None:
    with pytest.raises(InvalidTaskError, match="queue_name"):
        jobs.add.using(queue_name="no blanks")
    settings.TASKS = {"default": {"BACKEND": "queues.tasks.backend.OKMQBackend", "QUEUES": ["one"]}}
    with pytest.raises(InvalidTaskError, match="two"):
        jobs.add.using(queue_name="two")


def test_a_local_function_is_no_task() -> None:
    with pytest.raises(InvalidTaskError):
        declared(lambda: None)


def test_results_of_others_do_not_exist(account: Account) -> None:
    result = mine(jobs.add).enqueue(1)
    with pytest.raises(TaskResultMismatch):
        jobs.fails.get_result(result.id)
    for unknown in (str(uuid4()), "nope", "\0"):
        with pytest.raises(TaskResultDoesNotExist):
            jobs.add.get_result(unknown)
    foreign = tasks.create(account.pk, NewTask(type=TYPE, payload=payload()))
    with pytest.raises(TaskResultDoesNotExist):
        jobs.add.get_result(foreign.task_id)


def payload() -> str:
    return '{"task": "tests.tasks.jobs.nothing", "backend": "default"}'


def test_other_accounts_cannot_have_tasks_of_this_program_run(account: Account) -> None:
    jobs.ran.clear()
    queue = f"q-{uuid4().hex}"
    made = tasks.create(account.pk, NewTask(type=TYPE, payload=payload(), queue=queue, max_retries=5))
    with running():
        eventually(lambda: tasks.get(account.pk, made.task_id).state is TaskState.ARCHIVED)
    assert "for the account" in tasks.get(account.pk, made.task_id).last_error
    assert jobs.ran == []


@pytest.mark.parametrize("path", ["os.remove", "tests.tasks.jobs.ran", "no.such.module"])
def test_what_is_no_task_is_not_called(path: str) -> None:
    account = services.get_or_create_account(ACCOUNT)
    text = f'{{"task": "{path}", "backend": "default", "args": ["/nowhere"]}}'
    made = tasks.create(account.pk, NewTask(type=TYPE, payload=text, queue=f"q-{uuid4().hex}", max_retries=0))
    with running():
        eventually(lambda: tasks.get(account.pk, made.task_id).state is TaskState.ARCHIVED)
    error = tasks.get(account.pk, made.task_id).last_error
    assert error.startswith(("InvalidTaskError", "ModuleNotFoundError")), error


def test_an_account_of_its_own_is_made(settings: Any) -> None:
    email = f"{uuid4().hex}@example.com"
    with backend(settings, account=email.upper()):
        with pytest.raises(TaskResultDoesNotExist):
            jobs.add.get_result(str(uuid4()))
        result = jobs.add.enqueue(1)
        finish(result)
        assert result.return_value == {"sum": 2}
    owner = services.find_account(email)
    assert owner is not None
    assert tasks.get(owner.pk, result.id).queue == "default"


def test_one_that_is_cancelled_has_failed_by_that(settings: Any) -> None:
    result = mine(jobs.waits).enqueue()
    account = services.find_account(ACCOUNT)
    assert account is not None
    jobs.begun.clear()
    jobs.let_go.clear()
    with running():
        assert jobs.begun.wait(30)
        assert jobs.waits.get_result(result.id).status == TaskResultStatus.RUNNING
        tasks.cancel(account.pk, result.id)
        jobs.let_go.set()
    result.refresh()
    assert result.status == TaskResultStatus.FAILED
    assert [error.exception_class.__name__ for error in result.errors] == ["TaskCancelled"]


def test_options_that_mean_nothing_are_found_by_check(settings: Any) -> None:
    assert task_backends["default"].check() == []
    with backend(settings, acount="x", max_retries=-1, timeout=0):
        found = task_backends["default"].check()
    assert [message.msg.partition(": ")[2].split()[0] for message in found] == [
        "there", "max_retries", "timeout",
    ]  # fmt: skip


def test_an_id_of_the_callers_makes_one_task_however_often(account: Account) -> None:
    tasks.register(account.pk, "remote")
    new = NewTask(type="remote", payload="{}", task_id=str(uuid4()))
    assert tasks.create(account.pk, new) == tasks.create(account.pk, new)
    assert TaskRow.objects.filter(public_id=new.task_id).count() == 1
    other = NewTask(type="remote", payload="{}", task_id=new.task_id, queue="other")
    with pytest.raises(TaskExists):
        tasks.create(account.pk, other)
