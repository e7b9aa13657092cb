"""Tasks made by the clock (tasks.md section 8.4): what may be done with schedules, and making what is due.

A schedule's row is locked while its task is made, and its next due time is written in the same transaction:
however many workers look, each due time makes one task. Due times that passed while nobody was there make one
task together.
"""

from __future__ import annotations

import logging
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from django.db import models
from django.db.models import Min

from queues.broker import audit, clock, names, queues
from queues.broker.audit import Act
from queues.broker.errors import BrokerError, QueueNotFound, QuotaExceeded
from queues.broker.lanes import in_transaction
from queues.broker.queues import reading
from queues.fields import to_datetime, to_micros
from queues.models import Schedule
from queues.tasks import cron, task_types
from queues.tasks.create import QUEUE_SETTINGS, CreateTask, check_payload
from queues.tasks.errors import ScheduleNotFound, TaskExists, UnknownTaskType
from queues.tasks.types import Created, NewTask

if TYPE_CHECKING:
    from queues.broker.lanes import Transaction
    from queues.broker.types import Micros

log = logging.getLogger("okmq.schedules")

AT_ONCE = 100
"""Schedules that fire in one transaction."""

_decoder = msgspec.json.Decoder(NewTask)


class NewSchedule(NamedTuple):
    """``cron``: as its owner wrote it; ``every``: microseconds, if that is an interval. ``document``: what is
    made, in the owner's words."""

    name: str
    cron: str
    every: int | None
    timezone: str
    enabled: bool
    task: NewTask
    document: str


def put(account_id: int, new: NewSchedule) -> tuple[Schedule, bool]:
    """Make a schedule or replace the one of that name; whether it is new. A replaced one's due times count
    from now. Raises cron.InvalidCron, UnknownTaskType, registry.InvalidPayload, Unavailable."""
    check_payload(new.task)
    if not task_types.is_known(account_id, new.task.type):
        raise UnknownTaskType(new.task.type)
    if new.every is None:
        cron.read(new.cron, ZoneInfo(new.timezone))

    act = Act(account_id, "", f"schedule {new.name}")

    def write(tx: Transaction) -> tuple[Schedule, bool]:
        before = Schedule.objects.filter(account_id=account_id, name=new.name).select_for_update().first()
        now = to_datetime(tx.now)
        schedule = Schedule(
            cron=new.cron,
            every=new.every,
            timezone=new.timezone,
            begin=now,
            enabled=new.enabled,
            task=msgspec.json.encode(new.task).decode(),
            document=new.document,
            updated_at=now,
        )
        changed = {
            name: getattr(schedule, name)
            for name in ("cron", "every", "timezone", "begin", "enabled", "task", "document", "updated_at")
        }
        changed["next_run_at"] = _next_after(schedule, tx.now)
        written, made = Schedule.objects.update_or_create(
            account_id=account_id,
            name=new.name,
            defaults=changed,
            create_defaults={**changed, "created_at": now},
        )
        act.action = "schedule.create" if made else "schedule.change"
        if before is None:
            act.detail = {"cron": new.cron, "timezone": new.timezone, "task": new.task.type}
        else:
            changes = audit.changes(_told(before), _told(written))
            act.detail = {n: "changed" if n == "task" else w for n, w in changes.items()}
        if act.detail:
            act.record(tx)
        return written, made

    found: tuple[Schedule, bool] = in_transaction(write)
    return found


def get(account_id: int, name: str) -> Schedule:
    """Raises ScheduleNotFound, Unavailable."""
    with reading():
        wanted = Schedule.objects.filter(account_id=account_id, name=name)
        found = wanted.first() if names.storable(name) else None
    if found is None:
        raise ScheduleNotFound(name)
    return found


def list_all(account_id: int) -> list[Schedule]:
    """The account's schedules by name. Raises Unavailable."""
    with reading():
        found = Schedule.objects.filter(account_id=account_id)
        # Not by the database, which may have an order of its own for letters.
        return sorted(found, key=lambda schedule: schedule.name)


def delete(account_id: int, name: str) -> None:
    """Raises ScheduleNotFound, Unavailable. The tasks it made stay."""
    if not names.storable(name):
        raise ScheduleNotFound(name)
    act = Act(account_id, "schedule.delete", f"schedule {name}")

    def remove(tx: Transaction) -> None:
        found, _ = Schedule.objects.filter(account_id=account_id, name=name).delete()
        if not found:
            raise ScheduleNotFound(name)
        act.record(tx)

    in_transaction(remove)


