"""Server-sent events (WHATWG HTML, section 9.2): one response that goes on while there is something to tell.

A dialect says what there is in a ``Source`` and answers with ``response(request, source)``. Here is what all
streams have in common: framing, a first line at once, comments while nothing happens, an upper bound on
streams, and noticing that the client hung up or the process stops.

A stream holds a thread for as long as it lasts and nothing else: no database connection, no transaction. It
waits on a condition that the source's channels signal (``queues.broker.wakes``).
"""

from __future__ import annotations

import logging
import threading
from abc import abstractmethod
from collections.abc import Iterable
from time import monotonic
from typing import Any

import msgspec
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, StreamingHttpResponse

from queues.api.client import hung_up
from queues.api.problems import RequestError
from queues.broker import wakes
from queues.broker.errors import BrokerError

log = logging.getLogger("okmq.sse")

MEDIA_TYPE = "text/event-stream"
HEADERS = {
    "Cache-Control": "no-cache",
    # A proxy that collects an answer before it passes it on would hold it back for ever.
    "X-Accel-Buffering": "no",
}
HEARTBEAT_SECONDS = 15.0
"""After so long a silence a comment goes out, so that nobody on the way takes the connection for dead."""
LOOK_FOR_CLIENT_SECONDS = 2.0
LIFE_SECONDS = 600.0
"""Then the stream ends, and ``EventSource`` comes back with its ``Last-Event-ID``."""
RETRY_MILLISECONDS = 3000
RETRY_AFTER_SECONDS = 5

_encoder = msgspec.json.Encoder()
_lock = threading.Lock()
_open = 0


class TooManyStreams(RequestError):
    """This process keeps as many streams open as it may; ``wait``: seconds after which to try again."""

    status = 503
    wait = RETRY_AFTER_SECONDS


class Source:
    """What one stream tells. ``channels``: what wakes it. ``every_seconds``: when to look again although
    nothing did, None = never. ``ended``: to be set with the last of what there is to tell."""

    channels: Iterable[int] = ()
    every_seconds: float | None = None
    ended = False

    @abstractmethod
    def look(self) -> bytes:
        """What has come up since the last call, as frames; ``b""`` for nothing. Called in the stream's own
        thread, once when it opens and then after each signal. What it raises ends the stream."""

    def closed(self) -> None:
        """The stream is over, however it ended."""

    def failed(self, error: Exception) -> bytes:
        """The last frames of a stream that ``error`` ends."""
        return b""


def event(name: str, data: Any, *, id: str = "") -> bytes:
    """One event. ``data`` is anything msgspec encodes: JSON in one line, all line ends in it escaped. ``id``
    is what a client that reconnects shows as ``Last-Event-ID``."""
    head = f"event: {name}\nid: {id}\n" if id else f"event: {name}\n"
    return head.encode() + b"data: " + _encoder.encode(data) + b"\n\n"


def comment(text: str) -> bytes:
    """A line that clients skip."""
    return f": {text}\n\n".encode()


OPENING = f"retry: {RETRY_MILLISECONDS}\n".encode() + comment("connected")
HEARTBEAT = comment("heartbeat")


def response(request: HttpRequest, source: Source) -> StreamingHttpResponse:
    """The answer that tells what ``source`` says until it has ended, the client hangs up, or the process
    stops. Raises ``TooManyStreams``."""
    return StreamingHttpResponse(
        _Stream(request, source, _take_place(source)),
        content_type=f"{MEDIA_TYPE}; charset=utf-8",
        headers=HEADERS,
    )


def open_streams() -> int:
    """How many there are in this process."""
    return _open


def _take_place(source: Source) -> wakes.Follower:
    global _open
    with _lock:
        if _open < settings.OKMQ_MAX_STREAMS:
            follower = wakes.HUB.follow(source.channels, settings.OKMQ_MAX_PARKED)
            if follower is not None:
                _open += 1
                return follower
    raise TooManyStreams("too many event streams are open, try again later")


def _give_back_place(follower: wakes.Follower) -> None:
    global _open
    wakes.HUB.unfollow(follower)
    with _lock:
        _open -= 1


class _Stream:
    """The body of a response. Not a generator: the server may close it before it took anything."""

    def __init__(self, request: HttpRequest, source: Source, follower: wakes.Follower) -> None:
        self._source = source
        self._follower = follower
        self._gone = hung_up(request.META)
        self._opened = self._failed = self._closed = False
        self._ends_at = monotonic() + LIFE_SECONDS
        self._silent_since = self._looked_at = 0.0

    def __iter__(self) -> _Stream:
        return self

    def __next__(self) -> bytes:
        """The next frames to send. The first are there at once: headers travel with them."""
        if not self._opened:
            self._opened = True
            return self._spoken(OPENING)
        while not self._is_over():
            if frames := self._look() if self._is_to_look() else b"":
                return self._spoken(frames)
            if monotonic() >= self._silent_since + HEARTBEAT_SECONDS:
                return self._spoken(HEARTBEAT)
        raise StopIteration

    def close(self) -> None:
        """Called by the server in any case; again, it does nothing."""
        if not self._closed:
            self._closed = True
            _give_back_place(self._follower)
            self._source.closed()

    def _spoken(self, frames: bytes) -> bytes:
        self._silent_since = monotonic()
        return frames

    def _is_over(self) -> bool:
        if self._source.ended or self._failed or wakes.HUB.closing or monotonic() >= self._ends_at:
            return True
        return self._gone is not None and self._gone()

    def _is_to_look(self) -> bool:
        """Whether there may be something new. Waits for it, until somebody else wants attention."""
        if not self._looked_at:
            return True
        now = monotonic()
        until = min(self._silent_since + HEARTBEAT_SECONDS, now + LOOK_FOR_CLIENT_SECONDS, self._ends_at)
        if self._source.every_seconds is not None:
            until = min(until, self._looked_at + self._source.every_seconds)
        if self._follower.wait(until - now):
            return not wakes.HUB.closing
        every = self._source.every_seconds
        return every is not None and monotonic() >= self._looked_at + every

    def _look(self) -> bytes:
        self._looked_at = monotonic()
        try:
            return self._source.look()
        except Exception as error:
            if not isinstance(error, BrokerError):
                log.exception("an event stream fails")
            self._failed = True
            return self._source.failed(error)
        finally:
            # The stream may be silent for minutes now: it keeps no connection meanwhile.
            connection.close_if_unusable_or_obsolete()
