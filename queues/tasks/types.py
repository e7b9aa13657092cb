"""The vocabulary of tasks. Instants are microseconds since 1970 UTC, as everywhere in the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from queues.broker.types import MessageView, Micros, State
from queues.models import Task
from queues.tasks.rows import TaskRow

Status = Task.Status

LEASE_SECONDS = 30.0
TIMEOUT_SECONDS = 1800.0
MAX_RETRIES = 3
DEFAULT_QUEUE = "default"
CANCELLED = "task cancelled"
"""The last error of a task that was cancelled, and the message of its final entry."""


class TaskState(StrEnum):
    PENDING = "pending"
    ACTIVE = "active"
    SCHEDULED = "scheduled"
    RETRY = "retry"
    ARCHIVED = "archived"
    COMPLETED = "completed"


class NewTask(msgspec.Struct, frozen=True, kw_only=True):
    """A task to be made. ``payload`` and ``metadata`` are JSON texts of objects. ``timeout_seconds``: what an
    attempt may take. ``process_at`` None or past: now. ``unique_seconds``: for so long, from ``process_at``
    on, no other task of the same type, payload and queue is made that asks for it, None = no matter.
    ``priority``: of what is due in a queue, higher goes first. ``task_id``: a UUID in lower case that the
    caller has made up, None = the server makes one."""

    type: str
    payload: str
    queue: str = DEFAULT_QUEUE
    max_retries: int = MAX_RETRIES
    timeout_seconds: float = TIMEOUT_SECONDS
    process_at: Micros | None = None
    unique_seconds: float | None = None
    metadata: str = "{}"
    priority: int = 0
    task_id: str | None = None


class Created(NamedTuple):
    task_id: str
    queue: str
    scheduled: bool


class TaskView(NamedTuple):
    """A task as it stands: its own row, its queue's name, and its message."""

    row: TaskRow
    queue: str
    message: MessageView

    @property
    def state(self) -> TaskState:
        return state_of(self.message.state, self.message.attempts)

    @property
    def last_error(self) -> str:
        return error_text(self.message.last_error)


class TaskListItem(NamedTuple):
    task_id: str
    queue: str
    type: str
    state: TaskState


class ClaimedTask(msgspec.Struct, frozen=True):
    """A task handed to a worker. ``token`` is what it shows for everything else it does with the task.
    ``deadline``: no lease goes beyond it. ``payload`` and ``metadata`` are JSON texts."""

    task_id: str
    queue: str
    type: str
    payload: str
    metadata: str
    max_retry: int
    retried: int
    timeout_seconds: float
    deadline: Micros
    token: int
    lease_until: Micros


class Report(msgspec.Struct):
    """Progress that a worker reports. ``metadata``: a JSON text, None = none. ``position`` is filled in."""

    percentage: int
    stage: str = "processing"
    message: str = ""
    metadata: str | None = None
    position: int = 0


class Completion(msgspec.Struct, frozen=True):
    """What a worker says of a task it has done. ``result``: a JSON text, None = none."""

    message: str = ""
    result: str | None = None


class Failed(NamedTuple):
    """What becomes of a task whose attempt failed. ``next_process_at``: when it is tried again, if it is."""

    state: TaskState
    next_process_at: Micros | None


class Entry(NamedTuple):
    """One entry of a task's progress. ``status`` is "" but for the final one. ``metadata``: a JSON text."""

    position: int
    percentage: int
    stage: str
    message: str
    metadata: str | None
    status: str


class ProgressInfo(NamedTuple):
    """How many entries are kept, the first one's and the last one's position; zeros when there are none."""

    length: int
    first: int
    last: int


@dataclass(slots=True, frozen=True)
class QueueFigures:
    """How many tasks of a queue are in each state."""

    queue: str
    counts: Mapping[TaskState, int]


_STATES: dict[State, TaskState] = {
    State.PENDING: TaskState.PENDING,
    State.PROCESSING: TaskState.ACTIVE,
    State.SCHEDULED: TaskState.SCHEDULED,
    State.FAILED: TaskState.ARCHIVED,
    State.ACKED: TaskState.COMPLETED,
}


def state_of(state: State, attempts: int) -> TaskState:
    """A message's state in the words of tasks: one that waits after an attempt is to be retried."""
    if state is State.SCHEDULED and attempts:
        return TaskState.RETRY
    return _STATES[state]


def error_text(error: str) -> str:
    """The engine's own words for a delivery that was lost are about deliveries, these about tasks."""
    return _ERRORS.get(error, error)


_ERRORS: dict[Any, str] = {"lease expired": "task lease expired", "timed out": "task timed out"}
