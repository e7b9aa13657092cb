"""Looking without touching: one message, pages of them, the log from an offset on, counts by state."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from queues.broker import clock, names, queues, settings_versions, sql
from queues.broker.db import Connection
from queues.broker.errors import MessageNotFound, PageTooLarge
from queues.broker.types import Encoding, Ids, MessageView, Micros, QueueStats, State

if TYPE_CHECKING:
    from queues.broker.db import Row


MAX_PAGE_BYTES = 64 * 1024 * 1024
"""Of the bodies of one page: they are in memory together, with the answer that is made of them."""
FEW = 32
"""So many messages never come to more: no dialect takes one of more than 2 MiB."""


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
    Raises QueueNotFound, PageTooLarge, Unavailable."""
    with queues.looking() as db:
        queue_id = queues.id_of(db, account_id, queue)
        if not names.storable(tag):
            return []
        given = {"tag": tag} if tag else {}
        look = sql.VIEW_PAGES[state, bool(tag)]
        return views(db, _rows(db, look, limit, queue=queue_id, now=clock.now(), skip=skip, **given))


def _rows(db: Connection, look: sql.Page, limit: int, **given: Any) -> list[Row]:
    if limit > FEW:
        size = db.rows(look.size, limit=limit, **given)[0][0]
        if size is not None and size > MAX_PAGE_BYTES:
            raise PageTooLarge(size, MAX_PAGE_BYTES)
    return db.rows(look.view, limit=limit, **given)


class Which(Enum):
    """Messages as people tell them apart: what waits is one thing, whether it is ready or delayed."""

    ALL = "all"
    WAITING = "waiting"
    LEASED = "leased"
    ACKED = "acked"
    DEAD = "dead"


MAX_OFFSET = 2**63 - 1

_PAGES = {
    Which.ALL: sql.VIEW_PAGES[None, False],
    Which.WAITING: sql.VIEW_WAITING,
    Which.LEASED: sql.VIEW_PAGES[State.PROCESSING, False],
    Which.ACKED: sql.VIEW_PAGES[State.ACKED, False],
    Which.DEAD: sql.VIEW_DEAD,
}


@dataclass(slots=True, frozen=True)
class MessagePage:
    """``total``: how many there are beyond the page."""

    messages: list[MessageView]
    total: int


def page(account_id: int, queue: str, which: Which, *, limit: int, skip: int = 0) -> MessagePage:
    """Up to ``limit`` messages in order of arrival (the dead: the newest first), after skipping ``skip``, and
    how many there are in all, at the same instant. Raises QueueNotFound, PageTooLarge, Unavailable."""
    with queues.looking() as db:
        queue_id, now = queues.id_of(db, account_id, queue), clock.now()
        given = {"reach": min(limit + skip, MAX_OFFSET)} if which is Which.DEAD else {}
        rows = _rows(db, _PAGES[which], limit, queue=queue_id, now=now, skip=skip, **given)
        counts = count(db, queue_id, now)
        return MessagePage(views(db, rows), _total(counts, which))


def count(db: Connection, queue_id: int, now: Micros) -> QueueStats:
    """How many messages of the queue are in each state at ``now``."""
    return _from_counters(db.rows(sql.COUNT_ALL, queue=queue_id, now=now)[0])


def _total(counts: QueueStats, which: Which) -> int:
    return {
        Which.ALL: counts.total,
        Which.WAITING: counts.pending + counts.scheduled,
        Which.LEASED: counts.processing,
        Which.ACKED: counts.acked,
        Which.DEAD: counts.failed,
    }[which]


def get_messages(account_id: int, queue: str, public_ids: Ids) -> dict[str, MessageView]:
    """Those of the messages that are there, by id. Raises QueueNotFound, Unavailable."""
    with queues.looking() as db:
        queue_id = queues.id_of(db, account_id, queue)
        ids = [public_id for public_id in public_ids if names.storable(public_id)]
        rows = db.rows(sql.VIEW_SOME, queue=queue_id, ids=ids, now=clock.now()) if ids else []
        return {view.public_id: view for view in views(db, rows)}


def read_log(account_id: int, queue: str, first: int, *, limit: int) -> list[MessageView]:
    """Up to ``limit`` messages from offset ``first`` on, in whatever state. Raises QueueNotFound,
    PageTooLarge, Unavailable."""
    with queues.looking() as db:
        queue_id = queues.id_of(db, account_id, queue)
        return views(db, _rows(db, sql.VIEW_FROM, limit, queue=queue_id, first=first, now=clock.now()))


def log_ends(account_id: int, queue: str) -> tuple[int, int]:
    """The lowest and the highest offset of a stored message; of an empty queue the next one, and the one
    before it. Raises QueueNotFound, Unavailable."""
    with queues.looking() as db:
        queue_id = queues.id_of(db, account_id, queue)
        head, tail = db.rows(sql.ENDS, queue=queue_id, now=clock.now())[0]
        if head is None:
            following: int = db.rows(sql.NEXT_OFFSET, queue=queue_id)[0][0]
            return following, following - 1
        return head, tail


def stats(account_id: int, queue: str, *, tag: str = "") -> QueueStats:
    """How many messages are in each state now. Raises QueueNotFound, Unavailable."""
    with queues.looking() as db:
        queue_id = queues.id_of(db, account_id, queue)
        if not names.storable(tag):
            return QueueStats()
        if tag:
            counts: dict[str, int] = dict(db.rows(sql.COUNT_TAGGED, queue=queue_id, tag=tag, now=clock.now()))
            return QueueStats(**{str(state): counts.get(str(state), 0) for state in State})
        return count(db, queue_id, clock.now())


def _from_counters(row: Row) -> QueueStats:
    messages, acked, dead, scheduled, leased, exhausted, *expired = (int(value or 0) for value in row)
    pending = messages - acked - dead - scheduled - leased - exhausted
    counts = (pending, leased, scheduled, dead + exhausted, acked)
    return QueueStats(*(max(count - over, 0) for count, over in zip(counts, expired, strict=True)))


def views(db: Connection, rows: list[Row]) -> list[MessageView]:
    settings = settings_versions.load(db, {row[-1] for row in rows})
    return [_view(*row[:-1], settings[row[-1]]) for row in rows]


def _view(
    queue_id: int, public_id: str, offset: int, state: str, body: str, encoding: int, *rest: Any
) -> MessageView:
    return MessageView(queue_id, public_id, offset, State(state), body, Encoding(encoding), *rest)
