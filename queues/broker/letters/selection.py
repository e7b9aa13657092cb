"""Which dead letters are meant, and finding their offsets in one queue in bounded work."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from queues.broker import contents, names, sql
from queues.broker.db import Connection, Statement
from queues.broker.types import Encoding, Micros

if TYPE_CHECKING:
    from queues.broker.db import Row

SCAN = 1_000
"""Letters one statement goes through."""
BODIES_AT_ONCE = 1024 * 1024
MOST_BYTES = 16 * 1024 * 1024
"""Bytes of bodies that one look reads."""
FIRST, LAST = -1, 2**62
"""Offsets no message has: before the first and after the last."""


class Wanted(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which letters are meant; what is empty or None does not matter.

    ``ids``: public ids; ``reason``: exactly, of their death; ``tag``: exactly; ``text``: anywhere in the
    body, capitals or not; ``died_after`` (included) and ``died_before`` bound when they died, or came
    here."""

    ids: tuple[str, ...] | None = None
    reason: str = ""
    tag: str = ""
    text: str = ""
    died_after: Micros | None = None
    died_before: Micros | None = None

    @property
    def storable(self) -> bool:
        """False: no letter can be meant, and the database must not be asked for such a text."""
        return names.storable(self.reason) and names.storable(self.tag)

    def seems(self, row: Row) -> bool:
        """Whether all but the body is as wanted."""
        _, reason, tag, died_at, _ = row
        return bool(
            (not self.reason or reason == self.reason)
            and (not self.tag or tag == self.tag)
            and (self.died_after is None or died_at >= self.died_after)
            and (self.died_before is None or died_at < self.died_before)
        )


class Cursor(NamedTuple):
    """The place of a letter; the ones after it come next."""

    queue_id: int
    offset: int


# A letter, in the words of the index message_letter; what expired is none any more.
LETTER = """
    m.queue_id = :queue AND NOT (m.dead_reason = '') AND m.acked_at IS NULL
    AND (m.sweep_at IS NULL OR m.sweep_at > :now)
"""
_SEEN = f"""
    SELECT m."offset", m.dead_reason, m.tag, coalesce(m.dead_at, m.updated_at), m.size
    FROM queues_message m WHERE {LETTER} AND m."offset" > :after AND m."offset" < :until
"""
OLDEST = Statement(f'{_SEEN} ORDER BY m."offset" LIMIT :scan')
NEWEST = Statement(f'{_SEEN} ORDER BY m."offset" DESC LIMIT :scan')
OLDEST_BY_ID = Statement(f'{_SEEN} AND m.public_id {{in:ids}} ORDER BY m."offset" LIMIT :scan')
NEWEST_BY_ID = Statement(f'{_SEEN} AND m.public_id {{in:ids}} ORDER BY m."offset" DESC LIMIT :scan')


@dataclass(slots=True)
class Found:
    """``offsets``: of letters as wanted. ``searched``: letters gone through. ``last``: the last offset that
    was gone through. ``over``: there are no further ones."""

    offsets: list[int] = field(default_factory=list)
    searched: int = 0
    last: int = FIRST
    over: bool = False


def select(
    db: Connection,
    queue_id: int,
    wanted: Wanted,
    now: Micros,
    *,
    after: int = FIRST,
    until: int = LAST,
    newest_first: bool = False,
    limit: int,
    most: int,
) -> Found:
    """Up to ``limit`` letters of a queue as wanted whose offsets lie between the two, going through at most
    ``most`` of them and MOST_BYTES of their bodies."""
    found = Found(last=until if newest_first else after)
    if not wanted.storable:
        found.over = True
        return found
    given: dict[str, object] = {"queue": queue_id, "now": now, "after": after, "until": until}
    statement = NEWEST if newest_first else OLDEST
    if wanted.ids is not None:
        statement = NEWEST_BY_ID if newest_first else OLDEST_BY_ID
        given["ids"] = [public_id for public_id in wanted.ids if names.storable(public_id)]
    weight = 0
    while True:
        scan = min(SCAN, most - found.searched)
        rows = db.rows(statement, scan=scan, **dict(given))
        for part in _parts(rows, wanted):
            weight += sum(row[-1] for row in part) if wanted.text else 0
            _take(db, queue_id, wanted, part, found, limit)
            if len(found.offsets) == limit or weight >= MOST_BYTES:
                return found
        if len(rows) < scan:
            found.over = True
            return found
        if found.searched >= most:
            return found
        given["until" if newest_first else "after"] = rows[-1][0]


def _parts(rows: list[Row], wanted: Wanted) -> Iterator[list[Row]]:
    """``rows`` in parts of few enough bytes to be read at once."""
    if not wanted.text:
        yield rows
        return
    part: list[Row] = []
    weight = 0
    for row in rows:
        part.append(row)
        weight += row[-1]
        if weight >= BODIES_AT_ONCE:
            yield part
            part, weight = [], 0
    yield part


def _take(db: Connection, queue_id: int, wanted: Wanted, rows: list[Row], found: Found, limit: int) -> None:
    hits = {row[0] for row in rows if wanted.seems(row)}
    if wanted.text and hits:
        bodies = db.rows(sql.BODIES, queue=queue_id, offsets=sorted(hits))
        hits = {row[0] for row in bodies if contents.has_text(row[1], Encoding(row[2]), wanted.text)}
    for row in rows:
        found.searched += 1
        found.last = row[0]
        if row[0] in hits:
            found.offsets.append(row[0])
            if len(found.offsets) == limit:
                return
