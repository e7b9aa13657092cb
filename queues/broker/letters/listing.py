"""Looking at dead letters: pages of them, what they died of, what a selection would meet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from queues.broker import clock, due, names, queues
from queues.broker.db import Connection, Statement
from queues.broker.errors import QueueNotFound
from queues.broker.lanes import in_transaction
from queues.broker.letters.selection import FIRST, LAST, LETTER, Cursor, Wanted, select
from queues.broker.types import Encoding, Micros, Origin

if TYPE_CHECKING:
    from queues.broker.db import Row

MOST_LETTERS = 20_000
"""Letters that one look goes through."""
COUNTED = 10_000
"""Letters of one queue that are counted by reason: the newest."""
MOST_QUEUES = 200
"""Queues with letters that one look takes in."""
PREVIEW = 160
"""Characters of a body that are shown."""
SHOWN = 5
"""Letters of a preview."""

QUEUES = Statement(
    """
    SELECT q.id, q.name, q.account_id FROM queues_queue q
    WHERE (CAST(:account AS bigint) IS NULL OR q.account_id = :account) AND q.deleted_at IS NULL
        AND q.id >= :first
        AND EXISTS (SELECT 1 FROM queues_message m WHERE m.queue_id = q.id AND NOT (m.dead_reason = ''))
    ORDER BY q.id LIMIT :limit
    """
)

LETTERS = Statement(
    """
    SELECT m."offset", m.public_id, m.dead_at IS NOT NULL, m.dead_reason, m.last_error,
        coalesce(m.dead_at, m.updated_at), m.created_at, coalesce(d.attempts, m.attempts), m.tag, m.size,
        substr(m.body, 1, :preview), m.encoding, m.origin
    FROM queues_message m LEFT JOIN queues_delivery d
        ON d.queue_id = m.queue_id AND d.lane = 0 AND d."offset" = m."offset"
    WHERE m.queue_id = :queue AND m."offset" {in:offsets}
    """
)

REASONS = Statement(
    f"""
    SELECT g.dead_reason, count(*), min(g.died_at), max(g.died_at), max(g."offset") FROM (
        SELECT m.dead_reason, coalesce(m.dead_at, m.updated_at) AS died_at, m."offset"
        FROM queues_message m WHERE {LETTER} ORDER BY m."offset" DESC LIMIT :most
    ) g
    GROUP BY g.dead_reason ORDER BY 2 DESC, 1
    """
)

NEWEST_CAME = Statement(
    """
    SELECT q.id FROM queues_queue q
    WHERE q.id {in:queues} AND (
        SELECT m.dead_at IS NULL FROM queues_message m
        WHERE m.queue_id = q.id AND NOT (m.dead_reason = '') ORDER BY m."offset" DESC LIMIT 1)
    """
)


@dataclass(slots=True, frozen=True)
class Letter:
    """``in_place``: dead in its queue; otherwise it came here from ``origin``, and waits. ``attempts``: of
    the life that ended, for one in place; else those it has had here. ``preview``: the beginning of its
    body."""

    account_id: int
    queue_id: int
    queue: str
    offset: int
    public_id: str
    in_place: bool
    reason: str
    last_error: str
    died_at: Micros
    created_at: Micros
    attempts: int
    tag: str
    size: int
    preview: str
    encoding: Encoding
    origin: Origin | None

    @property
    def cursor(self) -> Cursor:
        return Cursor(self.queue_id, self.offset)


@dataclass(slots=True, frozen=True)
class Page:
    """``searched``: letters gone through. ``next``: the cursor to go on with, also when ``letters`` are fewer
    than were asked for; None when there are no more."""

    letters: list[Letter]
    searched: int
    next: Cursor | None


@dataclass(slots=True, frozen=True)
class Group:
    """The letters of one queue that died of one reason. ``offset``: the newest one's."""

    account_id: int
    queue_id: int
    queue: str
    reason: str
    count: int
    oldest_at: Micros
    newest_at: Micros
    offset: int


@dataclass(slots=True, frozen=True)
class Groups:
    """``complete``: False when a queue has more letters than are counted (the newest), or there
    are more queues than are looked at: then there are at least so many."""

    groups: list[Group]
    complete: bool


@dataclass(slots=True, frozen=True)
class Preview:
    """What a selection would meet. ``complete``: False when there are at least so many."""

    count: int
    complete: bool
    first: list[Letter]


@dataclass(slots=True, frozen=True)
class Place:
    """A queue with letters."""

    id: int
    name: str
    account_id: int


