"""Replays and purges of many letters, done in chunks by whichever worker is free.

What a chunk did and how far it came are one transaction, which holds the job's row: nothing is done twice
and nothing is left out, whenever a worker dies and whoever goes on. A worker keeps a job for as long as it
works on it (``held_until``), so that two do not get in each other's way; that keeps order, not correctness.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import msgspec
from django.conf import settings
from django.db.models import Q, QuerySet

from queues.broker import clock
from queues.broker.audit import Act
from queues.broker.errors import BrokerError, QueueNotFound
from queues.broker.lanes import in_transaction
from queues.broker.letters.selection import Wanted
from queues.broker.letters.working import MOST_AT_ONCE, Chunk, Order, work
from queues.broker.queues import reading
from queues.broker.types import Micros
from queues.fields import to_datetime, to_micros
from queues.models import DeadLetterJob, Queue

if TYPE_CHECKING:
    from queues.broker.lanes import Transaction

HELD_FOR = 15 * clock.SECOND
CHUNK = MOST_AT_ONCE
"""Letters of one transaction."""

State = DeadLetterJob.State
OPEN = (State.WAITING, State.RUNNING)


class JobNotFound(BrokerError):
    """There is no such job (any more)."""


@dataclass(slots=True, frozen=True)
class JobInfo:
    """A job as its owner sees it. ``queue`` is empty when the queue is gone. ``expected``: how many letters
    it was to meet when it was ordered, None if that was not counted. ``done``: letters treated so far;
    ``skipped``: left, since they have nowhere to go."""

    id: int
    account_id: int
    queue_id: int
    queue: str
    kind: DeadLetterJob.Kind
    state: DeadLetterJob.State
    wanted: Wanted
    to: str
    keep_attempts: bool
    per_second: float | None
    expected: int | None
    done: int
    skipped: int
    actor: str
    error: str
    created_at: Micros
    started_at: Micros | None
    ended_at: Micros | None
    held_by: str

    @property
    def open(self) -> bool:
        return self.state in OPEN


def create(order: Order, per_second: float | None, *, expected: int | None = None) -> JobInfo:
    """Order a job in the name of who acts here. Raises ValueError for a rate that is none, Unavailable."""
    if per_second is not None and not 0 < per_second <= 1_000_000:
        raise ValueError("per_second must be more than 0 and at most 1,000,000")
    act = order.act()

    def make(tx: Transaction) -> JobInfo:
        made = DeadLetterJob.objects.create(
            account_id=order.account_id,
            queue_id=order.queue_id,
            kind=order.kind,
            filter=msgspec.json.encode(order.wanted).decode(),
            target_queue=order.to,
            reset_attempts=not order.keep_attempts,
            per_second=per_second,
            expected=-1 if expected is None else expected,
            until=order.until,
            actor=act.by,
            created_at=to_datetime(tx.now),
        )
        return _info(made, order.queue)

    info: JobInfo = in_transaction(make)
    return info


def list_jobs(
    account_id: int | None, *, only_open: bool = False, before: int | None = None, limit: int = 50
) -> list[JobInfo]:
    """Up to ``limit`` jobs of the account, or (None) of all, the newest first, older than the one with the id
    ``before``. Raises Unavailable."""
    found = DeadLetterJob.objects.order_by("-id")
    if account_id is not None:
        found = found.filter(account_id=account_id)
    if only_open:
        found = found.filter(state__in=OPEN)
    if before is not None:
        found = found.filter(id__lt=before)
    with reading():
        rows = list(found[:limit])
        names = dict(Queue.objects.filter(pk__in={row.queue_id for row in rows}).values_list("pk", "name"))
        return [_info(row, names.get(row.queue_id, "")) for row in rows]


def get_job(job_id: int) -> JobInfo:
    """Raises JobNotFound, Unavailable."""
    found = list_jobs(None, before=job_id + 1, limit=1)
    if not found or found[0].id != job_id:
        raise JobNotFound(str(job_id))
    return found[0]


def cancel_job(job_id: int) -> JobInfo:
    """End a job after the chunk that is under way; what is done stays done. One that has ended stays as
    it is. Raises JobNotFound, Unavailable."""
    act = Act(None, "dead_letters.cancel", f"job {job_id}")

    def end(tx: Transaction) -> None:
        found = DeadLetterJob.objects.select_for_update().filter(pk=job_id, state__in=OPEN).first()
        if found is not None:
            act.account_id = found.account_id
            act.record(tx)
            _end(tx, found, State.CANCELLED)

    in_transaction(end)
    return get_job(job_id)


# ---------------------------------------------------------------- the worker's side


def open_jobs(holder: str) -> list[int]:
    """The jobs ``holder`` may do a chunk of now, the oldest first."""
    with reading():
        ready = _free_for(holder, clock.now()).filter(state__in=OPEN)
        return list(ready.order_by("id").values_list("id", flat=True)[:100])


def step(job_id: int, holder: str) -> bool:
    """Do a job's next chunk; False: it has ended, or is somebody else's. Raises Unavailable."""
    try:
        found: tuple[Order, Chunk] | None = in_transaction(partial(_step, job_id=job_id, holder=holder))
    except QueueNotFound as error:
        in_transaction(partial(_fail, job_id=job_id, error=f"There is no queue {error}."))
        return False
    if found is None:
        return False
    order, chunk = found
    order.tell(chunk.done)
    return not chunk.over


def fail(job_id: int, error: str) -> None:
    """End a job whose chunks cannot be done."""
    in_transaction(partial(_fail, job_id=job_id, error=error))


def give_back(holder: str) -> None:
    """Let others go on at once with what ``holder`` has."""
    in_transaction(
        lambda tx: DeadLetterJob.objects.filter(held_by=holder, state__in=OPEN).update(held_until=None)
    )


def prune(tx: Transaction, limit: int) -> int:
    """Remove up to ``limit`` jobs that ended longer than OKMQ_AUDIT_DAYS ago; how many."""
    before = to_datetime(tx.now - settings.OKMQ_AUDIT_DAYS * 86_400 * clock.SECOND)
    old = DeadLetterJob.objects.filter(ended_at__lt=before).order_by("id").values_list("id", flat=True)
    return DeadLetterJob.objects.filter(pk__in=list(old[:limit])).delete()[0]


def _free_for(holder: str, now: Micros) -> QuerySet[DeadLetterJob]:
    at = to_datetime(now)
    free = Q(held_by=holder) | Q(held_until=None) | Q(held_until__lte=at)
    return DeadLetterJob.objects.filter(free, Q(next_at=None) | Q(next_at__lte=at))


def _step(tx: Transaction, job_id: int, holder: str) -> tuple[Order, Chunk] | None:
    locked = _free_for(holder, tx.now).select_for_update(skip_locked=True)
    found = locked.filter(pk=job_id, state__in=OPEN).first()
    if found is None:
        return None
    queue = Queue.objects.filter(pk=found.queue_id, deleted_at=None).first()
    if queue is None:
        raise QueueNotFound("any more")
    order = _order(found, queue.name)
    chunk = work(tx, order, found.done_to, _at_once(found.per_second))
    found.done += chunk.done
    found.skipped += chunk.skipped
    found.done_to = chunk.done_to
    found.started_at = found.started_at or to_datetime(tx.now)
    if chunk.over:
        _end(tx, found, State.DONE)
    else:
        _go_on(tx, found, holder, chunk.done)
    return order, chunk


def _at_once(per_second: float | None) -> int:
    """A chunk takes no more than a second's worth."""
    return CHUNK if per_second is None else max(min(int(per_second), CHUNK), 1)


