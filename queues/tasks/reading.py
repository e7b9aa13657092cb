"""Looking at tasks and queues of tasks.

What became of a task whose lease ran out is decided when somebody notices: how long it waits is drawn by lot
then. So whoever looks and finds such a lease has it noticed first, and looks again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from queues.broker import browse, clock, due, names
from queues.broker.lanes import in_transaction
from queues.broker.queues import looking
from queues.broker.types import State
from queues.tasks import sql
from queues.tasks.errors import TaskNotFound
from queues.tasks.rows import Found, find, of_queue
from queues.tasks.types import QueueFigures, TaskListItem, TaskState, TaskView, state_of

if TYPE_CHECKING:
    from queues.broker.db import Connection

T = TypeVar("T")


class _Overdue(Exception):
    """There are leases in these queues that ran out and nobody has noticed."""

    def __init__(self, queue_ids: list[int]) -> None:
        super().__init__(queue_ids)
        self.queue_ids = queue_ids


def get(account_id: int, task_id: str, queue: str | None = None) -> TaskView:
    """A task, in whatever queue, or only if it is in that one. Raises TaskNotFound, Unavailable."""

    def look(db: Connection, *, settled: bool) -> TaskView:
        found = _found(db, account_id, task_id)
        if queue is not None and found.queue != queue:
            raise TaskNotFound(task_id)
        row = found.row
        if not settled:
            _check_leases(db, [row.queue_id])
        rows = db.rows(sql.VIEW_AT, queue=row.queue_id, offset=row.offset, now=clock.now())
        if not rows:
            raise TaskNotFound(task_id)  # its time is over, if only just now
        return TaskView(row, found.queue, browse.views(db, rows)[0])

    return _look(look)


def list_tasks(
    account_id: int, queue: str, state: TaskState | None = None, *, limit: int = 20, skip: int = 0
) -> list[TaskListItem]:
    """Tasks of a queue in the order in which they were made, none if there is no such queue. Raises
    Unavailable."""

    def look(db: Connection, *, settled: bool) -> list[TaskListItem]:
        queue_ids = [queue_id for queue_id, name in _used(db, account_id) if name == queue]
        if not queue_ids:
            return []
        if not settled:
            _check_leases(db, queue_ids)
        (queue_id,), now = queue_ids, clock.now()
        page = sql.PAGES[state and str(state)]
        offsets = [row[0] for row in db.rows(page, queue=queue_id, now=now, limit=limit, skip=skip)]
        if not offsets:
            return []
        tasks = of_queue(db, queue_id, offsets)
        states = {row[0]: row[1:] for row in db.rows(sql.STATES, queue=queue_id, offsets=offsets, now=now)}
        return [
            TaskListItem(
                tasks[at].public_id, queue, tasks[at].type, state_of(State(states[at][0]), states[at][1])
            )
            for at in offsets
        ]

    return _look(look)


def stats(account_id: int, queue: str | None = None) -> list[QueueFigures]:
    """How many tasks are in each state, at one instant: of every queue of the account that ever held
    anything, by name, or of one, zeros if there is no such queue. Raises Unavailable."""

    def look(db: Connection, *, settled: bool) -> list[QueueFigures]:
        used = [pair for pair in _used(db, account_id) if queue in (None, pair[1])]
        if not settled and used:
            _check_leases(db, [queue_id for queue_id, _ in used])
        now = clock.now()
        found = [_figures(db, queue_id, name, now) for queue_id, name in used]
        if queue is not None and not found:
            return [QueueFigures(names.cleaned(queue), dict.fromkeys(TaskState, 0))]
        return sorted(found, key=lambda figures: figures.queue)

    return _look(look)


def _figures(db: Connection, queue_id: int, name: str, now: int) -> QueueFigures:
    counts = browse.count(db, queue_id, now)
    retrying: int = db.rows(sql.RETRYING, queue=queue_id, now=now)[0][0]
    return QueueFigures(
        name,
        {
            TaskState.PENDING: counts.pending,
            TaskState.ACTIVE: counts.processing,
            TaskState.SCHEDULED: max(counts.scheduled - retrying, 0),
            TaskState.RETRY: retrying,
            TaskState.ARCHIVED: counts.failed,
            TaskState.COMPLETED: counts.acked,
        },
    )


def _used(db: Connection, account_id: int) -> list[tuple[int, str]]:
    return [(row[0], row[1]) for row in db.rows(sql.USED_QUEUES, account=account_id)]


def _found(db: Connection, account_id: int, task_id: str) -> Found:
    """Raises TaskNotFound."""
    found = find(db, [task_id]).get(task_id) if names.storable(task_id) else None
    if found is None or found.row.account_id != account_id:
        raise TaskNotFound(task_id)
    return found


def _check_leases(db: Connection, queue_ids: Iterable[int]) -> None:
    """Raises _Overdue."""
    overdue = db.rows(sql.LOST_LEASES, queues=sorted(queue_ids), now=clock.now())
    if overdue:
        raise _Overdue([row[0] for row in overdue])


def _look(look: Callable[..., T]) -> T:
    """``look(db, settled=...)``; not settled, it may raise _Overdue."""
    try:
        with looking() as db:
            return look(db, settled=False)
    except _Overdue as overdue:
        for queue_id in overdue.queue_ids:
            in_transaction(partial(due.promote, queue_id=queue_id))
    with looking() as db:
        return look(db, settled=True)