def find(
    account_id: int | None,
    queue: str = "",
    wanted: Wanted | None = None,
    *,
    newest_first: bool = True,
    cursor: Cursor | None = None,
    limit: int = 50,
) -> Page:
    """Up to ``limit`` letters as wanted after ``cursor``, of one queue or of all, one queue after the other.
    Goes through ``MOST_LETTERS`` at the most and then says where to go on. Raises QueueNotFound,
    Unavailable."""
    wanted = wanted or Wanted()
    if queue:
        notice_dead(account_id, queue)
    with queues.looking() as db:
        places = _places(db, account_id, queue, cursor)
        letters: list[Letter] = []
        searched = 0
        for number, place in enumerate(places):
            ends = _ends(cursor, place, newest_first)
            found = select(
                db, place.id, wanted, clock.now(), **ends, newest_first=newest_first,
                limit=limit - len(letters), most=MOST_LETTERS - searched,
            )  # fmt: skip
            letters += _letters(db, place, found.offsets)
            searched += found.searched
            if not found.over:
                return Page(letters, searched, Cursor(place.id, found.last))
            rest = places[number + 1 :]
            if rest and (len(letters) == limit or searched >= MOST_LETTERS):
                return Page(letters, searched, _start(rest[0].id, newest_first))
        more = not queue and len(places) == MOST_QUEUES
        return Page(letters, searched, _start(places[-1].id + 1, newest_first) if more else None)


def groups(account_id: int | None, queue: str = "", *, most: int = COUNTED) -> Groups:
    """What the ``most`` newest letters of a queue, or of each, died of. Raises QueueNotFound, Unavailable."""
    with queues.looking() as db:
        places = _places(db, account_id, queue, None)
        found: list[Group] = []
        complete = len(places) < MOST_QUEUES
        for place in places:
            rows = db.rows(REASONS, queue=place.id, now=clock.now(), most=most)
            found += [Group(place.account_id, place.id, place.name, *row) for row in rows]
            complete = complete and sum(row[1] for row in rows) < most
        return Groups(found, complete)


def dead_letter_queues(queue_ids: Sequence[int]) -> set[int]:
    """Those of these queues that letters come to: the newest letter in them died elsewhere. All that waits
    in such a queue is taken for letters. Raises Unavailable."""
    with queues.looking() as db:
        return {row[0] for row in db.rows(NEWEST_CAME, queues=list(queue_ids))}


def preview(account_id: int, queue: str, wanted: Wanted) -> Preview:
    """How many letters of the queue are as wanted, and the oldest of them. Raises QueueNotFound,
    Unavailable."""
    notice_dead(account_id, queue)
    with queues.looking() as db:
        place = Place(queues.id_of(db, account_id, queue), queue, account_id)
        found = select(db, place.id, wanted, clock.now(), limit=MOST_LETTERS, most=MOST_LETTERS)
        first = _letters(db, place, found.offsets[:SHOWN])
        return Preview(len(found.offsets), found.over, first)


def notice_dead(account_id: int | None, queue: str) -> None:
    """Have those written down as dead whose last lease ran out a moment ago."""
    if account_id is None or not names.storable(queue):
        return
    with queues.reading() as db:
        queue_id = queues.id_of(db, account_id, queue)
        at = due.next_due(db, queue_id)
    if at is not None and at <= clock.now():
        in_transaction(lambda tx: due.promote(tx, queue_id))


def _places(db: Connection, account_id: int | None, queue: str, cursor: Cursor | None) -> list[Place]:
    if queue:
        if account_id is None:
            raise QueueNotFound(queue)
        return [Place(queues.id_of(db, account_id, queue), queue, account_id)]
    first = 0 if cursor is None else cursor.queue_id
    return [Place(*row) for row in db.rows(QUEUES, account=account_id, first=first, limit=MOST_QUEUES)]


def _ends(cursor: Cursor | None, place: Place, newest_first: bool) -> dict[str, int]:
    if cursor is None or cursor.queue_id != place.id:
        return {}
    return {"until": cursor.offset} if newest_first else {"after": cursor.offset}


def _start(queue_id: int, newest_first: bool) -> Cursor:
    return Cursor(queue_id, LAST if newest_first else FIRST)


def _letters(db: Connection, place: Place, offsets: Sequence[int]) -> list[Letter]:
    if not offsets:
        return []
    rows = db.rows(LETTERS, queue=place.id, offsets=list(offsets), preview=PREVIEW)
    by_offset = {row[0]: _letter(place, row) for row in rows}
    return [by_offset[offset] for offset in offsets if offset in by_offset]


def _letter(place: Place, row: Row) -> Letter:
    offset, public_id, in_place, *about, encoding, origin = row
    about.append(Encoding(encoding))
    about.append(None if origin is None else msgspec.json.decode(origin, type=Origin))
    return Letter(place.account_id, place.id, place.name, offset, public_id, bool(in_place), *about)