def _go_on(tx: Transaction, found: DeadLetterJob, holder: str, done: int) -> None:
    next_at = tx.now
    if found.per_second is not None and done:
        # From the instant the chunk was due: a worker that is late makes up for it, but not for more than
        # the last chunk, so that an hour's pause is not followed by a flood.
        due = tx.now if found.next_at is None else max(to_micros(found.next_at), tx.now - clock.SECOND)
        next_at = due + clock.micros(done / found.per_second)
    found.next_at = to_datetime(next_at)
    found.state, found.held_by = State.RUNNING, holder
    found.held_until = to_datetime(max(next_at, tx.now) + HELD_FOR)
    found.save()


def _fail(tx: Transaction, job_id: int, error: str) -> None:
    found = DeadLetterJob.objects.select_for_update().filter(pk=job_id, state__in=OPEN).first()
    if found is not None:
        found.error = error
        _end(tx, found, State.FAILED)


def _end(tx: Transaction, found: DeadLetterJob, state: DeadLetterJob.State) -> None:
    queue = Queue.objects.filter(pk=found.queue_id).first()
    act = _order(found, "" if queue is None else queue.name).act(
        job=found.pk, ended=str(state), per_second=found.per_second
    )
    act.by = found.actor
    act.record(tx, found.done)
    found.state, found.ended_at, found.held_until = state, to_datetime(tx.now), None
    found.save()


def _order(found: DeadLetterJob, queue: str) -> Order:
    return Order(
        DeadLetterJob.Kind(found.kind), found.account_id, found.queue_id, queue, _wanted(found), found.until,
        found.target_queue, not found.reset_attempts,
    )  # fmt: skip


def _wanted(found: DeadLetterJob) -> Wanted:
    return msgspec.json.decode(found.filter, type=Wanted)


def _info(found: DeadLetterJob, queue: str) -> JobInfo:
    return JobInfo(
        id=found.pk,
        account_id=found.account_id,
        queue_id=found.queue_id,
        queue=queue,
        kind=DeadLetterJob.Kind(found.kind),
        state=State(found.state),
        wanted=_wanted(found),
        to=found.target_queue,
        keep_attempts=not found.reset_attempts,
        per_second=found.per_second,
        expected=None if found.expected < 0 else found.expected,
        done=found.done,
        skipped=found.skipped,
        actor=found.actor,
        error=found.error,
        created_at=to_micros(found.created_at),
        started_at=None if found.started_at is None else to_micros(found.started_at),
        ended_at=None if found.ended_at is None else to_micros(found.ended_at),
        held_by=found.held_by,
    )
