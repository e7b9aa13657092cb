"""From creation to one of three ends. Contract: tasks.md §3."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from queues import broker
from queues.broker import clock
from queues.broker.types import Ack, NewMessage
from queues.tasks import tasks
from queues.tasks.errors import (
    LeaseLost,
    TaskCancelled,
    TaskExists,
    TaskNotFound,
    UnknownTaskType,
    WrongState,
)
from queues.tasks.types import Completion, NewTask, TaskState
from tests.broker.at_once import at_once
from tests.broker.handle import Handle
from tests.broker.rows import assert_consistent
from tests.broker.sweeping import purge, sweep

from .handle import Tasks

HOUR = 3600.0


def in_seconds(seconds: float) -> int:
    return clock.now() + clock.micros(seconds)


def test_a_task_is_done(t: Tasks) -> None:
    task_id = t.create('{"a": 1}', metadata='{"m":"x"}')
    assert t.state(task_id) is TaskState.PENDING
    claimed = t.take()
    assert (claimed.task_id, claimed.queue, claimed.type) == (task_id, t.queue, t.type)
    assert (claimed.payload, claimed.metadata) == ('{"a": 1}', '{"m":"x"}')
    assert (claimed.max_retry, claimed.retried, claimed.timeout_seconds) == (3, 0, 1800)
    assert claimed.deadline - claimed.lease_until == clock.micros(1800 - 30)
    assert t.state(task_id) is TaskState.ACTIVE
    t.complete(claimed, result='{"answer":42}')
    view = t.get(task_id)
    assert (view.state, view.row.result, view.last_error) == (TaskState.COMPLETED, '{"answer":42}', "")
    assert t.ending(task_id) == (100, "completed", "Done", "completed")
    assert_consistent(t.messages)


def test_a_task_waits_for_its_time(t: Tasks) -> None:
    task_id = t.create(process_at=in_seconds(60))
    assert t.state(task_id) is TaskState.SCHEDULED
    assert t.claim() == []
    t.age(61)
    assert t.state(task_id) is TaskState.PENDING
    assert t.take().task_id == task_id


def test_failures_are_retried_after_their_backoff_and_then_archived(t: Tasks) -> None:
    claimed = t.started(max_retries=1)
    assert t.fail(claimed, "one") is TaskState.RETRY
    view = t.get(claimed.task_id)
    assert (view.state, view.row.retried, view.last_error) == (TaskState.RETRY, 1, "one")
    assert 15 <= (view.message.deliver_at - view.message.updated_at) / clock.SECOND <= 44
    assert t.claim() == []
    t.age(45)
    again = t.take()
    assert again.retried == 1
    assert t.fail(again, "two") is TaskState.ARCHIVED
    view = t.get(claimed.task_id)
    assert (view.state, view.row.retried, view.last_error) == (TaskState.ARCHIVED, 1, "two")
    assert t.ending(claimed.task_id) == (0, "failed", "two", "failed")
    assert_consistent(t.messages)


def test_a_worker_may_say_when_or_never(t: Tasks) -> None:
    claimed = t.started()
    t.fail(claimed, retry_seconds=0)
    again = t.take()
    assert t.fail(again, retry=False) is TaskState.ARCHIVED
    assert t.get(claimed.task_id).row.retried == 1


def test_a_lost_lease_is_a_failure(t: Tasks) -> None:
    claimed = t.started()
    t.report(claimed, 40)
    t.age(31)
    view = t.get(claimed.task_id)
    assert (view.state, view.row.retried, view.last_error) == (TaskState.RETRY, 1, "task lease expired")
    for late in (t.complete, t.fail, t.report):
        with pytest.raises(LeaseLost):
            late(claimed)
    assert [entry.stage for entry in t.history(claimed.task_id)] == ["processing", "retry"]


def test_the_clock_writes_the_final_entry_too(t: Tasks) -> None:
    claimed = t.started(max_retries=0)
    t.report(claimed, 40)
    t.age(31)
    t.promote()
    assert t.ending(claimed.task_id) == (40, "failed", "task lease expired", "failed")
    assert t.get(claimed.task_id).row.retried == 0


def test_a_timeout_ends_an_attempt_however_often_its_worker_reports(t: Tasks) -> None:
    claimed = t.started(timeout_seconds=20, max_retries=0)
    assert claimed.lease_until == claimed.deadline
    until = tasks.heartbeat(t.account_id, claimed.task_id, claimed.token, 600)
    assert until == claimed.deadline
    t.age(21)
    assert t.state(claimed.task_id) is TaskState.ARCHIVED
    assert t.ending(claimed.task_id) == (0, "failed", "task timed out", "failed")


def test_a_report_renews_the_lease_for_as_long_as_the_claim_asked(t: Tasks) -> None:
    t.create()
    (claimed,) = t.claim(lease_seconds=300)
    t.age(200)
    t.report(claimed)
    t.age(200)
    t.complete(claimed)
    assert t.state(claimed.task_id) is TaskState.COMPLETED


@pytest.mark.parametrize("seconds", [0.0, 60.0])
def test_cancelling_what_waits(t: Tasks, seconds: float) -> None:
    task_id = t.create(process_at=in_seconds(seconds))
    t.cancel(task_id)
    view = t.get(task_id)
    assert (view.state, view.last_error) == (TaskState.ARCHIVED, "task cancelled")
    assert t.ending(task_id) == (0, "cancelled", "task cancelled", "cancelled")
    t.age(120)
    assert t.claim() == []
    with pytest.raises(WrongState) as refusal:
        t.cancel(task_id)
    assert refusal.value.state == "archived"


def test_cancelling_what_somebody_works_on(t: Tasks) -> None:
    claimed = t.started()
    t.report(claimed, 30)
    t.cancel(claimed.task_id)
    for late in (t.complete, t.fail, t.report):
        with pytest.raises(TaskCancelled):
            late(claimed)
    assert t.ending(claimed.task_id) == (30, "cancelled", "task cancelled", "cancelled")
    assert t.state(claimed.task_id) is TaskState.ARCHIVED


def test_completing_twice_is_completing_once(t: Tasks) -> None:
    claimed = t.started()
    t.complete(claimed)
    t.complete(claimed, result="2")
    assert t.get(claimed.task_id).row.result is None
    with pytest.raises(LeaseLost):
        t.fail(claimed)
    with pytest.raises(LeaseLost):
        tasks.complete(t.account_id, claimed.task_id, claimed.token + 1, Completion())
    with pytest.raises(WrongState):
        t.cancel(claimed.task_id)
    assert len(t.history(claimed.task_id)) == 1


def test_deleting(t: Tasks) -> None:
    claimed = t.started()
    t.report(claimed)
    with pytest.raises(WrongState) as refusal:
        t.delete(claimed.task_id)
    assert refusal.value.state == "active"
    t.complete(claimed)
    with pytest.raises(TaskNotFound):
        tasks.delete(t.account_id, claimed.task_id, "elsewhere")
    t.delete(claimed.task_id)
    assert t.rows() == (0, 0)
    for gone in (t.get, t.delete, t.cancel):
        with pytest.raises(TaskNotFound):
            gone(claimed.task_id)
    assert t.history(claimed.task_id) == []


def test_nobody_else_sees_it(t: Tasks, stranger: object) -> None:
    task_id = t.create()
    other = Tasks(stranger.pk, t.type, t.queue)  # type: ignore[attr-defined]
    for call in (other.get, other.delete, other.cancel):
        with pytest.raises(TaskNotFound):
            call(task_id)
    with pytest.raises(UnknownTaskType):
        other.claim()
    assert (other.history(task_id), t.state(task_id)) == ([], TaskState.PENDING)


def test_a_type_nobody_knows_is_refused(t: Tasks) -> None:
    for name in ("nope", t.type.upper(), "nu\0l"):
        with pytest.raises(UnknownTaskType):
            t.create(type=name)
        with pytest.raises(UnknownTaskType):
            tasks.claim(t.account_id, [name])


def test_running_what_waits_or_is_archived(t: Tasks) -> None:
    claimed = t.started(max_retries=0)
    with pytest.raises(WrongState):
        tasks.run(t.account_id, claimed.task_id)
    t.fail(claimed)
    later = t.create(process_at=in_seconds(60))
    for task_id in (claimed.task_id, later):
        tasks.run(t.account_id, task_id)
        assert t.state(task_id) is TaskState.PENDING
    assert [entry.status for entry in t.history(claimed.task_id)] == [""]
    for again in t.claim(2):
        t.complete(again)
    assert t.ending(claimed.task_id) == (100, "completed", "Done", "completed")


def test_completed_tasks_are_kept_for_a_day_and_archived_ones_for_ninety(t: Tasks) -> None:
    done, failed = t.started(), t.create()
    t.complete(done)
    t.cancel(failed)
    t.age(24 * HOUR + 1)
    sweep()
    with pytest.raises(TaskNotFound):
        t.get(done.task_id)
    assert t.state(failed) is TaskState.ARCHIVED
    assert t.rows() == (1, 1)
    t.age(90 * 24 * HOUR)
    sweep()
    assert t.rows() == (0, 0)


def test_a_deleted_queue_takes_its_tasks_along(t: Tasks) -> None:
    task_id = t.create(unique_seconds=HOUR)
    queue_id = t.queue_id
    broker.delete_queue(t.account_id, t.queue)
    purge()
    with pytest.raises(TaskNotFound):
        t.get(task_id)
    from queues.models import Task, TaskLock

    assert not Task.objects.filter(queue_id=queue_id).exists()
    assert not TaskLock.objects.filter(task=task_id).exists()


def test_another_dialect_may_work_on_it(t: Tasks) -> None:
    task_id = t.create()
    t.messages.take()
    t.messages.ack(task_id)
    assert t.ending(task_id) == (100, "completed", "Done", "completed")


def test_an_ack_of_a_failed_one_ends_it_anew(t: Tasks) -> None:
    claimed = t.started(max_retries=0)
    t.fail(claimed)
    t.messages.settle(Ack(claimed.task_id))
    assert t.state(claimed.task_id) is TaskState.COMPLETED
    assert t.ending(claimed.task_id) == (100, "completed", "Done", "completed")


def test_a_message_that_is_no_task_holds_nobody_up(t: Tasks) -> None:
    first = t.create()
    t.cancel(first)
    broker.publish(t.account_id, t.queue, [NewMessage("1", 1, public_id="no task", tag=t.type)])
    task_id = t.create()
    assert [claimed.task_id for claimed in t.claim(5)] == [task_id]
    assert "no task was made" in Handle(t.account_id, t.queue, t.queue_id).get("no task").dead_reason


# ---------------------------------------------------------------- the only one of its like


def test_a_second_one_of_its_like_is_refused(t: Tasks) -> None:
    task_id = t.create('{"a":1,"b":[2]}', unique_seconds=HOUR)
    with pytest.raises(TaskExists) as refusal:
        t.create('{ "b": [2], "a": 1 }', unique_seconds=60.0, metadata='{"other":"m"}')
    assert refusal.value.task_id == task_id
    t.create('{"a":1,"b":[2]}')
    t.create('{"a":2,"b":[2]}', unique_seconds=HOUR)
    t.create('{"a":1,"b":[2]}', unique_seconds=HOUR, queue=f"{t.queue}-2")


def done(t: Tasks) -> None:
    t.complete(t.take())


def cancelled(t: Tasks) -> None:
    t.cancel(t.take().task_id)


def deleted(t: Tasks) -> None:
    claimed = t.take()
    t.fail(claimed, retry=False)
    t.delete(claimed.task_id)


def window_over(t: Tasks) -> None:
    t.age(HOUR + 1)


@pytest.mark.parametrize("end", [done, cancelled, deleted, window_over])
def test_its_lock_is_free_again(t: Tasks, end: Callable[[Tasks], None]) -> None:
    t.create(unique_seconds=HOUR)
    end(t)
    again = t.create(unique_seconds=HOUR)
    with pytest.raises(TaskExists) as refusal:
        t.create(unique_seconds=HOUR)
    assert refusal.value.task_id == again


def test_neither_a_retry_nor_failure_frees_its_lock(t: Tasks) -> None:
    claimed = t.started(unique_seconds=HOUR, max_retries=1)
    t.fail(claimed, retry_seconds=0)
    with pytest.raises(TaskExists):
        t.create(unique_seconds=HOUR)
    t.fail(t.take())
    with pytest.raises(TaskExists):
        t.create(unique_seconds=HOUR)


def test_the_window_begins_when_it_is_due(t: Tasks) -> None:
    t.create(unique_seconds=60, process_at=in_seconds(HOUR))
    t.age(HOUR + 30)
    with pytest.raises(TaskExists):
        t.create(unique_seconds=60)
    t.age(31)
    t.create(unique_seconds=60)


def test_of_sixteen_at_once_one_is_made(t: Tasks) -> None:
    def create() -> str:
        new = NewTask(type=t.type, payload='{"same":1}', queue=t.queue, unique_seconds=HOUR)
        try:
            return tasks.create(t.account_id, new).task_id
        except TaskExists as error:
            return f"held by {error.task_id}"

    answers = at_once([create] * 16)
    (winner,) = (answer for answer in answers if not answer.startswith("held"))
    assert sorted(answers) == sorted([winner] + [f"held by {winner}"] * 15)
    assert t.rows()[0] == 1


# ---------------------------------------------------------------- races


def quietly(call: Callable[[], object]) -> Callable[[], bool]:
    """Whether it was accepted."""

    def tried() -> bool:
        try:
            call()
        except (LeaseLost, TaskCancelled, WrongState):
            return False
        return True

    return tried


def test_of_many_ends_at_once_one_counts_and_its_entry_is_the_last(t: Tasks) -> None:
    """Cancel, completion, failure, reports and the clock meet in merged and in separate transactions."""
    for _ in range(8):
        claimed = t.started(max_retries=0)
        ends = [
            quietly(partial(t.cancel, claimed.task_id)),
            quietly(partial(t.complete, claimed)),
            quietly(partial(t.fail, claimed)),
        ]
        reports = [quietly(partial(t.report, claimed))] * 3
        accepted = at_once([*ends, *reports, quietly(t.promote)])[: len(ends)]
        assert sum(accepted) == 1
        _, _, _, status = t.ending(claimed.task_id)
        assert status == ["cancelled", "completed", "failed"][accepted.index(True)]
    assert_consistent(t.messages)


def test_reports_of_many_at_once_have_places_of_their_own(t: Tasks) -> None:
    claimed = t.started()
    positions = at_once([partial(t.report, claimed)] * 12)
    assert len(set(positions)) == 12
    assert [entry.position for entry in t.history(claimed.task_id)] == sorted(positions)
