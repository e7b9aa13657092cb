"""What is done with a task: by its worker, who shows the token of its claim, and by others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from queues.broker import audit, clock
from queues.broker.clock import micros
from queues.broker.lanes import LANES, Operation
from queues.broker.settle import settle_queue
from queues.broker.types import (
    Ack,
    Extend,
    Hasten,
    Kill,
    Micros,
    Nack,
    Outcome,
    Release,
    Remove,
    Settlement,
    State,
)
from queues.tasks.errors import LeaseLost, TaskCancelled, TaskNotFound, WrongState
from queues.tasks.rows import Found, find
from queues.tasks.types import CANCELLED, Completion, Failed, Report, TaskState, state_of

if TYPE_CHECKING:
    from queues.broker.lanes import Transaction
    from queues.broker.records import Record


def heartbeat(account_id: int, task_id: str, token: int, lease_seconds: float | None = None) -> Micros:
    """Hold the lease for ``lease_seconds`` from now (None: for as long as the claim asked for), but never
    beyond the attempt's deadline. Until when it lasts. Raises TaskNotFound, LeaseLost, TaskCancelled,
    Unavailable."""

    def extend(found: Found) -> Settlement:
        seconds = found.row.lease / clock.SECOND if lease_seconds is None else lease_seconds
        return Extend(found.row.public_id, seconds, token)

    return _held(account_id, task_id, token, extend).due_at


def report(account_id: int, task_id: str, token: int, progress: Report) -> Micros:
    """Add to the task's progress and renew its lease. Until when that lasts; ``progress.position`` is the
    entry's. Raises TaskNotFound, LeaseLost, TaskCancelled, Unavailable."""

    def extend(found: Found) -> Settlement:
        return Extend(
            found.row.public_id, found.row.lease / clock.SECOND, token, shorten=False, note=progress
        )

    return _held(account_id, task_id, token, extend).due_at


def complete(account_id: int, task_id: str, token: int, said: Completion | None = None) -> None:
    """The task is done. Again with the same token it does nothing: the first answer may have been lost.
    Raises TaskNotFound, LeaseLost, TaskCancelled, Unavailable."""

    def ack(found: Found) -> Settlement:
        return Ack(found.row.public_id, receipt=token, note=said)

    _held(account_id, task_id, token, ack, once_done=True)


def fail(
    account_id: int,
    task_id: str,
    token: int,
    error: str,
    *,
    retry: bool = True,
    retry_seconds: float | None = None,
) -> Failed:
    """The attempt failed. The task is tried again after ``retry_seconds`` (None: after its backoff), unless
    all its retries are used or ``retry`` is False: then it is archived. Raises TaskNotFound, LeaseLost,
    TaskCancelled, Unavailable."""
    deliver_at = None if retry_seconds is None else clock.now() + micros(retry_seconds)

    def nack(found: Found) -> Settlement:
        return Nack(found.row.public_id, deliver_at, token, dead=not retry, reason=error)

    record = _held(account_id, task_id, token, nack)
    if record.dead_at is not None:
        return Failed(TaskState.ARCHIVED, None)
    return Failed(TaskState.RETRY, record.deliver_at)


def release(account_id: int, task_id: str, token: int) -> None:
    """Hand the task back as if it had not been claimed: another worker takes it at once. Raises TaskNotFound,
    LeaseLost, TaskCancelled, Unavailable."""
    _held(account_id, task_id, token, lambda found: Release(found.row.public_id, token))


def cancel(account_id: int, task_id: str) -> None:
    """Archive the task at once, whatever it is doing; its worker's lease is worth nothing any more. Raises
    TaskNotFound, WrongState (it has ended), Unavailable."""
    _change(account_id, task_id, "cancel", lambda found: Kill(found.row.public_id, CANCELLED))


def delete(account_id: int, task_id: str, queue: str) -> None:
    """Remove the task and its progress. Raises TaskNotFound (not in that queue either), WrongState (somebody
    works on it), Unavailable."""
    _change(account_id, task_id, "delete", lambda found: Remove(found.row.public_id), queue)


def run(account_id: int, task_id: str) -> None:
    """Make a task that is scheduled, waits for a retry or is archived pending now; one that was archived has
    all its attempts before it. Raises TaskNotFound, WrongState, Unavailable."""
    _change(account_id, task_id, "run", lambda found: Hasten(found.row.public_id))


class Acted(NamedTuple):
    """``retried``: failed attempts of the task that others followed, before this."""

    outcome: Outcome
    record: Record
    retried: int


Make = Callable[[Found], Settlement]


class Act(Operation):
    """One settlement of one task, found by its id. ``queue``: the only one to look in. ``record``: it is not
    its worker's, but somebody's who steers."""

    __slots__ = ("account_id", "make", "queue", "record", "settlements", "task_id")

    def __init__(
        self, account_id: int, task_id: str, make: Make, queue: str | None, record: audit.Act | None
    ) -> None:
        super().__init__()
        self.record = record
        self.account_id = account_id
        self.task_id = task_id
        self.make = make
        self.queue = queue
        self.settlements: Sequence[Settlement] = ()

    def may_touch(self, found: Found | None) -> bool:
        if found is None or found.row.account_id != self.account_id:
            return False
        return self.queue is None or found.queue == self.queue

    @classmethod
    def run(cls, tx: Transaction, operations: list[Act]) -> None:
        tasks = find(tx.db, {operation.task_id for operation in operations})
        by_queue: dict[int, list[Act]] = {}
        for operation in operations:
            found = tasks.get(operation.task_id)
            if found is None or not operation.may_touch(found):
                operation.error = TaskNotFound(operation.task_id)
                continue
            operation.settlements = [operation.make(found)]
            by_queue.setdefault(found.row.queue_id, []).append(operation)
        for queue_id in sorted(by_queue):
            records = settle_queue(tx, queue_id, by_queue[queue_id])
            for operation in by_queue[queue_id]:
                record = records.get(operation.task_id)
                (outcome,) = operation.result
                if record is None or outcome is Outcome.UNKNOWN:
                    operation.error = TaskNotFound(operation.task_id)  # removed in this moment
                    continue
                operation.result = Acted(outcome, record, tasks[operation.task_id].row.retried)
                if operation.record is not None and outcome is not Outcome.NOT_HELD:
                    row = tasks[operation.task_id].row
                    operation.record.detail = {"type": row.type, "queue": tasks[operation.task_id].queue}
                    operation.record.record(tx, 1)


def _act(
    account_id: int, task_id: str, make: Make, queue: str | None = None, record: audit.Act | None = None
) -> Acted:
    acted: Acted = LANES.of("settle").submit(Act(account_id, task_id, make, queue, record))
    return acted


def _change(account_id: int, task_id: str, verb: str, make: Make, queue: str | None = None) -> None:
    act = audit.Act(account_id, f"task.{verb}", f"task {task_id}")
    outcome, record, _ = _act(account_id, task_id, make, queue, act)
    if outcome is Outcome.NOT_HELD:
        state: State = record.visible_state(clock.now())
        raise WrongState(state_of(state, record.attempts))


def _held(account_id: int, task_id: str, token: int, make: Make, *, once_done: bool = False) -> Record:
    """What became of a task that the token's holder still has. ``once_done``: or that he has completed."""
    outcome, record, retried = _act(account_id, task_id, make)
    if outcome is not Outcome.NOT_HELD:
        return record
    if record.receipt == token:
        if record.dead_reason == CANCELLED and record.attempts > retried:
            raise TaskCancelled(task_id)
        if once_done and record.acked_at is not None:
            return record
    raise LeaseLost(task_id)
