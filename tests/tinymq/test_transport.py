"""Keys, routes, and what only a real server shows (tinymq.md sections 1, 5.1)."""

from __future__ import annotations

import base64
import json
import select
import socket
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

import pytest

from accounts.models import Account
from accounts.services import create_key, forget_cached_keys
from tests import database, wsgi
from tests.broker.at_once import eventually
from tests.server import Server, ServerFactory
from tests.site import wire

from .client import Client, Topic, check

CHALLENGE = 'Basic realm="'


def basic(user: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


@pytest.mark.contract("48")
def test_a_key_may_be_shown_in_every_form(mq: Client) -> None:
    forms = [
        f"Bearer {mq.key}",
        mq.key,
        basic("anybody", mq.key),
        basic("", mq.key),
        f"basic  {basic('', mq.key)[6:]}",
    ]
    for form in forms:
        mq.call("GET", "/api/stats", headers={"Authorization": form}).expect(200)
    mq.call("GET", "/api/stats", headers={"Authorization": None, "X-API-Key": mq.key}).expect(200)
    mq.call("GET", f"/api/stats?token={mq.key}", headers={"Authorization": None}).expect(200)


@pytest.mark.contract("48")
@pytest.mark.parametrize(
    ("header", "query"),
    [
        (None, ""), ("Bearer wrong", ""), (None, "?token=wrong"), (None, "?token="), ("Basic !", ""),
        ("Basic", ""), (basic("key-as-user", ""), ""), (basic("u", "wrong"), ""), ("Basic /w==", ""),
    ],
)  # fmt: skip
def test_without_a_key_or_with_a_wrong_one_it_is_401(mq: Client, header: str | None, query: str) -> None:
    for method, path in (("GET", "/api/stats"), ("POST", "/publish/t"), ("PUT", "/consume/t")):
        answer = mq.call(method, path + query, b"x", {"Authorization": header}).expect(401)
        assert answer.content == b"unauthorized\n"
        assert answer.headers["www-authenticate"].startswith(CHALLENGE)
    mq.call("GET", "/healthz", headers={"Authorization": header}).expect(200)


@pytest.mark.contract("48")
def test_the_operator_may_name_an_account_for_those_without_a_key(mq: Client, settings: Any) -> None:
    settings.OKMQ_ANONYMOUS_ACCOUNT = mq.account.email
    forget_cached_keys()
    anonymous = {"Authorization": None}
    topic = f"t{uuid4().hex[:12]}"
    mq.call("POST", f"/publish/{topic}", b"x", anonymous).expect(202)
    mq.call("GET", f"/consume/{topic}", headers=anonymous).expect(200)
    mq.call("GET", f"/consume/{topic}", headers={"Authorization": "Bearer wrong"}).expect(401)
    assert topic in mq.stats()


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        ("publish", {"publish", "queues/publish"}),
        ("consume", {"consume", "ack", "requeue", "queues/consume"}),
        ("read", {"peek", "stats", "queues", "queues/peek", "queues/webhooks", "groups", "cluster"}),
        ("manage", {"topics", "webhook", "purge", "delete", "redrive", "new group"}),
    ],
)
def test_a_key_opens_what_its_scopes_say(account: Account, scope: str, allowed: set[str]) -> None:
    narrow = Client(account, create_key(account, "narrow", scopes=[scope]))
    calls = {
        "publish": ("POST", "/publish/t"), "consume": ("GET", "/consume/t"),
        "peek": ("GET", "/consume/t?peek=true"), "ack": ("POST", "/ack/t/i"), "requeue": ("POST", "/requeue"),
        "webhook": ("POST", "/webhook/t"), "topics": ("POST", "/api/topics"), "stats": ("GET", "/api/stats"),
        "queues": ("GET", "/api/queues"), "queues/peek": ("GET", "/api/queues/peek"),
        "queues/publish": ("POST", "/api/queues/publish"), "queues/consume": ("POST", "/api/queues/consume"),
        "purge": ("DELETE", "/api/queues/purge"), "delete": ("DELETE", "/api/queues/delete"),
        "redrive": ("POST", "/api/queues/redrive"), "queues/webhooks": ("GET", "/api/queues/webhooks"),
        "groups": ("GET", "/api/groups"), "new group": ("POST", "/api/groups"),
        "cluster": ("GET", "/api/cluster/status"),
    }  # fmt: skip
    opened = {name for name, (method, path) in calls.items() if narrow.call(method, path, b"x").status != 403}
    assert opened == allowed


