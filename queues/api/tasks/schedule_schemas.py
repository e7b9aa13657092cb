"""Bodies about schedules (tasks.md section 8.4)."""

from __future__ import annotations

from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta, Raw, Struct

from queues import models
from queues.api import strict_json
from queues.api.problems import BadRequest
from queues.api.tasks.errors import Refused
from queues.api.tasks.scalars import NAME, format_timestamp
from queues.api.tasks.schemas import CreateTask, TaskId, Timestamp, read_duration, read_new_task
from queues.broker.clock import micros
from queues.fields import to_micros
from queues.tasks import task_types
from queues.tasks.schedules import NewSchedule

EVERY = "@every "
LONGEST_CRON = 256
LONGEST_ZONE = 64

_CRON: dict[str, Any] = {"examples": ["*/5 * * * *", "@hourly", "@every 30s"]}
_TASK: dict[str, Any] = {"$ref": "#/components/schemas/CreateTask"}


class PutSchedule(Struct):
    cron: Annotated[
        str,
        Meta(description="Five fields, `@hourly` and the like, or `@every 30s`.", extra_json_schema=_CRON),
    ]
    task: Annotated[
        Raw, Meta(description="As for creating one, without `process_at`.", extra_json_schema=_TASK)
    ]
    timezone: str = "UTC"
    enabled: bool = True


class Schedule(Struct):
    name: str
    cron: Annotated[str, Meta(extra_json_schema=_CRON)]
    timezone: str
    enabled: bool
    task: Annotated[Raw, Meta(extra_json_schema=_TASK)]
    next_run_at: Timestamp | None
    last_run_at: Timestamp | None
    last_task_id: TaskId | None
    skipped: Annotated[int, Meta(description="Due times at which a task like it was there already.", ge=0)]
    last_error: Annotated[str, Meta(description="Why the last due time made no task, if so.")]


_put = msgspec.json.Decoder(PutSchedule)
_create = msgspec.json.Decoder(CreateTask)


def read_schedule(name: str, content: bytes, account_id: int) -> NewSchedule:
    """Raises ``BadRequest``, ``Refused``, ``UnknownTaskType``."""
    if not NAME.fullmatch(name):
        raise BadRequest("name: must be 1 to 128 letters, digits, and _ . : -")
    sent = strict_json.decode_nullable(_put, content)
    every = _every(sent.cron)
    if len(sent.cron) > LONGEST_CRON:
        raise Refused("INVALID_CRON", f"cron: must be at most {LONGEST_CRON} characters")
    document = bytes(sent.task).strip()
    if strict_json.decode_as(_create, document).process_at:
        raise BadRequest("task.process_at: the schedule says when")
    return NewSchedule(
        name=name,
        cron=sent.cron,
        every=every,
        timezone=_zone(sent.timezone),
        enabled=sent.enabled,
        task=read_new_task(document, lambda kind: task_types.is_known(account_id, kind)),
        document=document.decode(),
    )


def _every(expression: str) -> int | None:
    """Microseconds of an interval; None for an expression that is none."""
    if not expression.startswith(EVERY):
        return None
    seconds = read_duration(expression[len(EVERY) :] or "-", "cron", "INVALID_CRON")
    if seconds < 1:
        raise Refused("INVALID_CRON", "cron: @every needs a duration of at least 1s")
    return micros(seconds)


def _zone(name: str) -> str:
    try:
        # A path is no name of a zone; what else there may be wrong with it, too, is a ValueError or OSError.
        ZoneInfo(name if len(name) <= LONGEST_ZONE else "")
    except (ValueError, OSError, KeyError):
        raise Refused("INVALID_TIMEZONE", f"timezone: {name[:LONGEST_ZONE]!r} is not known") from None
    return name


def schedule_json(schedule: models.Schedule) -> Schedule:
    next_at = schedule.next_run_at if schedule.enabled else None
    return Schedule(
        name=schedule.name,
        cron=schedule.cron,
        timezone=schedule.timezone,
        enabled=schedule.enabled,
        task=Raw(schedule.document.encode()),
        next_run_at=None if next_at is None else format_timestamp(to_micros(next_at)),
        last_run_at=None
        if schedule.last_run_at is None
        else format_timestamp(to_micros(schedule.last_run_at)),
        last_task_id=schedule.last_task_id or None,
        skipped=schedule.skipped,
        last_error=schedule.last_error,
    )
