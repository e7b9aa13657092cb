"""What can be done with tasks. The functions may be called from any thread, must not be called inside a
database transaction of the caller's, and raise ``queues.tasks.errors`` and ``queues.broker.errors``.

    create(account_id, NewTask) -> Created           UnknownTaskType, InvalidPayload, TaskExists, Quota...
    get(account_id, task_id, queue=None) -> TaskView                                      TaskNotFound
    list_tasks(account_id, queue, state=None, *, limit=20, skip=0) -> list[TaskListItem]
    stats(account_id, queue=None) -> list[QueueFigures]
    cancel(account_id, task_id)                                                    TaskNotFound, WrongState
    delete(account_id, task_id, queue)                                             TaskNotFound, WrongState
    run(account_id, task_id)                                                       TaskNotFound, WrongState

    claim(account_id, types, queues=("default",), *, worker="", limit=1, lease_seconds=30, wait_seconds=0,
          gone=None) -> list[ClaimedTask]                                                 UnknownTaskType
    heartbeat(account_id, task_id, token, lease_seconds=None) -> instant the lease ends
    report(account_id, task_id, token, Report) -> instant the lease ends
    complete(account_id, task_id, token, Completion=None)
    release(account_id, task_id, token)
    fail(account_id, task_id, token, error, *, retry=True, retry_seconds=None) -> Failed
        each of these five: TaskNotFound, LeaseLost, TaskCancelled

    latest, history, info, follow       progress (``queues.tasks.progress``)
    channel(task_id)                    what a follower waits on (``queues.broker.wakes``)
    register, remove, known_types, is_known        types for workers elsewhere (``queues.tasks.task_types``)

    schedules.put, get, list_all, delete, run           ``queues.tasks.schedules``

Types that have a handler in this code are in ``registry``. Any function may raise Unavailable.
"""

from queues.tasks.claim import claim
from queues.tasks.create import create
from queues.tasks.journal import channel
from queues.tasks.progress import follow, history, info, latest
from queues.tasks.reading import get, list_tasks, stats
from queues.tasks.task_types import is_known, known_types, register, remove
from queues.tasks.work import cancel, complete, delete, fail, heartbeat, release, report, run

__all__ = [
    "cancel",
    "channel",
    "claim",
    "complete",
    "create",
    "delete",
    "fail",
    "follow",
    "get",
    "heartbeat",
    "history",
    "info",
    "is_known",
    "known_types",
    "latest",
    "list_tasks",
    "register",
    "release",
    "remove",
    "report",
    "run",
    "stats",
]
