"""Bodies of the tasks API: what is created, claimed and reported, what is shown (tasks.md sections 4, 8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, NamedTuple, cast

import msgspec
from msgspec import Meta, Raw, Struct

from queues.api import strict_json
from queues.api.problems import BadRequest, TooLarge
from queues.api.tasks.errors import Refused
from queues.api.tasks.scalars import (
    DURATION_PATTERN,
    NAME,
    STREAM_ID_PATTERN,
    TIMESTAMP_PATTERN,
    format_duration,
    format_timestamp,
    parse_duration,
    parse_timestamp,
)
from queues.broker import clock, names
from queues.broker.types import Micros
from queues.tasks import types
from queues.tasks.errors import UnknownTaskType
from queues.tasks.types import NewTask, TaskState

DAY_SECONDS = 86_400
MOST_UNIQUE_SECONDS = 366 * DAY_SECONDS
MOST_WAIT_SECONDS = 30
MOST_LEASE_SECONDS = 3600
MOST_NAMES = 50
MOST_CLAIMED = 100
MOST_RETRIES = 2**31 - 1
LONGEST_TYPE = 128

MAX_RESULT_BYTES = 1_048_576
MOST_RETRY_SECONDS = 365 * DAY_SECONDS

WORD: dict[str, Any] = {"type": "string"}
_TIMESTAMP: dict[str, Any] = {"pattern": TIMESTAMP_PATTERN}
_TEXTS: dict[str, Any] = {"type": "object", "additionalProperties": {"type": "string"}}
_PERCENTAGE: dict[str, Any] = {"type": "integer", "minimum": 0, "maximum": 100}


def _text(description: str, **schema: Any) -> Meta:
    return Meta(description=description, extra_json_schema=schema)


def _duration(description: str) -> Meta:
    return _text(description, pattern=DURATION_PATTERN)


Timestamp = Annotated[str, Meta(extra_json_schema=_TIMESTAMP)]
Duration = Annotated[str, Meta(extra_json_schema={"pattern": DURATION_PATTERN})]
StreamId = Annotated[str, Meta(extra_json_schema={"pattern": STREAM_ID_PATTERN})]
TaskId = Annotated[str, Meta(extra_json_schema={"format": "uuid"})]
Object = Annotated[Raw, Meta(extra_json_schema={"type": "object"})]
NotNegative = Annotated[int, Meta(ge=0)]
State = Annotated[
    Literal["pending", "active", "scheduled", "retry", "archived", "completed"], Meta(extra_json_schema=WORD)
]


class CreateTask(Struct):
    """Unknown fields are ignored; null is the same as leaving a field out."""

    type: Annotated[str, _text("A known task type.", minLength=1, maxLength=LONGEST_TYPE)]
    payload: Annotated[Object, Meta(description="What its handler gets.")]
    queue: Annotated[str | None, _text("Made by first use.", pattern="^([A-Za-z0-9_.:-]{1,128})?$")] = None
    max_retries: Annotated[
        Annotated[int, Meta(ge=0, le=MOST_RETRIES)] | None,
        Meta(description="Executions after the first one, if that fails."),
    ] = None
    timeout: Annotated[str | None, _duration("What an attempt may take; 0 is the default.")] = None
    process_at: Annotated[str | None, _text("Not before; in the past: now.", **_TIMESTAMP)] = None
    unique: Annotated[str | None, _duration("No other one like it for so long, 1s to 366 days.")] = None
    metadata: dict[str, str] | None = None


class CreatedTask(Struct):
    task_id: TaskId
    queue: str
    status: Annotated[Literal["pending", "scheduled"], Meta(extra_json_schema=WORD)]


class Task(Struct, omit_defaults=True):
    """What a task does not have is left out."""

    id: TaskId
    queue: str
    type: str
    state: State
    max_retry: NotNegative
    retried: NotNegative
    last_err: Annotated[str, Meta(description="Empty when the task never failed.")]
    next_process_at: Annotated[Timestamp | None, Meta(description="Of those that wait.")] = None
    payload: Object | None = None
    metadata: dict[str, str] | None = None
    timeout: Duration | None = None
    created_at: Timestamp | None = None
    started_at: Annotated[Timestamp | None, Meta(description="Of the latest attempt.")] = None
    completed_at: Annotated[Timestamp | None, Meta(description="When it ended.")] = None
    result: Annotated[Raw | None, Meta(description="What its worker made of it.")] = None
    worker: Annotated[str | None, Meta(description="Who works on it.")] = None


class TaskListItem(Struct):
    id: TaskId
    queue: str
    type: str
    state: State


class Message(Struct):
    message: str


class QueueStats(Struct):
    queue: str
    pending: NotNegative
    active: NotNegative
    scheduled: NotNegative
    retry: NotNegative
    archived: NotNegative
    completed: NotNegative


class TaskType(Struct):
    type: str
    handler: Annotated[Literal["builtin", "remote"], Meta(extra_json_schema=WORD)]


class ClaimRequest(Struct):
    types: Annotated[list[str], Meta(min_length=1, max_length=MOST_NAMES)]
    queues: Annotated[list[str], Meta(min_length=1, max_length=MOST_NAMES)] = msgspec.field(
        default_factory=lambda: [types.DEFAULT_QUEUE]
    )
    worker_id: Annotated[str, Meta(max_length=128)] = ""
    max_tasks: Annotated[int, Meta(ge=1, le=MOST_CLAIMED)] = 1
    wait: Annotated[str, _duration("How long to wait for one, at most 30s.")] = ""
    lease: Annotated[str, _duration("1s to 1h, 30s by default.")] = ""


class ClaimedTask(Struct):
    id: TaskId
    queue: str
    type: str
    payload: Object
    metadata: Annotated[Raw, Meta(extra_json_schema=_TEXTS)]
    max_retry: int
    retried: int
    timeout: Duration
    deadline: Timestamp
    lease_token: str
    lease_expires_at: Timestamp


class ClaimedTasks(Struct):
    tasks: list[ClaimedTask]


class HeartbeatRequest(Struct):
    lease_token: str
    lease: Annotated[str | None, _duration("As the claim asked for, if left out.")] = None


class Lease(Struct):
    lease_expires_at: Timestamp


class ProgressReport(Struct):
    lease_token: str
    percentage: Annotated[Raw, Meta(extra_json_schema=_PERCENTAGE)]
    stage: str = "processing"
    message: str = ""
    metadata: dict[str, str] | None = None


class Reported(Struct):
    stream_id: StreamId
    lease_expires_at: Timestamp


class CompleteRequest(Struct):
    lease_token: str
    message: str = ""
    result: Annotated[Raw, Meta(description="Any JSON, up to 1 MiB.")] = msgspec.field(default_factory=Raw)


class FailRequest(Struct):
    lease_token: str
    error: str
    retry: Annotated[bool, Meta(description="False: archive it at once.")] = True
    retry_in: Annotated[str | None, _duration("Instead of the usual delay.")] = None


class FailedTask(Struct, omit_defaults=True):
    message: str
    state: Annotated[Literal["retry", "archived"], Meta(extra_json_schema=WORD)]
    next_process_at: Timestamp | None = None


_create = msgspec.json.Decoder(CreateTask)
_claim = msgspec.json.Decoder(ClaimRequest)
_heartbeat = msgspec.json.Decoder(HeartbeatRequest)
_report = msgspec.json.Decoder(ProgressReport)
_complete = msgspec.json.Decoder(CompleteRequest)
_fail = msgspec.json.Decoder(FailRequest)
_encoder = msgspec.json.Encoder()
_percentage = msgspec.json.Decoder(Annotated[int, Meta(ge=0, le=100)])


def read_new_task(content: bytes, is_known: Callable[[str], bool]) -> NewTask:
    """A create body. Checked in the contract's order (section 4.1); ``is_known`` is asked whether there is
    such a type when nothing but the payload is wrong, which is told after that. Raises ``BadRequest``,
    ``Refused``, ``UnknownTaskType``."""
    sent = strict_json.decode_as(_create, content)
    if not sent.type:
        raise BadRequest("type: must not be empty")
    queue = sent.queue or types.DEFAULT_QUEUE
    if not NAME.fullmatch(queue):
        raise BadRequest("queue: must be 1 to 128 letters, digits, and _ . : -")
    timeout = read_duration(sent.timeout, "timeout", "INVALID_TIMEOUT")
    process_at = _process_at(sent.process_at)
    unique = read_duration(sent.unique, "unique", "INVALID_UNIQUE")
    if unique and not 1 <= unique <= MOST_UNIQUE_SECONDS:
        raise Refused("INVALID_UNIQUE", "unique: must be from 1s to 366 days")
    payload = bytes(sent.payload).strip()
    if not payload.startswith(b"{"):
        if not is_known(sent.type):
            raise UnknownTaskType(sent.type)
        raise Refused("INVALID_PAYLOAD", "payload: must be an object")
    return NewTask(
        type=sent.type,
        payload=payload.decode(),
        queue=queue,
        max_retries=types.MAX_RETRIES if sent.max_retries is None else sent.max_retries,
        timeout_seconds=timeout or types.TIMEOUT_SECONDS,
        process_at=process_at if process_at is not None and process_at > clock.now() else None,
        unique_seconds=unique or None,
        metadata=_encoder.encode(sent.metadata or {}).decode(),
    )


def read_duration(text: str | None, field: str, code: str) -> float:
    """Seconds, 0 for a field that is absent or empty. Raises ``Refused``, for a negative one, too."""
    if not text:
        return 0.0
    try:
        nanoseconds = parse_duration(text)
    except ValueError as error:
        raise Refused(code, f"{field}: {error}") from None
    if nanoseconds < 0:
        raise Refused(code, f"{field}: must not be negative")
    # The engine counts in microseconds: what is asked for but too short becomes one.
    return max(nanoseconds // 1000, 1 if nanoseconds else 0) / 1e6


def _process_at(text: str | None) -> Micros | None:
    if not text:
        return None
    try:
        return parse_timestamp(text)
    except ValueError as error:
        raise Refused("INVALID_PROCESS_AT", f"process_at: {error}") from None


class Claim(NamedTuple):
    types: list[str]
    queues: list[str]
    worker: str
    limit: int
    wait_seconds: float
    lease_seconds: float


def read_claim(content: bytes) -> Claim:
    sent = strict_json.decode_nullable(_claim, content)
    wait = read_duration(sent.wait, "wait", "INVALID_WAIT")
    if wait > MOST_WAIT_SECONDS:
        raise Refused("INVALID_WAIT", f"wait: must be at most {MOST_WAIT_SECONDS}s")
    lease = read_lease(sent.lease) or types.LEASE_SECONDS
    if not names.storable(sent.worker_id):
        raise BadRequest("worker_id: must not contain NUL")
    return Claim(sent.types, sent.queues, sent.worker_id, sent.max_tasks, wait, lease)


def read_lease(text: str | None) -> float | None:
    seconds = read_duration(text, "lease", "INVALID_LEASE")
    if text and not 1 <= seconds <= MOST_LEASE_SECONDS:
        raise Refused("INVALID_LEASE", "lease: must be from 1s to 1h")
    return seconds or None


def read_heartbeat(content: bytes) -> tuple[int, float | None]:
    """Token and lease in seconds, None = as before."""
    sent = strict_json.decode_nullable(_heartbeat, content)
    return token(sent.lease_token), read_lease(sent.lease)


def read_report(content: bytes) -> tuple[int, types.Report]:
    sent = strict_json.decode_nullable(_report, content)
    try:
        percentage = _percentage.decode(sent.percentage)
    except msgspec.MsgspecError:
        raise Refused("INVALID_PROGRESS", "percentage: must be an integer from 0 to 100") from None
    for field in ("stage", "message"):
        if not names.storable(getattr(sent, field)):
            raise BadRequest(f"{field}: must not contain NUL")
    metadata = _encoder.encode(sent.metadata).decode() if sent.metadata else None
    return token(sent.lease_token), types.Report(percentage, sent.stage, sent.message, metadata)


def read_completion(content: bytes) -> tuple[int, types.Completion]:
    sent = strict_json.decode_nullable(_complete, content)
    if not names.storable(sent.message):
        raise BadRequest("message: must not contain NUL")
    result = bytes(sent.result).strip()
    if len(result) > MAX_RESULT_BYTES:
        raise TooLarge(f"result: must be at most {MAX_RESULT_BYTES} bytes")
    return token(sent.lease_token), types.Completion(
        sent.message, None if result in (b"", b"null") else result.decode()
    )


class Failure(NamedTuple):
    token: int
    error: str
    retry: bool
    retry_seconds: float | None


def read_failure(content: bytes) -> Failure:
    sent = strict_json.decode_nullable(_fail, content)
    if not sent.error or not names.storable(sent.error):
        raise BadRequest("error: must be a text, not empty, without NUL")
    seconds = None
    if sent.retry_in:
        seconds = min(read_duration(sent.retry_in, "retry_in", "INVALID_REQUEST"), MOST_RETRY_SECONDS)
    return Failure(token(sent.lease_token), sent.error, sent.retry, seconds)


def token(text: str) -> int:
    """The claim a token stands for; one that none has stands for no claim."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 19 else -1


