"""Looking on by server-sent events (tinymq.md section 5.2)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.http import HttpRequest
from django.test import RequestFactory

from queues.api import sse
from queues.api.tinymq import filters
from queues.api.tinymq.streaming import Published
from queues.broker.taps import TAPS

from .client import Client, Topic, text


@pytest.fixture
def streams() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened
    assert not TAPS._open


class Stream:
    """An open stream, read event by event."""

    def __init__(self, opened: ExitStack, topic: Topic, name: str = "", **query: str) -> None:
        request: HttpRequest = RequestFactory().get("/")
        wanted = filters.read(query)
        source = Published(topic.client.account.pk, name or topic.name, wanted)
        self.response = sse.response(request, source)
        opened.callback(self.response.close)
        self._frames = iter(self.response)
        self._events: list[dict[str, Any]] = []
        self.status = self.next()

    def next(self) -> dict[str, Any]:
        """The next event's data."""
        while not self._events:
            for line in next(self._frames).decode().splitlines():
                if line and not line.startswith((":", "retry:")):
                    assert line.startswith("data: ")
                    self._events.append(json.loads(line.removeprefix("data: ")))
        return self._events.pop(0)


@pytest.mark.contract("47")
def test_it_says_that_it_is_connected_and_shows_what_is_published(t: Topic, streams: ExitStack) -> None:
    t.publish("before")
    stream = Stream(streams, t)
    assert stream.response.headers["Content-Type"].startswith("text/event-stream")
    assert stream.status == {"status": "connected", "topic": t.name}
    t.send(b"x", {"X-MQ-A": "b"}, ttl="1h").expect(202)
    shown = stream.next()
    assert text(shown) == "x"
    assert t.take_all() == ["before", "x"]
    assert shown.keys() == {"id", "topic", "payload", "timestamp", "retry_count", "expires_at", "headers"}


def test_a_pattern_shows_each_under_its_topic(t: Topic, streams: ExitStack) -> None:
    stream = Stream(streams, t, f"{t.name}.*")
    t.publish("no")
    t.sub(".a").publish("1")
    t.sub(".b").publish("2")
    assert [stream.next()["topic"] for _ in range(2)] == [f"{t.name}.a", f"{t.name}.b"]


def test_a_filter_leaves_out_the_others(t: Topic, streams: ExitStack) -> None:
    stream = Stream(streams, t, filter_key="n", filter_val="2")
    t.publish('{"n":1}', "x", '{"n":2}')
    assert text(stream.next()) == '{"n":2}'


def test_a_stream_needs_a_topic_that_can_be(mq: Client) -> None:
    for path in ("/stream", "/stream/"):
        assert mq.call("GET", path).expect(400).content == b"Topic required\n"
    for bad in ("a%20b", "a*b", ".."):
        mq.call("GET", f"/stream/{bad}").expect(400)
    mq.call("POST", "/stream/t").expect(405)
