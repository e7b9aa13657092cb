"""Handlers run by a worker's threads: results, failures, time limits, cancelling, stopping."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings

from accounts.models import Account
from queues import broker
from queues.broker import clock
from queues.broker.wakes import HUB
from queues.tasks import registry, tasks, work
from queues.tasks.registry import RetryIn, SkipRetry, TaskContext, TaskEnded, task_handler
from queues.tasks.runner import TaskRunner, _Run
from queues.tasks.types import TaskState
from tests.tasks.handle import Tasks

LONG = 20.0


@pytest.fixture
def t(account: Account) -> Iterator[Tasks]:
    made = Tasks(account.pk)
    yield made
    registry.unregister(made.type)


@contextmanager
def running() -> Iterator[TaskRunner]:
    """A worker's runner. Only the test's own handlers run: other tests' tasks are of other types."""
    runner, stop = TaskRunner(), threading.Event()
    thread = threading.Thread(target=runner.run, args=(stop,))
    thread.start()
    try:
        yield runner
    finally:
        stop.set()
        thread.join(60)
        assert not thread.is_alive()


def eventually(t: Tasks, task_id: str, state: TaskState) -> None:
    """Wait until the task is in that state. What changes it wakes this."""
    follower = HUB.follow([tasks.channel(task_id)], 10_000)
    assert follower is not None
    try:
        deadline = time.monotonic() + LONG
        while (found := t.state(task_id)) is not state:
            assert time.monotonic() < deadline, f"{task_id} is {found}, not {state}"
            follower.wait(0.1)
    finally:
        HUB.unfollow(follower)


def test_a_task_is_run_and_its_result_is_kept(t: Tasks) -> None:
    @task_handler(t.type)
    def double(payload: dict[str, Any], context: TaskContext) -> Any:
        context.progress(50, message="half")
        return {"twice": payload["n"] * 2, "note": context.metadata["note"], "attempt": context.attempt}

    with running():
        task_id = t.create('{"n": 21}', metadata='{"note": "x"}')
        eventually(t, task_id, TaskState.COMPLETED)
    assert t.get(task_id).row.result == '{"twice":42,"note":"x","attempt":1}'
    assert [entry.stage for entry in t.history(task_id)] == ["processing", "completed"]


def test_tasks_that_wait_already_are_run_when_a_worker_comes(t: Tasks) -> None:
    task_handler(t.type)(lambda payload, context: None)
    made = [t.create() for _ in range(30)]
    with running():
        for task_id in made:
            eventually(t, task_id, TaskState.COMPLETED)


def test_an_exception_is_a_failed_attempt_and_the_last_one_archives(t: Tasks) -> None:
    attempts: list[int] = []

    @task_handler(t.type)
    def fails(payload: dict[str, Any], context: TaskContext) -> None:
        attempts.append(context.attempt)
        raise RetryIn(0, f"attempt {context.attempt}")

    with running():
        task_id = t.create(max_retries=2)
        eventually(t, task_id, TaskState.ARCHIVED)
    assert attempts == [1, 2, 3]
    assert t.get(task_id).last_error == "attempt 3"


def test_other_exceptions_wait_for_the_usual_delay(t: Tasks) -> None:
    @task_handler(t.type)
    def fails(payload: dict[str, Any], context: TaskContext) -> None:
        raise KeyError("name")

    with running():
        task_id = t.create()
        eventually(t, task_id, TaskState.RETRY)
    view = t.get(task_id)
    assert (view.last_error, view.row.retried) == ("KeyError: 'name'", 1)
    assert 14_000_000 < view.message.deliver_at - view.message.updated_at < 45_000_000


def test_skip_retry_archives_at_once(t: Tasks) -> None:
    @task_handler(t.type)
    def gives_up(payload: dict[str, Any], context: TaskContext) -> None:
        raise SkipRetry("no such customer")

    with running():
        task_id = t.create(max_retries=5)
        eventually(t, task_id, TaskState.ARCHIVED)
    assert t.get(task_id).last_error == "no such customer"


def test_a_result_that_is_no_json_fails_the_attempt(t: Tasks) -> None:
    task_handler(t.type)(lambda payload, context: object())
    with running():
        task_id = t.create(max_retries=0)
        eventually(t, task_id, TaskState.ARCHIVED)
    assert t.get(task_id).last_error.startswith("TypeError")


