"""Queues and their settings as Agentuity spells them (agentuity.md sections 2 and 4), to and from the
broker's."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal
from uuid import uuid4

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from queues.api import strict_json
from queues.api.agentuity import ids
from queues.api.agentuity.fields import LONGEST, Instant, NullableInstant, Success, number
from queues.api.problems import BadRequest
from queues.api.times import format_time
from queues.broker import types
from queues.broker.types import QueueInfo, QueueStats, RetryStrategy

NAME_PATTERN = "^[a-z_][a-z0-9_-]*$"
MAX_NAME = 256
MAX_DESCRIPTION = 1024
MILLISECONDS = 1000
SHORTEST_LIFE = 0.001
"""Seconds. A time to live that is shorter, but not 0, is this one."""

Name = Annotated[str, Meta(pattern=NAME_PATTERN, min_length=1, max_length=MAX_NAME)]
Description = Annotated[str, Meta(max_length=MAX_DESCRIPTION)]
QueueType = Literal["worker", "pubsub"]

Seconds = Annotated[float, Meta(ge=0, le=LONGEST)]
Ttl = (
    Annotated[
        float,
        Meta(ge=0, le=LONGEST, description="Of a message that names none of its own; null or 0: for ever."),
    ]
    | None
)
Visibility = Annotated[
    float, Meta(ge=1, le=43_200, description="Seconds for which a received message is its receiver's alone.")
]
MaxRetries = Annotated[
    int,
    Meta(
        ge=0,
        le=100,
        description="Deliveries after which a message that was not acknowledged is dead; 0 is as 1.",
    ),
]
Backoff = Annotated[float, Meta(ge=0, le=LONGEST * MILLISECONDS)]
Multiplier = Annotated[float, Meta(ge=1, le=1e6)]
InFlight = Annotated[
    int, Meta(ge=1, le=1000, description="Messages that one API key may hold of the queue at a time.")
]
Retention = Annotated[
    float, Meta(ge=0, le=LONGEST, description="Seconds for which acknowledged messages are kept.")
]

DEFAULTS = types.QueueSettings(
    lease_seconds=30,
    max_attempts=5,
    ttl_seconds=None,
    # The dead letters of a queue wait for whoever looks after them, however long that takes.
    preserve_failed=True,
    retry=RetryStrategy("exponential", base_delay=1, max_delay=60, multiplier=2),
    retention_seconds=2_592_000,
    max_in_flight=10,
)
"""agentuity.md section 4."""


def _default(value: int) -> Meta:
    return Meta(extra_json_schema={"default": value})


class QueueSettingsPatch(Struct):
    """Only what is sent is changed."""

    default_ttl_seconds: Ttl | UnsetType = UNSET
    default_visibility_timeout_seconds: Visibility | UnsetType = UNSET
    default_max_retries: MaxRetries | UnsetType = UNSET
    default_retry_backoff_ms: Backoff | UnsetType = UNSET
    default_retry_max_backoff_ms: Backoff | UnsetType = UNSET
    default_retry_multiplier: Multiplier | UnsetType = UNSET
    max_in_flight_per_client: InFlight | UnsetType = UNSET
    retention_seconds: Retention | UnsetType = UNSET


class QueueSettings(QueueSettingsPatch):
    """What is not sent has its default."""

    default_visibility_timeout_seconds: Annotated[Visibility, _default(30)] | UnsetType = UNSET
    default_max_retries: Annotated[MaxRetries, _default(5)] | UnsetType = UNSET
    default_retry_backoff_ms: Annotated[Backoff, _default(1000)] | UnsetType = UNSET
    default_retry_max_backoff_ms: Annotated[Backoff, _default(60_000)] | UnsetType = UNSET
    default_retry_multiplier: Annotated[Multiplier, _default(2)] | UnsetType = UNSET
    max_in_flight_per_client: Annotated[InFlight, _default(10)] | UnsetType = UNSET
    retention_seconds: Annotated[Retention, _default(2_592_000)] | UnsetType = UNSET


class CreateQueueRequest(Struct):
    queue_type: QueueType
    name: Annotated[Name, Meta(description="Made by the server if absent.")] | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    internal: bool | UnsetType = UNSET
    settings: QueueSettings | UnsetType = UNSET


class UpdateQueueRequest(Struct):
    description: Description | UnsetType = UNSET
    settings: QueueSettingsPatch | UnsetType = UNSET


class Queue(Struct, kw_only=True):
    """Settings and counters lie flat on it. What another API's queue does not have is absent."""

    id: str
    name: Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]
    description: Description | None
    internal: bool
    queue_type: QueueType
    default_ttl_seconds: Annotated[float, Meta(ge=0)] | None
    default_visibility_timeout_seconds: float
    default_max_retries: int
    default_retry_backoff_ms: Annotated[float, Meta(ge=0)]
    default_retry_max_backoff_ms: Annotated[float, Meta(ge=0)]
    default_retry_multiplier: float
    max_in_flight_per_client: int | UnsetType
    retention_seconds: Annotated[float, Meta(ge=0)] | UnsetType
    next_offset: Annotated[int, Meta(ge=0)]
    message_count: Annotated[int, Meta(ge=0, description="Neither acknowledged nor dead.")]
    dlq_count: Annotated[int, Meta(ge=0)]
    created_at: Instant
    updated_at: Instant
    paused_at: NullableInstant


class QueueData(Struct):
    queue: Queue