def test_a_stranger_sees_nothing(mq: Client, t: Topic, stranger: Account) -> None:
    t.publish("secret")
    t.consume(group="g")
    t.client.post(t.path("webhook"), {"url": "https://example.com/secret"}).expect(201)
    held = t.take()
    other = Client(stranger, create_key(stranger, "other"))
    theirs = Topic(other, t.name)
    assert theirs.peek() == []
    theirs.ack(held["id"]).expect(404)
    other.requeue(held).expect(404)
    other.call("GET", "/consume/*").expect(404)
    assert theirs.is_empty()
    for verb in ("purge", "redrive"):
        method = "POST" if verb == "redrive" else "DELETE"
        other.call(method, f"/api/queues/{verb}", queue=f"{t.name}::g").expect(404)
    assert other.call("GET", "/api/queues/webhooks", queue=t.name).json() == []
    assert other.call("GET", "/api/groups", topic=t.name).json()["groups"] == []
    assert other.call("GET", "/api/stats").json()["total_webhooks"] == 0
    t.ack(held["id"]).expect(200)


@pytest.mark.contract("50")
def test_routes_that_are_not_there(mq: Client) -> None:
    for method, path in (
        ("POST", "/requeue/"), ("GET", "/api/stats/"), ("POST", "/api/topics/"), ("GET", "/api/queues/nope"),
        ("GET", "/api/queues/peek/"), ("GET", "/healthz/"), ("GET", "/publishing"), ("GET", "/api/groups/x"),
    ):  # fmt: skip
        assert mq.call(method, path).expect(404).content == b"404 page not found\n", path
    assert wsgi.call("GET", "/nope").status == 404


@pytest.mark.contract("50")
def test_the_dashboard_is_the_console() -> None:
    answer = wsgi.call("GET", "/dashboard").expect(302)
    assert answer.headers["location"] == "/admin/"


