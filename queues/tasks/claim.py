"""Handing tasks to workers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

from queues.broker import concurrency, queues
from queues.broker.clock import SECOND
from queues.broker.errors import QueueNotFound
from queues.broker.lanes import LANES
from queues.broker.receive import Look, Receive, look_until
from queues.broker.settle import settle_now
from queues.broker.types import Kill, Received
from queues.broker.wakes import of_account
from queues.tasks import sql, task_types
from queues.tasks.errors import UnknownTaskType
from queues.tasks.rows import TaskRow, of_queue
from queues.tasks.types import DEFAULT_QUEUE, LEASE_SECONDS, ClaimedTask

if TYPE_CHECKING:
    from queues.broker.db import Row
    from queues.broker.lanes import Transaction

NO_TASK = "it has a task type as its tag, but no task was made of it"


def claim(
    account_id: int,
    types: Sequence[str],
    queue_names: Sequence[str] = (DEFAULT_QUEUE,),
    *,
    worker: str = "",
    limit: int = 1,
    lease_seconds: float = LEASE_SECONDS,
    wait_seconds: float = 0,
    gone: Callable[[], bool] | None = None,
) -> list[ClaimedTask]:
    """Lease up to ``limit`` ready tasks of these types to the caller, emptying the queues in the order
    given; at once if there are any, else as soon as there is one within ``wait_seconds``. A queue that does
    not exist is an empty one. While it waits it holds no database connection. ``gone``: asked after
    waiting, before anything is handed out; True = the worker hung up.

    Raises UnknownTaskType, QuotaExceeded (too many such calls are open), Unavailable."""
    claimed: list[ClaimedTask] = []
    name = worker or str(uuid4())
    wanted = tuple(dict.fromkeys(types))
    look = partial(_look, account_id, tuple(queue_names), wanted, limit, lease_seconds, name, claimed)
    with concurrency.open_call(account_id):
        look_until(time.monotonic() + wait_seconds, look, limit, gone)
    return claimed


def _look(
    account_id: int,
    queue_names: tuple[str, ...],
    types: tuple[str, ...],
    limit: int,
    lease_seconds: float,
    worker: str,
    claimed: list[ClaimedTask],
) -> Look:
    operation = ClaimTasks(
        account_id, queue_names, limit, types, lease_seconds=lease_seconds, consumer=worker
    )
    try:
        found: Look = LANES.of("receive").submit(operation)
    except QueueNotFound:
        return Look({of_account(account_id): ()}, [], {})
    claimed += operation.claimed
    if len(found.waits) < len(set(queue_names)):
        # One of them may be made meanwhile.
        found.waits[of_account(account_id)] = ()
    return found


class ClaimTasks(Receive):
    """A look whose messages are tasks. What has a task's tag and is none is given up: left in the queue it
    would come first for every claim."""

    __slots__ = ("claimed",)
    claimed: list[ClaimedTask]

    @classmethod
    def run(cls, tx: Transaction, operations: list[ClaimTasks]) -> None:  # type: ignore[override]
        unknown = task_types.unknown(tx.db, {(o.account_id, name) for o in operations for name in o.tags})
        for operation in operations:
            operation.claimed = []
            for name in operation.tags:
                if (operation.account_id, name) in unknown:
                    operation.error = UnknownTaskType(name)
        looking = [operation for operation in operations if operation.error is None]
        Receive.run(tx, list(looking))
        found = [operation for operation in looking if operation.error is None]
        tasks = _tasks_of(tx, [message for o in found for message in o.result.messages])
        leases: list[Row] = []
        for operation in found:
            messages = operation.result.messages
            operation.result.messages = [m for m in messages if (m.queue_id, m.offset) in tasks]
            for message in operation.result.messages:
                task, queue = tasks[message.queue_id, message.offset]
                operation.claimed.append(_claimed(task, queue, message))
                if task.lease != operation.lease:
                    leases.append((operation.lease, task.queue_id, task.offset))
        tx.db.bulk(sql.SET_LEASES, leases)


def _claimed(task: TaskRow, queue: str, message: Received) -> ClaimedTask:
    assert message.receipt is not None and message.lease_until is not None
    return ClaimedTask(
        task_id=task.public_id,
        queue=queue,
        type=task.type,
        payload=message.body,
        metadata=message.metadata or "{}",
        max_retry=task.max_retry,
        retried=task.retried,
        timeout_seconds=task.timeout / SECOND,
        deadline=message.claimed_at + task.timeout,
        token=message.receipt,
        lease_until=message.lease_until,
    )


def _tasks_of(tx: Transaction, messages: list[Received]) -> dict[tuple[int, int], tuple[TaskRow, str]]:
    """The tasks among the messages and their queues' names, by queue and offset. Those that are none are
    dead afterwards."""
    by_queue: dict[int, list[Received]] = {}
    for message in messages:
        by_queue.setdefault(message.queue_id, []).append(message)
    names = queues.names_of(tx.db, by_queue)
    found: dict[tuple[int, int], tuple[TaskRow, str]] = {}
    for queue_id, received in by_queue.items():
        tasks = of_queue(tx.db, queue_id, [message.offset for message in received])
        for offset, task in tasks.items():
            found[queue_id, offset] = task, names.get(queue_id, "")
        others = [message for message in received if message.offset not in tasks]
        if others:
            settle_now(tx, queue_id, [Kill(m.public_id, NO_TASK) for m in others])
    return found