def test_texts_that_no_database_can_hold_are_told_of_all_the_same(t: Tasks) -> None:
    refused: list[str] = []

    @task_handler(t.type)
    def fails(payload: dict[str, Any], context: TaskContext) -> None:
        for stage, message in (("\0", ""), ("x", "\ud800")):
            with pytest.raises(ValueError):
                context.progress(10, stage, message)
            refused.append(stage)
        raise SkipRetry("nul \0, surrogate \ud800")

    with running():
        task_id = t.create()
        eventually(t, task_id, TaskState.ARCHIVED)
    assert len(refused) == 2
    assert t.get(task_id).last_error == "nul \N{REPLACEMENT CHARACTER}, surrogate ?"


def test_whoever_asked_is_told_what_became_of_an_attempt(t: Tasks) -> None:
    told: list[tuple[Any, int, TaskState]] = []

    def ended(payload: Any, context: TaskContext, state: TaskState) -> None:
        told.append((payload, context.attempt, state))
        raise RuntimeError("this is logged, and harms nobody")

    @task_handler(t.type, ended=ended)
    def second_time(payload: dict[str, Any], context: TaskContext) -> None:
        if context.attempt == 1:
            raise RetryIn(0)

    with running():
        task_id = t.create('{"n": 1}')
        eventually(t, task_id, TaskState.COMPLETED)
    # By attempt: the second one may have ended in another thread before the first one's end was told.
    assert sorted(told, key=lambda one: one[1]) == [
        ({"n": 1}, 1, TaskState.RETRY),
        ({"n": 1}, 2, TaskState.COMPLETED),
    ]


def test_a_cancelled_task_learns_of_it_when_it_reports(t: Tasks) -> None:
    begun, cancelled, told = threading.Event(), threading.Event(), threading.Event()

    @task_handler(t.type)
    def works(payload: dict[str, Any], context: TaskContext) -> None:
        begun.set()
        assert cancelled.wait(LONG)
        try:
            context.progress(10)
        except TaskEnded:
            assert context.cancelled
            told.set()
            raise

    with running():
        task_id = t.create()
        assert begun.wait(LONG)
        tasks.cancel(t.account_id, task_id)
        assert t.state(task_id) is TaskState.ARCHIVED
        cancelled.set()
        assert told.wait(LONG)
    assert [entry.status for entry in t.history(task_id)] == ["cancelled"]


def test_a_handler_that_hangs_loses_its_slot_and_its_late_result_is_dropped(
    t: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "OKMQ_TASK_CONCURRENCY", 1)
    let_go, ended = threading.Event(), threading.Event()

    @task_handler(t.type)
    def hangs(payload: dict[str, Any], context: TaskContext) -> str:
        if payload:
            assert let_go.wait(LONG)
            ended.set()
        return "done"

    with running():
        hanging = t.create('{"hang": true}', timeout_seconds=0.3, max_retries=0)
        other = t.create()
        eventually(t, other, TaskState.COMPLETED)
        eventually(t, hanging, TaskState.ARCHIVED)
        let_go.set()
        assert ended.wait(LONG)
    view = t.get(hanging)
    assert (view.last_error, view.row.result) == ("task timed out", None)


def test_handlers_go_on_while_it_is_written_what_became_of_others(
    t: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "OKMQ_TASK_CONCURRENCY", 2)
    lock, running_now, most, ran = threading.Lock(), 0, 0, threading.Semaphore(0)
    let_go, complete = threading.Event(), work.complete

    def completes_late(*given: Any) -> None:
        assert let_go.wait(LONG)
        complete(*given)

    @task_handler(t.type)
    def works(payload: dict[str, Any], context: TaskContext) -> None:
        nonlocal running_now, most
        with lock:
            running_now += 1
            most = max(most, running_now)
        if not let_go.is_set():
            context.wait(0.01)
        with lock:
            running_now -= 1
        ran.release()

    with running():
        # Tasks prove to be short, which takes a few: then they are claimed ahead.
        let_go.set()
        for _ in range(20):
            eventually(t, t.create(), TaskState.COMPLETED)
            assert ran.acquire(timeout=LONG)
        let_go.clear()
        monkeypatch.setattr(work, "complete", completes_late)
        made = [t.create() for _ in range(6)]
        assert all(ran.acquire(timeout=LONG) for _ in made)
        assert {t.state(task_id) for task_id in made} == {TaskState.ACTIVE}
        let_go.set()
        for task_id in made:
            eventually(t, task_id, TaskState.COMPLETED)
    assert most <= 2