# ---------------------------------------------------------------- shown

_WAITING = (TaskState.PENDING, TaskState.SCHEDULED, TaskState.RETRY)


def created_json(made: types.Created) -> CreatedTask:
    return CreatedTask(made.task_id, made.queue, "scheduled" if made.scheduled else "pending")


def task_json(view: types.TaskView) -> Task:
    row, message, state = view.row, view.message, view.state
    ended_at = message.acked_at if message.acked_at is not None else message.dead_at
    return Task(
        id=row.public_id,
        queue=view.queue,
        type=row.type,
        state=_word(state),
        max_retry=row.max_retry,
        retried=row.retried,
        last_err=view.last_error,
        next_process_at=_time(max(message.deliver_at, message.created_at)) if state in _WAITING else None,
        payload=Raw(message.body),
        metadata=msgspec.json.decode(message.metadata or "{}"),
        timeout=format_duration(row.timeout),
        created_at=_time(message.created_at),
        started_at=_time(message.claimed_at),
        completed_at=_time(ended_at),
        result=None if row.result is None else Raw(row.result),
        worker=message.consumer if state is TaskState.ACTIVE else None,
    )


def claimed_json(task: types.ClaimedTask) -> ClaimedTask:
    return ClaimedTask(
        id=task.task_id,
        queue=task.queue,
        type=task.type,
        payload=Raw(task.payload),
        metadata=Raw(task.metadata),
        max_retry=task.max_retry,
        retried=task.retried,
        timeout=format_duration(round(task.timeout_seconds * 1e6)),
        deadline=format_timestamp(task.deadline),
        lease_token=str(task.token),
        lease_expires_at=format_timestamp(task.lease_until),
    )


def figures_json(figures: types.QueueFigures) -> QueueStats:
    return QueueStats(figures.queue, **{str(state): number for state, number in figures.counts.items()})


def item_json(item: types.TaskListItem) -> TaskListItem:
    return TaskListItem(item.task_id, item.queue, item.type, _word(item.state))


def failed_json(failed: types.Failed) -> FailedTask:
    state: Literal["retry", "archived"] = "retry" if failed.state is TaskState.RETRY else "archived"
    return FailedTask("task failed", state, _time(failed.next_process_at))


def _word(state: TaskState) -> State:
    return cast("State", str(state))


def _time(micros: Micros | None) -> str | None:
    return None if micros is None else format_timestamp(micros)
