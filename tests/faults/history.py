"""What clients saw: every call they made, when, and how it ended. The checker decides on nothing else.

Times are seconds of one machine's clock, which all clients share; a call's effect lies somewhere between its
start and its end, or anywhere after its start if its answer never came.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf


class How(StrEnum):
    OK = "ok"
    FAILED = "failed"
    """The server said no: nothing changed."""
    UNKNOWN = "unknown"
    """No answer: it may have happened, may happen yet, or never."""


@dataclass(frozen=True)
class Publication:
    """``token`` is unique and stands in the body; ``dedup`` equal for those that are to be one message;
    ``at``: not before this time."""

    token: str
    body: str
    dedup: str = ""
    key: str = ""
    at: float = 0.0


@dataclass(frozen=True)
class Delivery:
    """``attempt`` and ``receipt`` where the dialect tells them; ``lease``: seconds it was promised for."""

    id: str
    token: str
    body: str
    lease: float
    attempt: int | None = None
    receipt: int | None = None


@dataclass
class Call:
    """``what``: publish, receive, ack, nack, produce, consume. ``token``: of the message it is about."""

    client: str
    what: str
    started: float
    ended: float = inf
    how: How = How.UNKNOWN
    token: str = ""
    receipt: int | None = None
    publications: tuple[Publication, ...] = ()
    delivered: tuple[Delivery, ...] = ()
    offsets: tuple[int, ...] = ()
    trouble: str = ""
    """Why there is no answer."""
    given_up: float = inf
    """When its client stopped waiting for one."""


@dataclass
class Final:
    """The queue when all is over. ``states``: of each message there is, by token. ``counted``: what the
    server's counters say, ``recounted``: what its rows say."""

    states: dict[str, str] = field(default_factory=dict)
    bodies: dict[str, str] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)
    counted: dict[str, int] = field(default_factory=dict)
    recounted: dict[str, int] = field(default_factory=dict)


class Refused(Exception):
    """The server answered, and its answer was no."""


class Unreachable(Refused):
    """Nobody took the request."""


class History:
    """Written by any number of threads at once."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.calls: list[Call] = []
        self._clock = clock
        self._lock = threading.Lock()

    @contextmanager
    def call(self, client: str, what: str, **about: object) -> Iterator[Call]:
        """A call in the making. An answer ends it well, ``Refused`` as failed; whatever else goes wrong on
        the way leaves it unknown. Errors of the wire end here: a client goes on."""
        one = Call(client, what, self._clock(), **about)  # type: ignore[arg-type]
        with self._lock:
            self.calls.append(one)
        try:
            yield one
            one.how = How.OK
        except Refused:
            one.how = How.FAILED
        except OSError as error:
            one.trouble, one.given_up = str(error), self._clock()
            return
        one.ended = self._clock()

    def of(self, *whats: str) -> list[Call]:
        return sorted((one for one in self.calls if one.what in whats), key=lambda one: one.started)

    def without_answer(self, *whats: str) -> list[Call]:
        """Of these calls (none named: of all)."""
        return [one for one in self.calls if one.how is How.UNKNOWN and (not whats or one.what in whats)]

    def cut_between(self, begin: float, end: float) -> list[Call]:
        """Calls under way in that time which never had an answer."""
        return [one for one in self.without_answer() if one.started <= end and one.given_up >= begin]

    def figures(self) -> str:
        """How much there was of what, and how much of it without an answer."""
        accepted = sum(len(call.publications) for call in self.of("publish") if call.how is How.OK)
        delivered = sum(len(call.delivered) for call in self.of("receive"))
        unknown = Counter(call.what for call in self.calls if call.how is How.UNKNOWN)
        lasted = max(call.started for call in self.calls) - self.calls[0].started
        lost = ", ".join(f"{count} {what}" for what, count in unknown.items()) or "none"
        return (
            f"{len(self.calls)} calls in {lasted:.0f} s, {accepted} publications accepted,"
            f" {delivered} deliveries; without an answer: {lost}"
        )

    def story_of(self, token: str) -> str:
        """Every call about one message, for whoever has to find out what went wrong."""
        about = [
            one
            for one in sorted(self.calls, key=lambda one: one.started)
            if one.token == token
            or any(delivery.token == token for delivery in one.delivered)
            or any(publication.token == token for publication in one.publications)
        ]
        begin = self.calls[0].started
        return "\n".join(
            f"    {one.started - begin:8.3f} to {one.ended - begin:8.3f}  {one.client:24} {one.what}"
            f" {one.how} {one.trouble}"
            f" {[(d.attempt, d.receipt) for d in one.delivered if d.token == token] or ''}"
            for one in about
        )
