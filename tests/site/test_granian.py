"""``manage.py serve --server granian``: what holds under gunicorn holds here, too, but for what
docs/operations.md names."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests import database
from tests.broker.at_once import eventually
from tests.server import Server, ServerFactory
from tests.site import wire
from tests.site.test_serve import stop_under_a_poll

GRANIAN = ("--server", "granian")
SECRET = "0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def granian(server_factory: ServerFactory) -> Server:
    return server_factory.start(
        arguments=GRANIAN, OKMQ_LOG_FORMAT="json", HTTP_AUTHORIZATION="from the environment"
    )


@pytest.fixture(scope="module")
def key(granian: Server) -> str:
    return granian.create_key()[1]


def call(server: Server, key: str, method: str, path: str, body: bytes = b"", *headers: str) -> wire.Answer:
    lines = [f"{method} {path} HTTP/1.1", "Host: x", "Connection: close", f"Content-Length: {len(body)}"]
    lines += [f"Authorization: {key}"] if key else []
    return wire.exchange(server, "\r\n".join([*lines, *headers, "", ""]).encode() + body)


def lines(server: Server) -> list[dict[str, Any]]:
    """What it logged, but for what it prints at its start."""
    return [json.loads(line) for line in server.output().splitlines() if line.startswith("{")]


def test_a_life(granian: Server, key: str) -> None:
    assert call(granian, key, "POST", "/queues", b'{"name": "q"}').status == 201
    published = '[{"id": "a/b \u00e9", "body": {"n": 1}}]'.encode()
    assert call(granian, key, "POST", "/queues/q/messages", published).status == 204
    (received,) = call(granian, key, "GET", "/queues/q/messages").json()
    assert (received["id"], received["body"]) == ("a/b \u00e9", {"n": 1})
    path = "/queues/q/messages/a%2Fb%20%C3%A9"
    assert call(granian, key, "GET", path).json()["id"] == "a/b \u00e9"
    assert call(granian, key, "DELETE", path).status == 204
    assert call(granian, key, "GET", path).status == 404


def test_who_waits_is_woken(granian: Server, key: str) -> None:
    assert call(granian, key, "POST", "/queues", b'{"name": "waits"}').status == 201
    answers: list[wire.Answer] = []
    waiter = threading.Thread(
        target=lambda: answers.append(call(granian, key, "GET", "/queues/waits/messages"))
    )
    waiter.start()
    waiter.join(0.5)
    assert waiter.is_alive(), answers
    assert call(granian, key, "POST", "/queues/waits/messages", b'[{"id": "m", "body": "x"}]').status == 204
    waiter.join(wire.SECONDS)
    assert [message["id"] for message in answers[0].json()] == ["m"]


@pytest.mark.once
def test_paths_arrive_as_they_were_sent(granian: Server, key: str) -> None:
    assert call(granian, key, "GET", "/queues/%FF").status == 404
    assert call(granian, key, "POST", "/queues", b'{"name": "%FF"}').status == 201
    assert call(granian, key, "GET", "/queues/%25FF").status == 200
    assert call(granian, key, "GET", "/queues/%FF").status == 404
    assert call(granian, key, "GET", "/nothing%00here").json() == {"error": "not found"}
    assert call(granian, "", "GET", "/api/v1/nothing", b"", f"X-API-Key: {key}").status == 404


@pytest.mark.once
def test_bodies(granian: Server, key: str) -> None:
    head = f"POST /queues HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {key}\r\n"
    chunked = f'{head}Transfer-Encoding: chunked\r\n\r\n8\r\n{{"name":\r\n7\r\n "chu"}}\r\n0\r\n\r\n'
    assert wire.exchange(granian, chunked.encode()).status == 201
    too_large = wire.exchange(granian, f"{head}Content-Length: {1 << 40}\r\n\r\n{{".encode())
    assert too_large.status == 400
    assert "at most" in too_large.json()["error"]
    assert wire.exchange(granian, f"{head}Content-Length: 0\r\n\r\n".encode()).status == 400


@pytest.mark.once
def test_the_environment_is_no_header(granian: Server) -> None:
    answer = call(granian, "", "GET", "/queues")
    assert answer.status == 401
    assert "environment" not in answer.body.decode()


@pytest.mark.once
def test_requests_are_logged_with_their_ids(granian: Server, key: str) -> None:
    answer = call(granian, key, "GET", "/queues", b"", "X-Request-ID: looked-for")
    assert answer.headers["x-request-id"] == "looked-for"

    def logged() -> list[dict[str, Any]]:
        return [line for line in lines(granian) if line.get("request_id") == "looked-for"]

    eventually(lambda: bool(logged()))
    (line,) = logged()
    told = {name: line[name] for name in ("method", "route", "status", "bytes_out", "client")}
    size = int(answer.headers["content-length"])
    assert told == {
        "method": "GET", "route": "/queues", "status": 200, "bytes_out": size, "client": "127.0.0.1"
    }  # fmt: skip


@pytest.mark.once
def test_the_console_is_served(granian: Server) -> None:
    page = wire.get(granian, "/admin/login/")
    assert page.status == 200
    assert b"csrfmiddlewaretoken" in page.body
    eventually(lambda: any(line.get("route") == "/admin/" for line in lines(granian)))
    head = wire.get(granian, "/openapi/okmq.json", "HEAD")
    assert (head.status, head.body) == (200, b"")


@pytest.mark.once
def test_what_is_no_http_is_refused(granian: Server) -> None:
    with wire.connect(granian) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nno header\r\n\r\n")
        assert wire.read_all(sock).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("signum", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.once)])
def test_a_signal_ends_waiting_receives_and_the_server(make_server: ServerFactory, signum: int) -> None:
    server = make_server(arguments=GRANIAN, OKMQ_POLL_SECONDS="55", OKMQ_LOG_FORMAT="json")
    answers, exit_code, seconds = stop_under_a_poll(server, signum)
    assert answers == [(200, [])]
    assert exit_code == 0
    assert seconds < 10
    assert "Traceback" not in server.output()
    assert [line["event"] for line in lines(server) if line.get("event") == "process_stop"], (
        "it ended in order"
    )


def test_a_killed_web_process_is_replaced(make_server: ServerFactory) -> None:
    processes = 2 if database.POSTGRESQL else 1
    server = make_server(processes, GRANIAN, OKMQ_METRICS_ENABLED="true", OKMQ_METRICS_SECRET=SECRET)
    killed = web_processes(server)[0]
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: killed not in web_processes(server) and len(web_processes(server)) == processes)
    eventually(lambda: _answers(server))
    eventually(lambda: f"okmq_web_processes {processes}.0" in _metrics(server))
    assert server.stop() == 0
    folders = Path(server.environment["OKMQ_DATA_DIR"]).glob("metrics/server-*")
    assert not list(folders)


def web_processes(server: Server) -> list[int]:
    """The children that are no zombies."""
    return [pid for pid in server.web_processes if is_running(pid)]


def is_running(pid: int) -> bool:
    """Neither a zombie nor gone by now."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def _answers(server: Server) -> bool:
    try:
        return wire.get(server, "/live").status == 200
    except OSError:
        return False


def _metrics(server: Server) -> str:
    return wire.get(server, "/metrics", "GET", f"X-API-Key: {SECRET}").body.decode()


@pytest.mark.once
@pytest.mark.usefixtures("django_db_setup")
def test_without_it_it_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "okmq_site.granian_server", raising=False)
    monkeypatch.setitem(sys.modules, "granian", None)
    with pytest.raises(CommandError, match="`make granian` installs it"):
        call_command("serve", server="granian", port=0)