def test_a_database_that_is_away_is_told_in_text(mq: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from queues import broker
    from queues.broker.errors import Unavailable

    def away(*_: Any, **__: Any) -> Any:
        raise Unavailable("gone")

    for name in ("publish", "receive", "settle"):
        monkeypatch.setattr(broker, name, away)
    for method, path in (("POST", "/publish/t"), ("GET", "/consume/t"), ("POST", "/ack/t/i")):
        assert mq.call(method, path, b"x").expect(503).headers["retry-after"]


def test_a_crash_is_told_in_text(mq: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from queues import broker

    monkeypatch.setattr(broker, "publish", lambda *_, **__: 1 / 0)
    assert mq.call("POST", "/publish/t", b"x").expect(500).content == b"internal server error\n"


# ---------------------------------------------------------------- over sockets


@pytest.fixture
def key(server: Server) -> str:
    return server.create_key()[1]


def request(
    server: Server, key: str, method: str, path: str, body: bytes = b"", *headers: str
) -> wire.Answer:
    lines = [
        f"{method} {path} HTTP/1.1", "Host: test", "Connection: close", f"Authorization: Bearer {key}",
        f"Content-Length: {len(body)}", *headers, "", "",
    ]  # fmt: skip
    return wire.exchange(server, "\r\n".join(lines).encode() + body)


@pytest.mark.contract("36")
def test_a_client_that_hangs_up_waits_no_more(server: Server, key: str) -> None:
    def waiting() -> int:
        found = json.loads(request(server, key, "GET", "/api/stats").body)["stats"]
        return sum(one["WaitingConsumers"] for one in found)

    with wire.connect(server) as sock:
        sock.sendall(
            f"GET /consume/t?timeout=60s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n".encode()
        )
        eventually(lambda: waiting() == 1)
        sock.shutdown(socket.SHUT_RDWR)
    eventually(lambda: waiting() == 0)
    assert request(server, key, "POST", "/publish/t", b"x").status == 202
    assert request(server, key, "GET", "/consume/t").status == 200


@pytest.mark.contract("7")
def test_lengths_over_a_socket(server: Server, key: str) -> None:
    largest = b"\xff" * 2_097_152
    assert request(server, key, "POST", "/publish/big", largest).status == 202
    refused = request(server, key, "POST", "/publish/big", largest + b"x")
    assert (refused.status, refused.body) == (413, b"Payload too large or unreadable (Max 2MB)\n")
    chunked = (
        f"POST /publish/big HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n"
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    )
    assert wire.exchange(server, chunked.encode()).status == 202
    found = json.loads(request(server, key, "GET", "/consume/big?limit=2").body)
    assert [len(base64.b64decode(m["payload"])) for m in found] == [2_097_152, 5]


@pytest.mark.contract("9")
def test_names_over_a_socket(server: Server, key: str) -> None:
    assert request(server, key, "POST", "/publish/orders%2Feu", b"x").status == 202
    assert request(server, key, "POST", "/publish/a%23b", b"x").status == 400
    assert json.loads(request(server, key, "GET", "/consume/orders/eu").body)["topic"] == "orders/eu"


@pytest.mark.contract("47")
def test_a_stream_over_a_socket(server: Server, key: str) -> None:
    with wire.connect(server) as sock:
        sock.sendall(f"GET /stream/s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n".encode())
        wire.read_until(sock, lambda received: b'"connected"' in received)
        assert request(server, key, "POST", "/publish/s", b"hello").status == 202
        wire.read_until(sock, lambda received: b"aGVsbG8=" in received)
    assert request(server, key, "GET", "/consume/s").status == 200


@pytest.mark.slow
@pytest.mark.contract("51")
def test_messages_survive_a_restart(make_server: ServerFactory) -> None:
    server = make_server()
    key = server.create_key()[1]
    for payload in (b"1", b"2", b"3"):
        request(server, key, "POST", "/publish/t", payload)
    acked, held = (json.loads(request(server, key, "GET", "/consume/t").body) for _ in range(2))
    assert request(server, key, "POST", f"/ack/t/{acked['id']}").status == 200
    server.restart()
    assert json.loads(request(server, key, "GET", "/consume/t").body)["payload"] == "Mw=="
    assert request(server, key, "POST", f"/ack/t/{held['id']}").status == 200
    assert request(server, key, "POST", f"/ack/t/{acked['id']}").status == 404


@pytest.mark.contract("29", "47")
def test_broadcasts_and_streams_cross_processes(make_server: ServerFactory) -> None:
    """Two processes of one server: whoever answers, everybody hears of it. What a stream shows is what its
    own process publishes, on SQLite."""
    server = make_server(processes=2)
    key = server.create_key()[1]
    head = f"HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n\r\n"
    with ExitStack() as opened:
        if database.POSTGRESQL:  # before anybody waits for anything
            stream = opened.enter_context(wire.connect(server))
            stream.sendall(f"GET /stream/s {head}".encode())
            wire.read_until(stream, lambda received: b"connected" in received.partition(b"data: ")[2])
            stream.settimeout(2)
            eventually(lambda: all_are_shown(server, key, stream))
        polls = [opened.enter_context(wire.connect(server)) for _ in range(6)]
        for number, sock in enumerate(polls):
            sock.sendall(f"GET /consume/{'b' if number % 2 else 'b*'}?timeout=20s {head}".encode())
        for sock in polls:
            while not is_readable(sock, 0.2):
                assert request(server, key, "POST", "/publish/b?broadcast=true", b"x").status == 202
            assert wire.parse(wire.read_all(sock)).status == 200
        assert request(server, key, "GET", "/consume/b").status == 404


def all_are_shown(server: Server, key: str, stream: socket.socket) -> bool:
    """Whether the stream shows what is published now. Some of it reaches the other process, which hears a
    moment later than the stream's own that somebody looks on."""
    payload = uuid4().hex.encode()
    for _ in range(8):
        assert request(server, key, "POST", "/publish/s", payload).status == 202
    shown = base64.b64encode(payload)
    try:
        wire.read_until(stream, lambda received: received.count(shown) == 8)
    except TimeoutError:
        return False
    return True


def is_readable(sock: socket.socket, within: float) -> bool:
    return bool(select.select([sock], [], [], within)[0])


def test_answers_are_what_they_are_for_everybody(t: Topic) -> None:
    """``check`` holds every answer of these tests; here is that it would notice."""
    with pytest.raises(AssertionError):
        check(wsgi.Answer("GET /consume/t", 404, {"content-type": "text/html"}, b"<html>"))