class QueueResponse(Struct):
    success: Success
    data: QueueData


class QueueListData(Struct):
    queues: list[Queue]
    total: Annotated[int, Meta(ge=0, description="Of all that match.")]


class QueueListResponse(Struct):
    success: Success
    data: QueueListData


_whole_name = re.compile(NAME_PATTERN.strip("^$"))
_create = msgspec.json.Decoder(CreateQueueRequest)
_update = msgspec.json.Decoder(UpdateQueueRequest)


def read_create(content: bytes) -> dict[str, Any]:
    """What ``broker.create_queue`` is to be given. Raises BadRequest."""
    sent = strict_json.decode_as(_create, content)
    return {
        "name": _made_name() if isinstance(sent.name, UnsetType) else _name(sent.name),
        "kind": sent.queue_type,
        "description": "" if sent.description is UNSET else _description(sent.description),
        "internal": sent.internal is True,
        "settings": DEFAULTS if sent.settings is UNSET else _changed(DEFAULTS, sent.settings),
    }


def read_update(content: bytes) -> dict[str, Any]:
    """What ``broker.update_queue`` is to be given. Raises BadRequest."""
    sent = strict_json.decode_as(_update, content)
    changes: dict[str, Any] = {}
    if sent.description is not UNSET:
        changes["description"] = _description(sent.description)
    if isinstance(sent.settings, QueueSettingsPatch):
        changes["settings"] = _change(sent.settings)
    return changes


def queue_json(queue: QueueInfo, stats: QueueStats) -> Queue:
    settings, retry = queue.settings, queue.settings.retry
    return Queue(
        id=ids.queue_id(queue.id),
        name=queue.name,
        description=queue.description or None,
        internal=queue.internal,
        queue_type="pubsub" if queue.kind == "pubsub" else "worker",
        default_ttl_seconds=None if settings.ttl_seconds is None else number(settings.ttl_seconds),
        default_visibility_timeout_seconds=number(settings.lease_seconds),
        default_max_retries=settings.max_attempts,
        default_retry_backoff_ms=_milliseconds(_base_delay(retry)),
        default_retry_max_backoff_ms=_milliseconds(_max_delay(retry)),
        default_retry_multiplier=number(retry.multiplier if retry.type == "exponential" else 1),
        max_in_flight_per_client=UNSET if settings.max_in_flight is None else settings.max_in_flight,
        retention_seconds=UNSET if settings.retention_seconds is None else number(settings.retention_seconds),
        next_offset=queue.next_offset,
        message_count=stats.pending + stats.scheduled + stats.processing,
        dlq_count=stats.failed,
        created_at=format_time(queue.created_at),
        updated_at=format_time(queue.updated_at),
        paused_at=None if queue.paused_at is None else format_time(queue.paused_at),
    )


def _made_name() -> str:
    return f"queue-{uuid4().hex[:12]}"


def _name(text: str) -> str:
    if not _whole_name.fullmatch(text):  # to the type's pattern a line feed at the end is nothing
        raise BadRequest(f"name: must match {NAME_PATTERN}")
    return text


def _description(text: str) -> str:
    if "\0" in text:
        raise BadRequest("description: must not contain NUL")
    return text


def _change(sent: QueueSettingsPatch) -> Callable[[types.QueueSettings], types.QueueSettings]:
    return lambda old: _changed(old, sent)


_SAME = {
    "default_visibility_timeout_seconds": "lease_seconds",
    "default_max_retries": "max_attempts",
    "max_in_flight_per_client": "max_in_flight",
    "retention_seconds": "retention_seconds",
}
_RETRY = {"default_retry_backoff_ms": "base_delay", "default_retry_max_backoff_ms": "max_delay"}


def _changed(old: types.QueueSettings, sent: QueueSettingsPatch) -> types.QueueSettings:
    given = {name: value for name, value in msgspec.structs.asdict(sent).items() if value is not UNSET}
    changes = {ours: given[theirs] for theirs, ours in _SAME.items() if theirs in given}
    if "default_ttl_seconds" in given:
        life = given["default_ttl_seconds"]
        changes["ttl_seconds"] = max(life, SHORTEST_LIFE) if life else None
    delays = {ours: given[theirs] / MILLISECONDS for theirs, ours in _RETRY.items() if theirs in given}
    if "default_retry_multiplier" in given:
        delays["multiplier"] = given["default_retry_multiplier"]
    if delays:
        shown = {"base_delay": _base_delay(old.retry), "max_delay": _max_delay(old.retry)}
        shown["multiplier"] = old.retry.multiplier if old.retry.type == "exponential" else 1
        changes["retry"] = RetryStrategy("exponential", **{**shown, **delays})
    return old.but(**changes)


def _milliseconds(seconds: float) -> float:
    """As they were sent: 1.001 * 1000 is 1000.9999999999999."""
    return number(float(f"{seconds * MILLISECONDS:.15g}"))


def _base_delay(retry: RetryStrategy) -> float:
    """Seconds before the first retry. Other APIs know strategies that this one cannot say."""
    if retry.type == "none":
        return 0
    return retry.delays[0] if retry.delays else retry.base_delay


def _max_delay(retry: RetryStrategy) -> float:
    if retry.type == "none":
        return 0
    if retry.delays:
        return max(retry.delays)
    if retry.type == "fixed":
        return retry.base_delay
    return LONGEST if retry.max_delay is None else retry.max_delay
