"""What the task layer refuses, in dialect-free terms, beside what the broker does."""

from __future__ import annotations

from queues.broker.errors import BrokerError


class TaskNotFound(BrokerError):
    """The account has no task of that id, or not in that queue."""


class UnknownTaskType(BrokerError):
    """Neither is there a handler for it, nor did the account register it for workers elsewhere."""

    def __init__(self, name: str) -> None:
        super().__init__(f"task type {name!r} is not known")
        self.name = name


class TaskTypeNotFound(BrokerError):
    """The account has not registered that type."""


class TaskTypeBuiltin(BrokerError):
    """The type has a handler here: it can neither be registered nor removed."""


class TaskExists(BrokerError):
    """A task like it holds the lock; ``task_id`` is that one."""

    def __init__(self, task_id: str) -> None:
        super().__init__("task already exists")
        self.task_id = task_id


class ScheduleNotFound(BrokerError):
    """The account has no schedule of that name."""


class WrongState(BrokerError):
    """What was asked for is not possible for a task in its state, which is ``state``."""

    def __init__(self, state: str) -> None:
        super().__init__(f"the task is {state}")
        self.state = state


class LeaseLost(BrokerError):
    """The lease is not, or no longer, the task's: its worker took too long, or never had it."""


class TaskCancelled(BrokerError):
    """The task was cancelled while this worker had it."""
