"""The tables, and nothing else: what may happen to their rows is decided in ``queues.broker``.

``Message`` is the durable record, written once. ``Delivery`` is the hot row, one for each message still to
be handled, deleted when done, so that the table a claim reads stays as small as the backlog.
"""

from queues.models.message import Delivery, DeliveryState, Message
from queues.models.operations import (
    AuditEntry,
    DeadLetterJob,
    Duty,
    MessageEvent,
    QueueSample,
    WebBeat,
    WorkerBeat,
)
from queues.models.passing import Broadcast, SeenKey
from queues.models.push import ClosedLane, DeliveryLog, Destination
from queues.models.queue import PULL_LANE, Queue, QueueCounter, SettingsVersion, Subscription
from queues.models.schedules import Schedule
from queues.models.source import Source, SourceEvent
from queues.models.tasks import Task, TaskEntry, TaskLock, TaskType
from queues.models.usage import AccountUsage, ConsumeCalls

__all__ = [
    "PULL_LANE",
    "AccountUsage",
    "AuditEntry",
    "Broadcast",
    "ClosedLane",
    "ConsumeCalls",
    "DeadLetterJob",
    "Delivery",
    "DeliveryLog",
    "DeliveryState",
    "Destination",
    "Duty",
    "Message",
    "MessageEvent",
    "Queue",
    "QueueCounter",
    "QueueSample",
    "Schedule",
    "SeenKey",
    "SettingsVersion",
    "Source",
    "SourceEvent",
    "Subscription",
    "Task",
    "TaskEntry",
    "TaskLock",
    "TaskType",
    "WebBeat",
    "WorkerBeat",
]
