"""Event streams: framing, what wakes them, and what ends them. No database in here."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import Future
from itertools import count

import pytest
from django.http import HttpRequest, StreamingHttpResponse

from queues.api import sse
from queues.broker import wakes
from queues.broker.errors import Unavailable
from queues.broker.wakes import Hub
from tests.broker.at_once import eventually, in_background

pytestmark = pytest.mark.once

_channels = count(1)


class Told(sse.Source):
    """Tells what the test puts in, one frame a look; ``None`` ends it, an exception is raised."""

    def __init__(self, *given: bytes | Exception | None) -> None:
        self.channel = next(_channels)
        self.channels = (self.channel,)
        self.given = list(given)
        self.looks = 0

    def look(self) -> bytes:
        self.looks += 1
        frames = b""
        while self.given:
            said = self.given.pop(0)
            if isinstance(said, Exception):
                raise said
            if said is None:
                self.ended = True
                break
            frames += said
        return frames

    def failed(self, error: Exception) -> bytes:
        return sse.event("error", {"error": str(error)})

    def tell(self, said: bytes | None) -> None:
        self.given.append(said)
        wakes.HUB.signal(self.channel)


def opened(source: sse.Source, connection: socket.socket | None = None) -> StreamingHttpResponse:
    request = HttpRequest()
    if connection is not None:
        request.META["gunicorn.socket"] = connection
    return sse.response(request, source)


def body(response: StreamingHttpResponse) -> Iterator[bytes]:
    frames = iter(response)
    assert isinstance(frames, Iterator)
    return frames


@pytest.fixture(autouse=True)
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """One of its own, which knows of no neighbours. Every test gives back the places it took."""
    monkeypatch.setattr(wakes, "HUB", Hub())
    yield wakes.HUB
    assert (sse.open_streams(), wakes.HUB.parked, wakes.HUB.queues()) == (0, 0, set())


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_an_event_is_a_few_lines_and_an_empty_one() -> None:
    said = {"text": "a\nb\r\u2028ü🎈"}
    assert sse.event("progress", said, id="5-0") == (
        'event: progress\nid: 5-0\ndata: {"text":"a\\nb\\r\u2028ü🎈"}\n\n'.encode()
    )
    assert sse.event("done", 1) == b"event: done\ndata: 1\n\n"
    assert sse.comment("x") == b": x\n\n"


def test_headers_and_a_first_line_are_there_before_the_first_look() -> None:
    source = Told()
    response = opened(source)
    assert response["Content-Type"] == "text/event-stream; charset=utf-8"
    assert response["Cache-Control"] == "no-cache"
    assert response["X-Accel-Buffering"] == "no"
    assert not response.has_header("Content-Length") and not response.has_header("Content-Encoding")
    assert next(body(response)) == b"retry: 3000\n: connected\n\n"
    assert source.looks == 0
    response.close()


def test_it_tells_what_there_is_and_what_comes_until_the_source_has_ended() -> None:
    source = Told(b"one")
    response = opened(source)
    frames = body(response)
    assert [next(frames), next(frames)] == [sse.OPENING, b"one"]
    coming = in_background(next, frames)
    source.tell(b"two")
    assert coming.result(10) == b"two"
    source.tell(b"three")
    source.tell(None)
    assert list(frames) == [b"three"]
    response.close()


def test_a_signal_during_a_look_is_not_lost() -> None:
    class Busy(Told):
        def look(self) -> bytes:
            if not self.looks:
                wakes.HUB.signal(self.channel)  # as a writer would, just after this look saw nothing
                self.given.append(b"late")
                self.looks += 1
                return b""
            return super().look()

    response = opened(Busy())
    frames = body(response)
    next(frames)
    assert in_background(next, frames).result(10) == b"late"
    response.close()


def test_silence_is_broken_by_a_comment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "HEARTBEAT_SECONDS", 0.02)
    response = opened(Told())
    frames = body(response)
    next(frames)
    assert [next(frames), next(frames)] == [sse.HEARTBEAT] * 2
    response.close()


def test_a_source_may_be_asked_again_by_the_clock() -> None:
    class Clock(Told):
        every_seconds = 0.01

        def look(self) -> bytes:
            self.looks += 1
            return b"%d" % self.looks

    response = opened(Clock())
    frames = body(response)
    next(frames)
    assert [next(frames) for _ in range(3)] == [b"1", b"2", b"3"]
    response.close()


def test_a_stream_ends_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "LIFE_SECONDS", 0.05)
    response = opened(Told(b"one"))
    assert list(body(response)) == [sse.OPENING, b"one"]
    response.close()


def test_a_client_that_hung_up_ends_it(
    pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "LOOK_FOR_CLIENT_SECONDS", 0.02)
    response = opened(Told(), pair[0])
    frames = body(response)
    next(frames)
    rest: Future[list[bytes]] = in_background(list, frames)
    assert not rest.done()
    pair[1].close()
    assert rest.result(10) == []
    response.close()


@pytest.mark.parametrize("error", [Unavailable("away"), ValueError("a bug")])
def test_an_error_is_told_and_ends_it(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    response = opened(Told(b"lost with it", error))
    said = b'event: error\ndata: {"error":"%s"}\n\n' % str(error).encode()
    assert list(body(response)) == [sse.OPENING, said]
    assert ("an event stream fails" in caplog.text) == isinstance(error, ValueError)
    response.close()


def test_past_the_cap_there_is_a_clear_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.conf import settings

    monkeypatch.setattr(settings, "OKMQ_MAX_STREAMS", 1)
    first = opened(Told())
    with pytest.raises(sse.TooManyStreams) as refusal:
        opened(Told())
    assert (refusal.value.status, refusal.value.wait) == (503, 5)
    first.close()
    first.close()
    opened(Told()).close()


def test_streams_and_parked_receivers_share_the_threads(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.conf import settings

    monkeypatch.setattr(settings, "OKMQ_MAX_PARKED", 1)
    first = opened(Told())
    with pytest.raises(sse.TooManyStreams):
        opened(Told())
    with hub.park({1: ()}, hub.stamp(), settings.OKMQ_MAX_PARKED) as place:
        assert place is None
    first.close()


def test_shutting_down_ends_it(hub: Hub) -> None:
    response = opened(Told())
    frames = body(response)
    next(frames)
    rest: Future[list[bytes]] = in_background(list, frames)
    eventually(lambda: not rest.done())
    hub.close()
    assert rest.result(10) == []
    response.close()
