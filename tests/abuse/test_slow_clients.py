"""Clients that send slowly, or nothing, hold no threads: others are served as if they were not there."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest

from tests.abuse import slow
from tests.abuse.slow import slow_clients
from tests.server import Server, ServerFactory
from tests.site import wire

pytestmark = pytest.mark.once

THREADS = 8


def few_threads(factory: ServerFactory, **environment: str) -> Server:
    arguments = ("--threads", str(THREADS))
    return factory.start(1, arguments, empty=False, OKMQ_RESERVED_THREADS="4", **environment)


@pytest.fixture(scope="module")
def impatient(server_factory: ServerFactory) -> Iterator[Server]:
    """A server with few threads that gives a request a second to come."""
    server = few_threads(server_factory, OKMQ_REQUEST_SECONDS="1")
    yield server
    server.close()


def post(key: str, name: str, padding: int = 0) -> bytes:
    body = json.dumps({"name": name, "unknown": " " * padding}).encode()
    head = f"POST /queues HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {key}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def works(server: Server, key: str, name: str) -> None:
    """A life of a queue, on a connection for each call."""
    authorized = f"Authorization: {key}"
    assert wire.exchange(server, post(key, name)).status == 201
    assert wire.get(server, f"/queues/{name}", "GET", authorized).status == 200
    assert wire.get(server, f"/queues/{name}", "DELETE", authorized).status == 204


def test_slow_clients_take_no_thread(make_server: ServerFactory) -> None:
    """Five times as many as there are threads, of each kind."""
    server = few_threads(make_server)
    key = server.create_key()[1]
    with slow_clients(server, 5 * THREADS, every=0.5) as clients:
        for number in range(3):
            works(server, key, f"q{number}")
        assert clients.ended() == 0, "they are all still there"


@pytest.mark.parametrize("kind", [slow.HEAD, slow.BODY, slow.CHUNKS], ids=["head", "body", "chunks"])
def test_a_request_that_does_not_come_in_time_is_ended(impatient: Server, kind: bytes) -> None:
    with slow_clients(impatient, 1, [kind], every=0.1) as clients:
        answer = wire.parse(wire.read_all(clients.sockets[0]))
        assert (answer.status, answer.headers["connection"]) == (408, "close")
        assert answer.json() == {"error": "the request did not come in time"}


def test_a_few_threads_are_for_large_bodies(impatient: Server) -> None:
    """More large bodies that do not come to an end than there are places for: another one has to wait for a
    place, and is told to come again; small ones are served."""
    key = impatient.create_key()[1]
    with slow_clients(impatient, 2 * THREADS, [slow.LARGE]):
        works(impatient, key, "q")
        answer = wire.exchange(impatient, post(key, "large", 200_000))
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        assert answer.json()["error"]
        works(impatient, key, "q")


def test_a_large_body_comes_whole(impatient: Server) -> None:
    key = impatient.create_key()[1]
    with wire.connect(impatient) as sock:
        for part in (request := post(key, "large", 5_000_000))[:100], request[100:70_000], request[70_000:]:
            sock.sendall(part)
        assert wire.parse(wire.read_all(sock)).status == 201


def test_who_does_not_close_holds_up_nobody(impatient: Server) -> None:
    """Clients that were answered and told that the connection ends, and keep their side open."""
    with slow_clients(impatient, 50, [slow.UNWANTED]) as clients:
        clients.await_ended(20)
        assert wire.get(impatient, "/live").status == 200


def test_an_answer_that_nobody_takes_gives_its_thread_back(monkeypatch: pytest.MonkeyPatch) -> None:
    from okmq_site.connections import Connection

    monkeypatch.setattr("okmq_site.connections.SENDING_SECONDS", 1)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        Connection(None, ours, None, None)
        ours.setblocking(True)
        with pytest.raises(BlockingIOError):
            ours.sendall(b"x" * 50_000_000)


def test_idle_connections_take_no_thread(impatient: Server) -> None:
    """Half of them never sent anything, the other half is kept alive after a request."""
    key = impatient.create_key()[1]
    with slow_clients(impatient, 150, [slow.NOTHING, slow.KEPT]) as clients:
        for number in range(3):
            works(impatient, key, f"idle{number}")
        assert clients.ended() == 0, "they are all still there"


def test_when_connections_run_out_idle_ones_make_room(make_server: ServerFactory) -> None:
    server = few_threads(make_server, OKMQ_MAX_CONNECTIONS="100")
    key = server.create_key()[1]
    with slow_clients(server, 60, [slow.NOTHING, slow.KEPT]) as clients:
        works(server, key, "q")
        assert 0 < clients.ended() < 120
