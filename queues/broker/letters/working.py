"""What happens to one chunk of dead letters, in one transaction."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from queues.broker import audit, dead_letters, events, observe, sql
from queues.broker.audit import Act
from queues.broker.db import Statement
from queues.broker.dead_letters import Target
from queues.broker.errors import QueueNotFound
from queues.broker.events import Event, Kind
from queues.broker.letters.selection import SCAN, Wanted, select
from queues.broker.records import Batch, Record, load
from queues.broker.types import Origin
from queues.models import DeadLetterJob

if TYPE_CHECKING:
    from queues.broker.lanes import Transaction

MOST_AT_ONCE = 1_000
"""Letters one transaction treats at the most, so that publishers and receivers get their turn in between."""

REPLAY, PURGE = DeadLetterJob.Kind.REPLAY, DeadLetterJob.Kind.PURGE

ORIGINS = Statement(
    """
    SELECT "offset", origin FROM queues_message
    WHERE queue_id = :queue AND "offset" {in:offsets} AND origin IS NOT NULL
    """
)


@dataclass(slots=True, frozen=True)
class Order:
    """What is to be done to which letters of a queue. ``to``: the queue they are replayed to; empty: each
    where it died. ``until``: letters from this offset on came later and are left alone."""

    kind: DeadLetterJob.Kind
    account_id: int
    queue_id: int
    queue: str
    wanted: Wanted
    until: int
    to: str = ""
    keep_attempts: bool = False

    def act(self, **detail: Any) -> Act:
        """What the audit log will say of it."""
        wanted = msgspec.structs.asdict(self.wanted) | {"ids": audit.some(self.wanted.ids)}
        detail |= {"to": self.to, "keep_attempts": self.keep_attempts, **wanted}
        return Act(self.account_id, f"dead_letters.{self.kind}", f"queue {self.queue}", detail)

    def tell(self, done: int) -> None:
        """Whoever measures, after the commit."""
        if observe.watcher is not None and done:
            told = observe.watcher.replayed if self.kind == REPLAY else observe.watcher.deleted
            told(self.queue, done)


@dataclass(slots=True, frozen=True)
class Chunk:
    """``done``: letters treated; ``skipped``: left as they are, since nobody knows where to replay them to;
    ``done_to``: the offset up to which that was; ``over``: there are no further ones."""

    done: int
    skipped: int
    done_to: int
    over: bool


def work(tx: Transaction, order: Order, after: int, limit: int = MOST_AT_ONCE) -> Chunk:
    """Do the order to the next letters behind the offset ``after``. Raises QueueNotFound when ``to`` is not
    there (any more)."""
    found = select(
        tx.db, order.queue_id, order.wanted, tx.now, after=after, until=order.until, limit=limit, most=SCAN
    )
    targets = _Targets(tx, order, _origins(tx, order, found.offsets))
    if not found.offsets:
        return Chunk(0, 0, found.last, found.over)
    rows = tx.db.rows(sql.RECORDS_BY_OFFSET, queue=order.queue_id, offsets=found.offsets)
    batch = Batch(tx, order.queue_id, load(tx, order.queue_id, rows))
    letters = [record for record in batch.records if _is_letter(record, tx.now)]
    if order.kind == PURGE:
        for record in letters:
            record.remove()
        done, skipped = len(letters), 0
    else:
        done, skipped = _replay(tx, order, targets, letters)
    batch.flush()
    return Chunk(done, skipped, found.last, found.over)


def _is_letter(record: Record, now: int) -> bool:
    """Still, now that it is locked; and nobody holds it at this moment."""
    return bool(record.dead_reason) and record.acked_at is None and not record.leased(now)


def _replay(tx: Transaction, order: Order, targets: _Targets, letters: list[Record]) -> tuple[int, int]:
    """How many were replayed, and how many have nowhere to go."""
    moving: dict[int, list[Record]] = defaultdict(list)
    done = 0
    for record in letters:
        in_place = record.dead_at is not None
        if in_place and order.to in ("", order.queue):
            record.revive(tx.now, keep_attempts=order.keep_attempts)
            done += 1
        elif (target := targets.of(record.offset, in_place)) is not None:
            moving[target.id].append(record)
    for queue_id in sorted(moving):
        target, records = targets.by_id[queue_id], moving[queue_id]
        _tell(tx, records, targets.names[queue_id])
        dead_letters.transfer(tx, order.queue, target, records, keep_attempts=order.keep_attempts)
        for record in records:
            record.remove()
        done += len(records)
    return done, len(letters) - done


def _tell(tx: Transaction, records: list[Record], to: str) -> None:
    """Before they move, so that it moves with them."""
    replayed = [
        Event(record.offset, Kind.REPLAYED, tx.now, record.attempts, reason=f"to queue {to}")
        for record in records
    ]
    events.write(tx, records[0].queue_id, replayed)


def _origins(tx: Transaction, order: Order, offsets: list[int]) -> dict[int, str]:
    """The name of the queue each came from."""
    if order.kind == PURGE or order.to or not offsets:
        return {}
    rows = tx.db.rows(ORIGINS, queue=order.queue_id, offsets=offsets)
    return {offset: msgspec.json.decode(origin, type=Origin).queue for offset, origin in rows}


class _Targets:
    """The queues that letters of one chunk go to, locked together with their own, in the order of all others
    who lock queues: before any delivery."""

    def __init__(self, tx: Transaction, order: Order, origins: dict[int, str]) -> None:
        self.order = order
        self.origins = origins
        wanted = set(origins.values()) | ({order.to} if order.to and order.to != order.queue else set())
        rows = []
        if wanted and order.kind == REPLAY:
            rows = tx.db.rows(
                sql.QUEUES_BY_NAME, accounts=[order.account_id], names=sorted(wanted | {order.queue})
            )
        self.by_id = {row[0]: Target(row[0], row[3], row[4]) for row in rows}
        self.names: dict[int, str] = {row[0]: row[2] for row in rows}
        self._by_name = {row[2]: self.by_id[row[0]] for row in rows}
        if order.to and order.kind == REPLAY:
            self.named(order.to)

    def named(self, name: str) -> Target | None:
        """None: that is the letters' own queue. Raises QueueNotFound."""
        if name == self.order.queue:
            return None
        if name not in self._by_name:
            raise QueueNotFound(name)
        return self._by_name[name]

    def of(self, offset: int, in_place: bool) -> Target | None:
        """Where a letter goes; None: nobody knows."""
        if self.order.to:
            return self.named(self.order.to)
        return None if in_place else self._by_name.get(self.origins.get(offset, ""))
