"""Looking without touching: one message, pages of them, counts by state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from queues.broker import clock, names, queues, settings_versions, sql
from queues.broker.db import Connection
from queues.broker.errors import MessageNotFound
from queues.broker.types import Encoding, MessageView, QueueStats, State

if TYPE_CHECKING:
    from queues.broker.db import Row


def get_message(account_id: int, queue: str, public_id: str) -> MessageView:
    """One message by its id. Raises QueueNotFound, MessageNotFound, Unavailable."""
    with queues.looking() as db:
        queue_id = queues.id_of(db, account_id, queue)
        rows: list[Row] = []
        if names.storable(public_id):
            rows = db.rows(sql.VIEW_ONE, queue=queue_id, id=public_id, now=clock.now())
        if not rows:
            raise MessageNotFound(public_id)
        return views(db, rows)[0]


def peek(
    account_id: int,
    queue: str,
    *,
    state: State | None = None,
    tag: str = "",
    limit: int = 10,
    skip: int = 0,
) -> list[MessageView]:
    """Up to ``limit`` messages in order of arrival, after skipping ``skip``, without any side effect.
    Raises QueueNotFound, Unavailable."""
    with queues.looking() as db:
        queue_id = queues.id_of(db, account_id, queue)
        if not names.storable(tag):
            return []
        statement = sql.VIEW_PAGES[state, bool(tag)]
        given = {"tag": tag} if tag else {}
        rows = db.rows(statement, queue=queue_id, now=clock.now(), limit=limit, skip=skip, **given)
        return views(db, rows)


def stats(account_id: int, queue: str, *, tag: str = "") -> QueueStats:
    """How many messages are in each state now. Raises QueueNotFound, Unavailable."""
    with queues.looking() as db:
        queue_id = queues.id_of(db, account_id, queue)
        if not names.storable(tag):
            return QueueStats()
        if tag:
            counts: dict[str, int] = dict(db.rows(sql.COUNT_TAGGED, queue=queue_id, tag=tag, now=clock.now()))
            return QueueStats(**{str(state): counts.get(str(state), 0) for state in State})
        return _from_counters(db.rows(sql.COUNT_ALL, queue=queue_id, now=clock.now())[0])


def _from_counters(row: Row) -> QueueStats:
    messages, acked, dead, scheduled, leased, exhausted, *expired = (int(value or 0) for value in row)
    pending = messages - acked - dead - scheduled - leased - exhausted
    counts = (pending, leased, scheduled, dead + exhausted, acked)
    return QueueStats(*(max(count - over, 0) for count, over in zip(counts, expired, strict=True)))


def views(db: Connection, rows: list[Row]) -> list[MessageView]:
    settings = settings_versions.load(db, {row[-1] for row in rows})
    return [_view(*row[:-1], settings[row[-1]]) for row in rows]


def _view(public_id: str, offset: int, state: str, body: str, encoding: int, *rest: Any) -> MessageView:
    return MessageView(public_id, offset, State(state), body, Encoding(encoding), *rest)