def run(account_id: int, name: str) -> Created:
    """Make its task now, whether or not it is due or enabled; its due times stay as they are. Raises
    ScheduleNotFound and whatever ``create`` raises."""
    task = _decoder.decode(get(account_id, name).task)
    check_payload(task)
    act = Act(account_id, "schedule.run", f"schedule {name}")
    try:
        made: Created = in_transaction(partial(_run, act=act, account_id=account_id, name=name))
    except QueueNotFound:
        queues.ensure_queues(account_id, {task.queue: QUEUE_SETTINGS})
        made = in_transaction(partial(_run, act=act, account_id=account_id, name=name))
    return made


def _run(tx: Transaction, act: Act, account_id: int, name: str) -> Created:
    found = Schedule.objects.filter(account_id=account_id, name=name).select_for_update().first()
    if found is None:
        raise ScheduleNotFound(name)
    operation = CreateTask(found.account_id, _decoder.decode(found.task))
    CreateTask.run(tx, [operation])
    if operation.error is not None:
        raise operation.error
    found.last_run_at, found.last_task_id = to_datetime(tx.now), operation.task_id
    found.save(update_fields=["last_run_at", "last_task_id"])
    act.detail = {"task": operation.task_id}
    act.record(tx)
    made: Created = operation.result
    return made


def _told(schedule: Schedule) -> dict[str, object]:
    """All that can be changed of it, for the audit log."""
    return {name: getattr(schedule, name) for name in ("cron", "timezone", "enabled", "task")}


def ahead(schedule: Schedule, count: int) -> list[datetime]:
    """Its next due times, ``count`` at the most; the one that is due now, if nobody has noticed it yet,
    first."""
    found: list[datetime] = []
    at = schedule.next_run_at
    while at is not None and len(found) < count:
        found.append(at)
        at = _next_after(schedule, to_micros(at))
    return found


# ---------------------------------------------------------------- what is due


def next_due() -> Micros | None:
    """When the next schedule is due; None: none ever is. Raises Unavailable."""
    with reading():
        at = Schedule.objects.filter(enabled=True).aggregate(at=Min("next_run_at"))["at"]
    return None if at is None else to_micros(at)


def fire_due() -> int:
    """Make the tasks of schedules that are due. How many fired. Raises Unavailable."""
    with reading():
        due = list(_due(clock.now())[:AT_ONCE])
    refused: dict[int, str] = {}
    for schedule in due:
        # Outside the transaction that fires: making a queue has one of its own.
        try:
            queues.ensure_queues(schedule.account_id, {_decoder.decode(schedule.task).queue: QUEUE_SETTINGS})
        except QuotaExceeded as error:
            log.warning("schedule %s has no queue: %s", schedule.name, error)
            refused[schedule.pk] = str(error)
    fire = partial(_fire, ids=[schedule.pk for schedule in due], refused=refused)
    fired: int = in_transaction(fire) if due else 0
    return fired


def _due(now: Micros) -> models.QuerySet[Schedule]:
    return Schedule.objects.filter(enabled=True, next_run_at__lte=to_datetime(now)).order_by("next_run_at")


def _fire(tx: Transaction, ids: list[int], refused: dict[int, str]) -> int:
    """``refused``: of schedules that may have no queue, why."""
    # What another worker has in hand is not due any more when it lets go.
    locked = _due(tx.now).filter(pk__in=ids).order_by("pk").select_for_update(skip_locked=tx.db.postgresql)
    fired = 0
    for schedule in locked:
        fired += _fire_one(tx, schedule, refused.get(schedule.pk))
    return fired


def _fire_one(tx: Transaction, schedule: Schedule, refused: str | None) -> bool:
    operation = CreateTask(schedule.account_id, _decoder.decode(schedule.task))
    CreateTask.run(tx, [operation])
    schedule.last_error = ""
    match operation.error:
        case None:
            schedule.last_run_at, schedule.last_task_id = to_datetime(tx.now), operation.task_id
        case TaskExists():
            schedule.skipped += 1
        case QueueNotFound():
            if refused is None:
                return False  # deleted in this moment; the next look makes it again
            schedule.last_error = refused
        case BrokerError() as error:
            schedule.last_error = str(error) or type(error).__name__
        case error:
            raise error
    schedule.next_run_at = _next_after(schedule, tx.now)
    schedule.save(update_fields=["last_error", "last_run_at", "last_task_id", "skipped", "next_run_at"])
    return operation.error is None


def _next_after(schedule: Schedule, now: Micros) -> datetime | None:
    if schedule.every is not None:
        at: Micros | None = cron.Interval(schedule.every, to_micros(schedule.begin)).next_after(now)
    else:
        at = cron.read(schedule.cron, ZoneInfo(schedule.timezone)).next_after(now)
    return None if at is None else to_datetime(at)