def test_stopping_finishes_what_is_in_hand_and_gives_the_rest_back(
    t: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "OKMQ_TASK_CONCURRENCY", 2)
    begun, let_go = threading.Barrier(3), threading.Event()

    @task_handler(t.type)
    def works(payload: dict[str, Any], context: TaskContext) -> None:
        begun.wait(LONG)
        assert let_go.wait(LONG)

    made = [t.create() for _ in range(5)]
    with running():
        begun.wait(LONG)
        threading.Timer(0.3, let_go.set).start()
    states = [t.state(task_id) for task_id in made]
    assert sorted(states) == [TaskState.COMPLETED] * 2 + [TaskState.PENDING] * 3


def test_what_does_not_finish_in_time_goes_to_another_worker_at_once(
    t: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "OKMQ_STOP_SECONDS", 0)
    begun, let_go = threading.Event(), threading.Event()

    @task_handler(t.type)
    def works(payload: dict[str, Any], context: TaskContext) -> int:
        begun.set()
        assert let_go.wait(LONG)
        return context.attempt

    with running():
        task_id = t.create(max_retries=0)
        assert begun.wait(LONG)
    assert t.state(task_id) is TaskState.PENDING
    let_go.set()
    with running():
        eventually(t, task_id, TaskState.COMPLETED)
    assert t.get(task_id).row.result == "1", "the first one did not count"


def test_leases_are_renewed_while_a_handler_runs(t: Tasks, monkeypatch: pytest.MonkeyPatch) -> None:
    from queues.tasks import execution, runner

    renewed = threading.Event()
    keep = execution.Execution.keep_lease

    def watched(self: execution.Execution) -> None:
        before = self.lease_until
        keep(self)
        if self.lease_until > before:
            renewed.set()

    monkeypatch.setattr(runner, "RENEW_BEFORE", 30_000_000)
    monkeypatch.setattr(execution.Execution, "keep_lease", watched)
    task_handler(t.type)(lambda payload, context: renewed.wait(LONG) and None)
    with running():
        task_id = t.create()
        assert renewed.wait(LONG)
        eventually(t, task_id, TaskState.COMPLETED)


@pytest.mark.contract("62")
def test_types_without_a_handler_are_left_alone(t: Tasks) -> None:
    tasks.register(t.account_id, t.type)
    other = Tasks(t.account_id, queue=t.queue)
    task_handler(other.type)(lambda payload, context: None)
    remote = t.create()
    with running():
        eventually(other, other.create(), TaskState.COMPLETED)
    assert t.state(remote) is TaskState.PENDING
    registry.unregister(other.type)


def test_two_workers_never_run_one_task_at_once(t: Tasks) -> None:
    runs: list[str] = []
    task_handler(t.type)(lambda payload, context: runs.append(context.task_id))
    with running(), running():
        made = [t.create() for _ in range(40)]
        for task_id in made:
            eventually(t, task_id, TaskState.COMPLETED)
    assert sorted(runs) == sorted(made)


def test_nothing_of_a_paused_queue_is_run(t: Tasks) -> None:
    task_handler(t.type)(lambda payload, context: None)
    with running():
        eventually(t, t.create(), TaskState.COMPLETED)
        broker.pause_queue(t.account_id, t.queue)
        waiting = t.create()
        elsewhere = Tasks(t.account_id, t.type, f"q-{uuid4().hex}")
        eventually(elsewhere, elsewhere.create(), TaskState.COMPLETED)
        assert t.state(waiting) is TaskState.PENDING
        broker.resume_queue(t.account_id, t.queue)
        eventually(t, waiting, TaskState.COMPLETED)


def test_a_look_at_what_is_due_for_others_tells_when_the_next_one_is(t: Tasks) -> None:
    task_handler(t.type)(lambda payload, context: None)
    other = Tasks(t.account_id, queue=t.queue)
    tasks.register(t.account_id, other.type)
    other.create(process_at=clock.now() + clock.micros(60))
    own = t.create(process_at=clock.now() + clock.micros(3600))
    t.age(61)
    run = _Run([t.type], 1)
    ready = [queue for queue in run._look().ready if queue.name == t.queue]
    assert len(ready) == 1
    assert run._claim(ready, 1) == (0, t.get(own).message.deliver_at)
