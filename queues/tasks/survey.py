"""Which queues have something for this worker's handlers: of all accounts, in one look."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from queues.broker.lanes import LANES, Operation
from queues.broker.wakes import of_number
from queues.tasks import sql

if TYPE_CHECKING:
    from queues.broker.lanes import Transaction
    from queues.broker.types import Micros

NEW_QUEUES = of_number(1 << 59)
"""The channel on which workers hear that a queue has got its first task. (Tasks' own are below 2 ** 56.)"""

_told: set[int] = set()
_MOST_TOLD = 100_000


def tell_of(tx: Transaction, queue_ids: Iterable[int]) -> None:
    """Tasks were made in these queues. Workers listen to the queues they know; of others they hear here,
    once from each process. Told in a transaction that then fails, it is heard with the next look at all."""
    new = [queue_id for queue_id in queue_ids if queue_id not in _told]
    if new:
        if len(_told) > _MOST_TOLD:
            _told.clear()
        _told.update(new)
        tx.wakes.everyone(NEW_QUEUES)


class Queue(NamedTuple):
    account_id: int
    name: str


class Found(NamedTuple):
    """``known``: all queues that were asked about. ``ready``: those with something to do. ``next_due``: when
    one of the others may have, by the clock alone."""

    known: tuple[int, ...]
    ready: list[Queue]
    next_due: Micros | None


def survey(types: list[str], known: tuple[int, ...] | None) -> Found:
    """Look at the queues ``known``, None: at all that have tasks. Raises Unavailable."""
    found: Found = LANES.of("receive").submit(Survey(types, known))
    return found


class Survey(Operation):
    __slots__ = ("known", "types")

    def __init__(self, types: list[str], known: tuple[int, ...] | None) -> None:
        super().__init__()
        self.types = types
        self.known = known

    @classmethod
    def run(cls, tx: Transaction, operations: list[Survey]) -> None:
        for operation in operations:
            operation.result = operation.look(tx)

    def look(self, tx: Transaction) -> Found:
        known = self.known
        if known is None:
            known = tuple(queue_id for (queue_id,) in tx.db.rows(sql.QUEUES_WITH_TASKS))
        ready: list[Queue] = []
        next_due: Micros | None = None
        rows = tx.db.rows(sql.QUEUES_TO_WORK_ON, queues=list(known), types=self.types) if known else []
        for _, account_id, name, something, due_at in rows:
            # What is due is not promoted yet: that is done by whoever claims.
            if something or (due_at is not None and due_at <= tx.now):
                ready.append(Queue(account_id, name))
            elif due_at is not None:
                next_due = due_at if next_due is None else min(next_due, due_at)
        return Found(known, ready, next_due)
