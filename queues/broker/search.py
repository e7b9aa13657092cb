"""Looking through a queue for messages, newest first, at a cost that does not grow with the queue.

A look goes through at most ``MOST_MESSAGES`` messages and ``MOST_BYTES`` of bodies, and stops early when it
has found enough or has taken ``ENOUGH_SECONDS``. It says how many it went through and where to go on, so that
"nothing found" is never said of messages nobody looked at.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from queues.broker import ages, clock, contents, names, queues
from queues.broker.browse import views
from queues.broker.db import Connection
from queues.broker.errors import MessageNotFound
from queues.broker.sql import search as sql
from queues.broker.types import Encoding, MessageView, Micros, State
from queues.models import DeliveryState

if TYPE_CHECKING:
    from queues.broker.db import Row, Statement

MOST_MESSAGES = 20_000
MOST_BYTES = 16 * 1024 * 1024
ENOUGH_SECONDS = 0.15
MOST_TIMED = 100_000
"""Scheduled and leased messages that are put in order for a look at them."""
FIRST_CHUNK, LARGEST_CHUNK = 250, 4_000
BODIES_AT_ONCE = 1024 * 1024
"""Bytes."""
MOST_QUEUES = 5_000
"""Queues that are asked for an id."""
PREVIEW = 160
"""Characters of a body that a line shows."""

LIVE_STATES = (State.PENDING, State.PROCESSING, State.SCHEDULED)
TIMED_STATES = {State.SCHEDULED: DeliveryState.SCHEDULED, State.PROCESSING: DeliveryState.LEASED}


@dataclass(slots=True, frozen=True)
class Wanted:
    """What is looked for; what is empty or None does not matter.

    ``published_after`` and ``published_before`` bound the time of publication. ``text``: anywhere in the
    body, capitals or not. ``path`` and ``value``: the JSON body holds ``value`` at ``path``."""

    state: State | None = None
    tag: str = ""
    partition_key: str = ""
    published_after: Micros | None = None
    published_before: Micros | None = None
    attempts: int = 0
    text: str = ""
    path: contents.Path | None = None
    value: str = ""

    @property
    def in_body(self) -> bool:
        return bool(self.text) or self.path is not None

    def seems(self, row: Row) -> bool:
        """Whether all but the body is as wanted."""
        _, alive, state, tag, key, attempts, created_at, _ = row
        return bool(
            alive
            and (self.state is None or state == self.state)
            and (not self.tag or tag == self.tag)
            and (not self.partition_key or key == self.partition_key)
            and attempts >= self.attempts
            and (self.published_after is None or created_at >= self.published_after)
            and (self.published_before is None or created_at <= self.published_before)
        )

    def holds(self, body: str, encoding: Encoding) -> bool:
        """Whether the body is as wanted."""
        if self.text and not contents.has_text(body, encoding, self.text):
            return False
        return self.path is None or contents.has_value(body, encoding, self.path, self.value)


@dataclass(slots=True, frozen=True)
class Line:
    """A message in a list. ``preview``: the beginning of its body's text."""

    offset: int
    public_id: str
    state: State
    preview: str
    encoding: Encoding
    size: int
    tag: str
    partition_key: str
    priority: int
    attempts: int
    created_at: Micros
    deliver_at: Micros
    acked_at: Micros | None
    dead_at: Micros | None
    dead_reason: str
    last_error: str
    lease_until: Micros | None


@dataclass(slots=True)
class Found:
    """``searched``: messages gone through, the newest being ``newest`` and the oldest ``oldest``; ``bytes``:
    of bodies. ``next``: where to go on (as ``before``), None when there is nothing further. ``began_below``,
    ``ended_above``: what is from there on was passed over, since it is too young, or too old."""

    lines: list[Line] = field(default_factory=list)
    searched: int = 0
    bytes: int = 0
    newest: int | None = None
    oldest: int | None = None
    next: int | None = None
    began_below: int | None = None
    ended_above: int | None = None


def search(queue_id: int, wanted: Wanted, *, before: int | None = None, limit: int = 50) -> Found:
    """Up to ``limit`` messages as ``wanted`` whose offset is less than ``before``, newest first.
    Raises Unavailable."""
    if not (names.storable(wanted.tag) and names.storable(wanted.partition_key)):
        return Found()
    with queues.looking() as db:
        return _Look(db, queue_id, wanted, limit).go(2**62 if before is None else before)


def first_in_line(queue_id: int, limit: int) -> list[Line]:
    """The messages that would be handed out next, in that order. Raises Unavailable."""
    with queues.looking() as db:
        now = clock.now()
        offsets = [row[0] for row in db.rows(sql.FIRST_IN_LINE, queue=queue_id, limit=limit)]
        lines = {line.offset: line for line in _lines(db, queue_id, offsets, now)}
        return [lines[offset] for offset in offsets if offset in lines]


def view_at(queue_id: int, offset: int) -> MessageView:
    """One message by its offset. Raises MessageNotFound, Unavailable."""
    with queues.looking() as db:
        rows = db.rows(sql.VIEW_AT, queue=queue_id, offset=offset, now=clock.now())
        if not rows:
            raise MessageNotFound(f"offset {offset}")
        return views(db, rows)[0]


