"""Django tasks (the package ``django-tasks``, which is Django 6's ``django.tasks``) in this server's queues.

    TASKS = {"default": {"BACKEND": "queues.tasks.backend.OKMQBackend", "QUEUES": []}}

A task that a program enqueues becomes a task of the type ``TYPE``, which a worker's handler runs. What such a
task tells of itself beside its state, which workers ran it and what they met, stands in its progress.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import uuid4

import msgspec
from django.conf import settings
from django.core import checks
from django.db import transaction
from django.utils import timezone
from django.utils.module_loading import import_string
from django_tasks import task_backends
from django_tasks.backends.base import BaseTaskBackend
from django_tasks.base import Task, TaskContext, TaskError, TaskResult, TaskResultStatus
from django_tasks.exceptions import InvalidTaskError, TaskResultDoesNotExist
from django_tasks.signals import task_enqueued, task_finished, task_started
from django_tasks.utils import get_exception_traceback, get_module_path, normalize_json

from accounts import services
from queues.broker import clock, names
from queues.broker.housekeeping import own_name
from queues.tasks import progress, registry, tasks
from queues.tasks.errors import LeaseLost, TaskCancelled, TaskNotFound
from queues.tasks.execution import described
from queues.tasks.registry import TYPE_NAME, SkipRetry, TaskEnded
from queues.tasks.types import CANCELLED, Entry, NewTask, TaskState, TaskView, error_text

TYPE = "django-task"
ACCOUNT = "django-tasks@localhost"
"""Whose the tasks are unless OPTIONS says otherwise. An account of their own: who has a key of the account
may have any task of this program run, with arguments of his own."""

STARTED, RAISED = "started", "raised"
"""Stages of the entries this module writes."""

LONGEST_TRACEBACK = 20_000
"""Characters; of a longer one the end is kept."""

_STATUS = {
    TaskState.ACTIVE: TaskResultStatus.RUNNING,
    TaskState.COMPLETED: TaskResultStatus.SUCCESSFUL,
    TaskState.ARCHIVED: TaskResultStatus.FAILED,
}
_ENDED_BY = {CANCELLED: TaskCancelled, error_text("timed out"): TimeoutError}


class Enqueued(msgspec.Struct):
    """The payload. ``task``: where the function is found. ``run_after``: as the caller gave it."""

    task: str
    backend: str
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    run_after: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Context(TaskContext):
    """What a task declared with ``takes_context`` gets. ``okmq``: to report progress and see whether it was
    cancelled."""

    okmq: registry.TaskContext


class OKMQBackend(BaseTaskBackend):
    """OPTIONS: ``account``, an e-mail address, is made if there is none; ``max_retries`` (0) after failures;
    ``timeout`` (1800) is what an attempt may take, in seconds."""

    supports_defer = True
    supports_async_task = True
    supports_get_result = True
    supports_priority = True

    def __init__(self, alias: str, params: dict[str, Any]) -> None:
        super().__init__(alias, params)
        self.account = services.normalise_email(self.options.get("account", ACCOUNT))
        self.max_retries: int = self.options.get("max_retries", 0)
        self.timeout: float = self.options.get("timeout", 1800)

    def check(self, **kwargs: Any) -> list[checks.CheckMessage]:
        """``manage.py check``: OPTIONS that mean nothing."""
        wrong = sorted(set(self.options) - {"account", "max_retries", "timeout"})
        found = [f"there is no option {name}" for name in wrong]
        if not isinstance(self.max_retries, int) or self.max_retries < 0:
            found.append("max_retries must be a whole number, 0 or more")
        if not isinstance(self.timeout, int | float) or self.timeout <= 0:
            found.append("timeout must be a number of seconds above 0")
        return [checks.Error(f"TASKS[{self.alias!r}]: {text}", id="okmq.E001") for text in found]

    def validate_task(self, task: Task[Any, Any]) -> None:
        super().validate_task(task)
        if not TYPE_NAME.fullmatch(task.queue_name):
            raise InvalidTaskError(
                f"queue_name {task.queue_name!r}: use 1 to 128 letters, digits, and _ . : -"
            )

    def enqueue(self, task: Task[Any, Any], args: Any, kwargs: Any) -> TaskResult[Any]:
        """Make the task when the caller's transaction is committed, at once if there is none: the engine
        writes in transactions of its own, and on SQLite would wait for the caller's in vain. Whoever needs
        the id has it now. What the engine refuses (``queues.tasks.tasks.create``) is raised out of the
        commit, then.

        Raises InvalidTaskError; TypeError and ValueError for arguments that JSON cannot carry unchanged."""
        self.validate_task(task)
        result: TaskResult[Any] = TaskResult(
            task=task, id=str(uuid4()), status=TaskResultStatus.READY, enqueued_at=None, started_at=None,
            finished_at=None, last_attempted_at=None, args=args, kwargs=kwargs, backend=self.alias,
            errors=[], worker_ids=[],
        )  # fmt: skip
        transaction.on_commit(partial(self._create, result, self._new(result)))
        return result

    def _new(self, result: TaskResult[Any]) -> NewTask:
        task = result.task
        given = Enqueued(task.module_path, self.alias, result.args, result.kwargs, task.run_after)
        return NewTask(
            type=TYPE,
            payload=_payload(given),
            queue=task.queue_name,
            max_retries=self.max_retries,
            timeout_seconds=self.timeout,
            process_at=None if task.run_after is None else clock.micros(task.run_after.timestamp()),
            priority=task.priority,
            task_id=result.id,
        )

    def _create(self, result: TaskResult[Any], new: NewTask) -> None:
        tasks.create(services.get_or_create_account(self.account).pk, new)
        object.__setattr__(result, "enqueued_at", timezone.now())
        task_enqueued.send(type(self), task_result=result)

    def get_result(self, result_id: str) -> TaskResult[Any]:
        """Results are kept as long as tasks are. Raises TaskResultDoesNotExist, Unavailable."""
        account = services.find_account(self.account)
        try:
            view = tasks.get(0 if account is None else account.pk, result_id)
        except TaskNotFound:
            raise TaskResultDoesNotExist(result_id) from None
        given = _enqueued(view)
        if given is None or given.backend != self.alias:
            raise TaskResultDoesNotExist(result_id)
        return _result(view, given, tasks.history(view.row.account_id, result_id))


def _payload(given: Enqueued) -> str:
    """Raises ValueError."""
    text = msgspec.json.encode(given)
    # What JSON, or its reader, has no room for comes back as something else: NaN, integers beyond 64 bits.
    again = msgspec.json.decode(text, type=Enqueued)
    if (again.args, again.kwargs) != (given.args, given.kwargs):
        raise ValueError("the arguments of a task must be values that JSON can carry unchanged")
    return text.decode()


# -------------------------------------------------------------------- results


def _enqueued(view: TaskView) -> Enqueued | None:
    """None: it is no Django task."""
    if view.row.type != TYPE:
        return None
    return msgspec.json.decode(view.message.body, type=Enqueued)


def _task(given: Enqueued, queue: str, priority: int) -> Task[Any, Any]:
    """Raises InvalidTaskError, ImportError."""
    found = import_string(given.task)
    if not isinstance(found, Task):
        raise InvalidTaskError(f"{given.task} is no task")
    return found.using(priority=priority, queue_name=queue, run_after=given.run_after, backend=given.backend)


def _result(view: TaskView, given: Enqueued, entries: Sequence[Entry]) -> TaskResult[Any]:
    message = view.message
    starts = [entry for entry in entries if entry.stage == STARTED and entry.metadata]
    ended_at = message.acked_at or message.dead_at
    result: TaskResult[Any] = TaskResult(
        task=_task(given, view.queue, message.priority),
        id=view.row.public_id,
        status=_STATUS.get(view.state, TaskResultStatus.READY),
        enqueued_at=_at(message.created_at),
        started_at=_reported(starts[0]) if starts else None,
        last_attempted_at=_reported(starts[-1]) if starts else None,
        finished_at=None if ended_at is None else _at(ended_at),
        args=given.args,
        kwargs=given.kwargs,
        backend=given.backend,
        errors=_errors(view, entries),
        worker_ids=[msgspec.json.decode(entry.metadata or "{}")["worker_id"] for entry in starts],
    )
    if view.row.result is not None:
        object.__setattr__(result, "_return_value", msgspec.json.decode(view.row.result))
    return result


def _errors(view: TaskView, entries: Sequence[Entry]) -> list[TaskError]:
    """What its function raised, attempt by attempt; and how it ended, when that was not by its function."""
    errors = [
        TaskError(**msgspec.json.decode(entry.metadata))
        for entry in entries
        if entry.stage == RAISED and entry.metadata
    ]
    last = [entry.stage for entry in entries if entry.stage in (STARTED, RAISED)][-1:]
    if view.state is TaskState.ARCHIVED and last != [RAISED]:
        kind = _ENDED_BY.get(view.last_error, LeaseLost)
        errors.append(TaskError(exception_class_path=get_module_path(kind), traceback=view.last_error))
    return errors


def _at(instant: int) -> datetime:
    return datetime.fromtimestamp(instant / clock.SECOND, UTC)


def _reported(entry: Entry) -> datetime:
    return _at(progress.milliseconds(entry.position) * 1000)


# -------------------------------------------------------------------- running


def run(given: Enqueued, context: registry.TaskContext) -> Any:
    """The handler of ``TYPE``."""
    backend = _backend(given)
    account = services.find_account(backend.account)
    if account is None or account.pk != context.account_id:
        raise SkipRetry(f"{TYPE} tasks are run for the account {backend.account} alone")
    about = {"worker_id": own_name()}
    context.progress(context.percentage, STARTED, f"attempt {context.attempt}", about)
    result = backend.get_result(context.task_id)
    task_started.send(type(backend), task_result=result)
    first = (Context(task_result=result, okmq=context),) if result.task.takes_context else ()
    try:
        return normalize_json(result.task.call(*first, *given.args, **given.kwargs))
    except TaskEnded:
        raise
    except BaseException as error:
        context.progress(context.percentage, RAISED, described(error), _as_task_error(error))
        raise


def _backend(given: Enqueued) -> OKMQBackend:
    """Raises InvalidTaskError."""
    backend = task_backends[given.backend] if given.backend in task_backends.settings else None
    if not isinstance(backend, OKMQBackend):
        raise InvalidTaskError(f"TASKS has no backend {given.backend} that is OKMQ's")
    return backend


def _as_task_error(error: BaseException) -> dict[str, str]:
    traceback = names.cleaned(get_exception_traceback(error)[-LONGEST_TRACEBACK:])
    return {"exception_class_path": get_module_path(type(error)), "traceback": traceback}


def ended(given: Enqueued, context: registry.TaskContext, state: TaskState) -> None:
    """What became of an attempt is written: tell, if it was the last."""
    if state is TaskState.RETRY:
        return
    backend = _backend(given)
    try:
        result = backend.get_result(context.task_id)
    except TaskResultDoesNotExist:
        return  # another account's, or deleted a moment ago
    task_finished.send(type(backend), task_result=result)


def register() -> None:
    """Have this process's worker run Django tasks, if they come here. Called when Django starts."""
    configured = getattr(settings, "TASKS", {}).values()
    if any(issubclass(import_string(params["BACKEND"]), OKMQBackend) for params in configured):
        registry.task_handler(TYPE, payload=Enqueued, ended=ended)(run)
