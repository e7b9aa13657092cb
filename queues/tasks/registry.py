"""Python callables that run tasks, by the type of task they run.

    from queues.tasks.registry import TaskContext, task_handler

    @task_handler("thumbnail:make", payload=Thumbnail)
    def make_thumbnail(thumbnail: Thumbnail, context: TaskContext) -> None:
        ...

Handlers stand in the ``tasks`` module of any installed app and are found when Django starts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec
from django.utils.module_loading import autodiscover_modules

if TYPE_CHECKING:
    from queues.tasks.types import TaskState

TYPE_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,128}")


class SkipRetry(Exception):
    """Raised by a handler: trying again is of no use, archive the task at once (tasks.md section 3.2)."""


class RetryIn(Exception):
    """Raised by a handler: try again in ``seconds``, instead of after the usual delay."""

    def __init__(self, seconds: float, reason: str = "") -> None:
        super().__init__(reason or f"to be tried again in {seconds:g} s")
        self.seconds = seconds


class TaskEnded(Exception):
    """Raised in a handler that reports progress of a task that is no longer its own: cancelled, timed out, or
    given to another worker. Nothing the handler does for it counts any more; it should let this pass."""


class InvalidPayload(ValueError):
    """The handler of this type refuses the payload; the message names the field and the reason."""


class TaskContext(Protocol):
    """What a handler knows of the task it runs, and how it tells of its progress."""

    task_id: str
    account_id: int
    """Whose task it is."""
    queue: str
    attempt: int
    """1 for the first execution."""
    deadline: float
    """When the attempt times out, in seconds since 1970."""
    percentage: int
    """What this attempt reported last."""

    @property
    def metadata(self) -> Mapping[str, str]:
        """What came with the task."""

    def progress(
        self,
        percentage: int,
        stage: str = "processing",
        message: str = "",
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Report. Raises ValueError for a percentage outside 0 to 100 and for texts that no database can hold
        (NUL, lone surrogates), TaskEnded when nobody waits for this task any more."""

    @property
    def cancelled(self) -> bool:
        """Whether the task was cancelled, or is not this worker's any more."""

    def wait(self, seconds: float) -> bool:
        """Sleep, but not beyond the end of the task; whether it ended."""


Ended = Callable[[Any, TaskContext, "TaskState"], None]


@dataclass(frozen=True)
class Handler:
    """``payload``: a type that msgspec converts the payload to, None = the handler gets the plain dict.
    ``ended``: called with payload and context when it is written down what became of an attempt."""

    type: str
    function: Callable[[Any, TaskContext], Any]
    payload: Any = None
    ended: Ended | None = None

    def read(self, payload: dict[str, Any]) -> Any:
        """What the function gets. Raises InvalidPayload."""
        if self.payload is None:
            return payload
        try:
            return msgspec.convert(payload, self.payload, strict=True)
        except (msgspec.ValidationError, ValueError) as error:
            raise InvalidPayload(str(error)) from error


_handlers: dict[str, Handler] = {}

Function = TypeVar("Function", bound=Callable[[Any, Any], Any])


def task_handler(
    type: str, *, payload: Any = None, ended: Ended | None = None
) -> Callable[[Function], Function]:
    """Registers the function that runs tasks of ``type``. It is called with the payload and a
    ``TaskContext``; what it returns (any JSON value, or None) is the task's result, an exception is a failed
    attempt. With ``payload``, a msgspec Struct or other type, tasks whose payload does not fit are refused
    when they are created. ``ended`` is called after an attempt's end was written, with what the function got
    and the task's state: completed, retry or archived; not if the worker had no say in it any more.
    Raises ValueError for a name no type may have, or one that is taken."""
    if not TYPE_NAME.fullmatch(type):
        raise ValueError(f"{type!r} is no task type: use 1 to 128 letters, digits, and _ . : -")

    def register(function: Function) -> Function:
        known = _handlers.get(type)
        if known is not None and known.function is not function:
            raise ValueError(f"task type {type} has a handler already: {known.function.__qualname__}")
        _handlers[type] = Handler(type, function, payload, ended)
        return function

    return register


def autodiscover() -> None:
    """Import the ``tasks`` module of every installed app."""
    autodiscover_modules("tasks")


def find(type: str) -> Handler | None:
    """The handler of that type in this process."""
    return _handlers.get(type)


def types() -> list[str]:
    """All types that have a handler, sorted."""
    return sorted(_handlers)


def unregister(type: str) -> None:
    """For tests: forget the handler of that type."""
    _handlers.pop(type, None)
