"""TinyMQ's own clients, by what they send and read (tinymq.md section 9): the ``tmq`` command, the Go SDK in
its three generations, and the samples of its site."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from tests.wsgi import Answer

from .client import Client, Topic

GO = {"User-Agent": "Go-http-client/1.1", "Accept-Encoding": "gzip"}


class Tmq:
    """The command line: what each command sends, and what it prints."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def _send(self, method: str, path: str, body: bytes | None = None) -> Answer:
        kind = {} if body is None else {"Content-Type": "application/json"}
        return self._client.call(method, path, body or b"", {**GO, **kind})

    def status(self) -> list[str]:
        found = self._send("GET", "/api/stats").json()
        return [f"{one['Name']} {one['MessageCount']}" for one in found["stats"]]

    def create(self, topic: str) -> str:
        answer = self._send("POST", "/api/topics", json.dumps({"name": topic}).encode())
        return "created" if answer.status == 201 else answer.content.decode()

    def pub(self, topic: str, data: str) -> str:
        answer = self._send("POST", f"/publish/{quote(topic, safe='')}?", data.encode())
        return "ok" if answer.status in (200, 202) else answer.content.decode()

    def sub(self, topic: str, auto_ack: str = "true", limit: int = 1) -> list[str]:
        path = f"/consume/{quote(topic, safe='')}?auto_ack={auto_ack}&limit={limit}&timeout=0s"
        answer = self._send("GET", path)
        if answer.status == 404:
            return ["[Empty]"]
        found = answer.json()
        return [
            f"[{m['id'][:8]}] {base64.b64decode(m['payload']).decode()}"
            for m in (found if isinstance(found, list) else [found])
        ]

    def peek(self, topic: str, limit: int = 10) -> list[str]:
        found = self._send("GET", f"/api/queues/peek?queue={quote(topic, safe='')}").json()
        return [base64.b64decode(m["payload"]).decode() for m in found[:limit]]


@pytest.mark.contract("52")
def test_the_command_line(mq: Client, t: Topic) -> None:
    tmq = Tmq(mq)
    topic = f"{t.name}/eu"
    assert tmq.status() == []
    assert tmq.create(topic) == "created"
    assert tmq.create(topic) == "The Topic already exists\n"
    assert tmq.pub(topic, "hello") == "ok"
    assert tmq.status() == [f"{topic} 1"]
    assert tmq.peek(topic) == ["hello"]
    assert tmq.sub(topic)[0].endswith("] hello")
    assert tmq.sub(topic) == ["[Empty]"]
    tmq.pub(topic, "kept")
    assert tmq.sub(topic, auto_ack="false")[0].endswith("] kept")
    assert t.sub("/eu").stored() == 1
    assert tmq.sub(topic, limit=5) == ["[Empty]"]
    tmq.pub(topic, "one of several")
    assert len(tmq.sub(topic, limit=5)) == 1


Handler = Callable[[dict[str, Any]], bool]


class GoWorker:
    """``Subscribe`` of the Go SDK up to 3.0.2: one turn of its loop. ``acks_first``: through tag 2.9.5."""

    def __init__(self, topic: Topic, handler: Handler, *, acks_first: bool = False) -> None:
        self._topic = topic
        self._handler = handler
        self._acks_first = acks_first

    def turn(self) -> bool:
        answer = self._call("GET", f"{self._topic.path('consume')}?auto_ack=false&limit=1&timeout=0s")
        if answer.status == 404:
            return False
        found = answer.json()
        for message in found if isinstance(found, list) else [found]:
            if self._handler(message):
                self._ack(message)
            elif self._acks_first:
                self._ack(message)
                self._requeue(message)
            elif self._requeue(message) == 202:
                self._ack(message)
        return True

    def _ack(self, message: dict[str, Any]) -> None:
        self._call("POST", f"{self._topic.path('ack')}/{message['id']}")

    def _requeue(self, message: dict[str, Any]) -> int:
        return self._call("POST", "/requeue", json.dumps(message).encode()).status

    def _call(self, method: str, path: str, body: bytes = b"") -> Answer:
        return self._topic.client.call(method, path, body, GO)


@pytest.mark.contract("53")
@pytest.mark.parametrize("acks_first", [False, True])
def test_a_go_worker_whose_handler_fails_three_times(t: Topic, acks_first: bool) -> None:
    t.publish("x")
    seen: list[int] = []

    def fail(message: dict[str, Any]) -> bool:
        seen.append(message["retry_count"])
        return False

    worker = GoWorker(t, fail, acks_first=acks_first)
    while worker.turn():
        pass
    assert seen == [0, 1, 2]
    assert t.stored() == 0
    dead = t.sub(".dlq")
    assert [m["retry_count"] for m in dead.peek()] == [3]


@pytest.mark.parametrize("acks_first", [False, True])
def test_a_go_worker_whose_handler_fails_once(t: Topic, acks_first: bool) -> None:
    t.publish("x")
    results = iter([False, True])
    worker = GoWorker(t, lambda message: next(results), acks_first=acks_first)
    assert [worker.turn(), worker.turn(), worker.turn()] == [True, True, False]
    assert t.stored() == 0


def test_two_go_workers_of_which_one_fails_while_the_other_holds_the_message(t: Topic) -> None:
    """The late ack of the first must not end what the second has in its hands."""
    t.publish("x")
    second = GoWorker(t, lambda message: True)
    first_message = t.take()
    t.client.requeue(first_message).expect(202)
    holding: list[int] = []

    def hold(message: dict[str, Any]) -> bool:
        t.client.call("POST", f"{t.path('ack')}/{first_message['id']}", b"", GO)
        holding.append(t.stored())
        return True

    second._handler = hold
    assert second.turn()
    assert holding == [1]
    assert t.stored() == 0


def test_the_samples_of_the_site(mq: Client, t: Topic) -> None:
    """Python looks at the code, Node at any success, PHP at nothing."""
    sent = json.dumps({"user_id": 42}).encode()
    mq.call("POST", t.path("publish"), sent, {"Content-Type": "application/json"})
    message = t.take(auto_ack="true", timeout="5s")
    assert json.loads(base64.b64decode(message["payload"])) == {"user_id": 42}
    nothing = t.consume(auto_ack="true", timeout="10ms")
    assert not 200 <= nothing.status < 300
    assert isinstance(nothing.json(), dict)
