"""Replaying and purging dead letters: a few at once, many as a job that a worker does in chunks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from queues.broker import names, queues, sql
from queues.broker.errors import QueueNotFound
from queues.broker.lanes import in_transaction
from queues.broker.letters import jobs
from queues.broker.letters.jobs import JobInfo
from queues.broker.letters.listing import preview
from queues.broker.letters.selection import FIRST, Wanted
from queues.broker.letters.working import MOST_AT_ONCE, PURGE, REPLAY, Chunk, Order, work
from queues.models import DeadLetterJob

if TYPE_CHECKING:
    from queues.broker.lanes import Transaction


@dataclass(slots=True, frozen=True)
class Answer:
    """What became of an order: done at once (``done`` letters treated, ``skipped`` left, since the queue they
    came from is not there any more), or a job that was begun."""

    done: int = 0
    skipped: int = 0
    job: JobInfo | None = None


def replay(
    account_id: int,
    queue: str,
    wanted: Wanted | None = None,
    *,
    to: str = "",
    keep_attempts: bool = False,
    per_second: float | None = None,
) -> Answer:
    """Give letters of the queue another life: those dead in place become pending at their old place in the
    order, those that came from another queue go back there as new messages of it; or all of them to the queue
    ``to``. They have all attempts before them, with ``keep_attempts`` those that are left, but one in any
    case. Letters that somebody holds at this moment are left alone.

    At once, if they are at most ``MOST_AT_ONCE``; more of them, or any at a rate ``per_second``, are a job.
    Raises QueueNotFound (also for ``to``), Unavailable."""
    order = _order(REPLAY, account_id, queue, wanted or Wanted(), to, keep_attempts)
    return _do(order, per_second)


def purge(
    account_id: int, queue: str, wanted: Wanted | None = None, *, per_second: float | None = None
) -> Answer:
    """Delete letters of the queue for good. Otherwise like ``replay``."""
    return _do(_order(PURGE, account_id, queue, wanted or Wanted()), per_second)


def _order(
    kind: DeadLetterJob.Kind,
    account_id: int,
    queue: str,
    wanted: Wanted,
    to: str = "",
    keep_attempts: bool = False,
) -> Order:
    if wanted.ids is not None:
        wanted = replace(wanted, ids=tuple(i for i in wanted.ids if names.storable(i)))
    with queues.reading() as db:
        queue_id = queues.id_of(db, account_id, queue)
        if to:
            queues.id_of(db, account_id, to)
        rows = db.rows(sql.NEXT_OFFSET, queue=queue_id)
    if not rows:
        raise QueueNotFound(queue)
    return Order(kind, account_id, queue_id, queue, wanted, rows[0][0], to, keep_attempts)


def _do(order: Order, per_second: float | None) -> Answer:
    seen = preview(order.account_id, order.queue, order.wanted)
    if per_second is None and seen.complete and seen.count <= MOST_AT_ONCE:
        return _at_once(order)
    return Answer(job=jobs.create(order, per_second, expected=seen.count if seen.complete else None))


def _at_once(order: Order) -> Answer:
    act = order.act()

    def do(tx: Transaction, after: int) -> tuple[Chunk, int | None]:
        chunk = work(tx, order, after)
        return chunk, act.record(tx, chunk.done) if chunk.done else act.row

    done = skipped = 0
    after, over = FIRST, False
    while not over:  # few letters, but perhaps among many that are not meant
        chunk, act.row = in_transaction(partial(do, after=after))
        done, skipped = done + chunk.done, skipped + chunk.skipped
        after, over = chunk.done_to, chunk.over
        order.tell(chunk.done)
    return Answer(done, skipped)