def find_id(public_id: str) -> list[tuple[int, int]]:
    """Queue and offset of the messages with that id, in the ``MOST_QUEUES`` newest queues.
    Raises Unavailable."""
    if not names.storable(public_id):
        return []
    with queues.looking() as db:
        ids = [row[0] for row in db.rows(sql.LIVING_QUEUES, most=MOST_QUEUES)]
        return [(row[0], row[1]) for row in db.rows(sql.OFFSETS_OF_ID, queues=ids, id=public_id)]


class _Look:
    def __init__(self, db: Connection, queue_id: int, wanted: Wanted, limit: int) -> None:
        self.db = db
        self.queue_id = queue_id
        self.wanted = wanted
        self.limit = limit
        self.now = clock.now()
        self.found = Found()
        self.offsets: list[int] = []
        self.begun = time.monotonic()

    def go(self, before: int) -> Found:
        before, floor = self._bounds(before)
        statement, chunk = self._source(), FIRST_CHUNK
        while True:
            rows = self._rows(statement, before, min(chunk, MOST_MESSAGES - self.found.searched))
            stopped = self._take([row for row in rows if row[0] > floor])
            if stopped or len(rows) < chunk or rows[-1][0] <= floor:
                # Stopped on the very last message there is: one more look, which finds nothing.
                self.found.next = self.found.oldest if stopped else None
                break
            before, chunk = rows[-1][0], self._next_chunk(chunk)
        self.found.lines = _lines(self.db, self.queue_id, self.offsets, self.now)
        return self.found

    def _bounds(self, before: int) -> tuple[int, int]:
        """Below which offset to begin, and the one not to go down to."""
        floor, wanted = -1, self.wanted
        if wanted.published_before is not None:
            last = ages.last_before(self.db, self.queue_id, wanted.published_before + ages.SLACK)
            if last is not None and last + 1 < min(before, ages.end(self.db, self.queue_id)):
                before = self.found.began_below = last + 1
        if wanted.published_after is not None:
            last = ages.last_before(self.db, self.queue_id, wanted.published_after - ages.SLACK)
            if last is not None and last >= 0:
                floor = self.found.ended_above = last
        return before, floor

    def _next_chunk(self, chunk: int) -> int:
        """Twice as many, but no more than the time that is left will do for."""
        spent = time.monotonic() - self.begun
        affordable = int(self.found.searched * (ENOUGH_SECONDS - spent) / max(spent, 1e-6))
        return max(FIRST_CHUNK, min(chunk * 2, LARGEST_CHUNK, affordable))

    def _source(self) -> Statement:
        """The index that leads to what is wanted with the least beside it."""
        state = self.wanted.state
        if state is State.FAILED:
            return sql.DEAD
        if self.wanted.tag:
            return sql.TAGGED
        if self.wanted.partition_key and state in LIVE_STATES:
            return sql.KEYED
        if state in TIMED_STATES:
            many = self.db.rows(sql.COUNT_TIMED, queue=self.queue_id, most=MOST_TIMED + 1)[0][0] > MOST_TIMED
            return sql.LIVE if many else sql.TIMED
        return sql.LIVE if state is State.PENDING else sql.ALL

    def _rows(self, statement: Statement, before: int, scan: int) -> list[Row]:
        given: dict[str, object] = {"queue": self.queue_id, "before": before, "now": self.now, "scan": scan}
        if statement is sql.TAGGED:
            given["tag"] = self.wanted.tag
        elif statement is sql.KEYED:
            given["key"] = self.wanted.partition_key
        elif statement is sql.TIMED and self.wanted.state is not None:
            given["timed"] = TIMED_STATES[self.wanted.state]
        return self.db.rows(statement, **given)

    def _take(self, rows: list[Row]) -> bool:
        """Go through ``rows``; True: that is enough, whether all of them were looked at or not."""
        for part in self._parts(rows):
            hits = {row[0] for row in part if self.wanted.seems(row)}
            if self.wanted.in_body and hits:
                self.found.bytes += sum(row[-1] for row in part if row[0] in hits)
                hits = set(self._holding(sorted(hits)))
            for row in part:
                self._note(row)
                if row[0] in hits:
                    self.offsets.append(row[0])
                    if len(self.offsets) == self.limit:
                        return True
            if self._is_over():
                return True
        return False

    def _parts(self, rows: list[Row]) -> Iterator[list[Row]]:
        """``rows`` in parts of few enough bytes to be read at once."""
        if not self.wanted.in_body:
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

    def _holding(self, offsets: list[int]) -> Iterator[int]:
        rows = self.db.rows(sql.BODIES, queue=self.queue_id, offsets=offsets)
        for offset, body, encoding in rows:
            if self.wanted.holds(body, Encoding(encoding)):
                yield offset

    def _note(self, row: Row) -> None:
        self.found.searched += 1
        self.found.oldest = row[0]
        if self.found.newest is None:
            self.found.newest = row[0]

    def _is_over(self) -> bool:
        too_much = self.found.searched >= MOST_MESSAGES or self.found.bytes >= MOST_BYTES
        return too_much or time.monotonic() - self.begun >= ENOUGH_SECONDS


def _lines(db: Connection, queue_id: int, offsets: list[int], now: Micros) -> list[Line]:
    if not offsets:
        return []
    rows = db.rows(sql.LINES, queue=queue_id, offsets=offsets, now=now, preview=PREVIEW)
    return [Line(r[0], r[1], State(r[2]), r[3], Encoding(r[4]), *r[5:]) for r in rows]
