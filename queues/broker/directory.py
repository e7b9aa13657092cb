"""An account's queues by the page, with their figures."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from django.db.models import BigIntegerField, F, OuterRef, Subquery, Sum, Value
from django.db.models.functions import Coalesce, Collate, StrIndex

from queues.broker import census, clock, names, queues, sql
from queues.broker.census import NotPending
from queues.broker.db import Connection
from queues.broker.types import QueueInfo, QueueStats, State
from queues.models import Queue, QueueCounter


class Sort(StrEnum):
    NAME = "name"
    CREATED = "created"
    UPDATED = "updated"
    MESSAGES = "messages"
    """Those not yet acked and not dead."""
    DEAD = "dead"


_COUNTED = {Sort.MESSAGES: F("messages") - F("acked") - F("dead"), Sort.DEAD: F("dead")}
_COLUMNS = {Sort.NAME: "bytewise", Sort.CREATED: "created_at", Sort.UPDATED: "updated_at"}


@dataclass(slots=True, frozen=True)
class QueuePage:
    """``total``: how many queues match beyond the page."""

    queues: list[tuple[QueueInfo, QueueStats]]
    total: int


def page(
    account_id: int,
    *,
    name_part: str = "",
    kind: str | None = None,
    paused: bool | None = None,
    sort: Sort = Sort.CREATED,
    descending: bool = False,
    limit: int,
    skip: int = 0,
) -> QueuePage:
    """Up to ``limit`` of the account's queues whose names contain ``name_part``, of one kind, paused or not,
    after skipping ``skip``. Raises Unavailable."""
    if not names.storable(name_part):
        return QueuePage([], 0)
    found = Queue.objects.filter(account_id=account_id, deleted_at=None)
    if name_part:
        # Not LIKE, in which SQLite takes an A for an a.
        found = found.annotate(at=StrIndex("name", Value(name_part))).filter(at__gt=0)
    if kind is not None:
        found = found.filter(kind=kind)
    if paused is not None:
        found = found.filter(paused_at__isnull=not paused)
    if sort in _COUNTED:
        shards = QueueCounter.objects.filter(queue_id=OuterRef("pk")).order_by().values("queue_id")
        total = shards.annotate(total=Sum(_COUNTED[sort], output_field=BigIntegerField())).values("total")
        found = found.annotate(counted=Coalesce(Subquery(total), Value(0), output_field=BigIntegerField()))
    column = _COLUMNS.get(sort, "counted")
    sign = "-" if descending else ""
    with queues.reading() as db:
        count = found.count()
        if sort is Sort.NAME:
            # As SQLite does: the languages of PostgreSQL databases do not agree on hyphens and underscores.
            found = found.annotate(bytewise=Collate("name", "C" if db.postgresql else "BINARY"))
        infos = queues.infos(found.order_by(f"{sign}{column}", f"{sign}id")[skip : skip + limit])
        figures = _figures(db, [info.id for info in infos])
        return QueuePage([(info, figures[info.id]) for info in infos], count)


def _figures(db: Connection, ids: list[int]) -> dict[int, QueueStats]:
    """How many messages each of the queues has in each state now."""
    if not ids:
        return {}
    now = clock.now()
    totals = {row[0]: row[1:] for row in db.rows(census.TOTALS, ids=ids)}
    others = census.not_pending(db, ids, now)
    expired: dict[int, Counter[str]] = {queue_id: Counter() for queue_id in ids}
    for queue_id, state, count in db.rows(sql.COUNT_EXPIRED, ids=ids, now=now):
        expired[queue_id][state] += count
    return {
        queue_id: _stats(totals.get(queue_id, (0,) * 9), others.get(queue_id, census.NONE), expired[queue_id])
        for queue_id in ids
    }


def _stats(totals: tuple[int, ...], others: NotPending, expired: Counter[str]) -> QueueStats:
    messages, acked, dead = (int(value or 0) for value in totals[:3])
    scheduled, leased, exhausted = others
    counts = {
        State.PENDING: messages - acked - dead - scheduled - leased - exhausted,
        State.PROCESSING: leased,
        State.SCHEDULED: scheduled,
        State.FAILED: dead + exhausted,
        State.ACKED: acked,
    }
    return QueueStats(**{str(state): max(count - expired[state], 0) for state, count in counts.items()})
