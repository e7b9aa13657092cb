"""The tasks API over sockets: streams as clients read them, many at once, between processes; a worker in a
process of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from clients.generate import ToolMissing, node_modules
from tests import database, reaper
from tests.broker.at_once import PATIENCE, eventually
from tests.server import ROOT, Server, ServerFactory

from .client import Event, parse

HERE = Path(__file__).parent


class Api:
    """A key's calls to a server."""

    def __init__(self, server: Server, key: str | None = None) -> None:
        self.url = server.url
        self.key = key or server.create_key()[1]

    def call(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            self.url + path,
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Bearer {self.key}"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer)

    def started(self) -> dict[str, Any]:
        """A task of a type of its own that is claimed."""
        name = f"type-{uuid4().hex[:12]}"
        self.call("PUT", f"/api/v1/task-types/{name}")
        self.call("POST", "/api/v1/tasks", {"type": name, "payload": {}})
        (claimed,) = self.call("POST", "/api/v1/tasks/claim", {"types": [name]})["tasks"]
        assert isinstance(claimed, dict)
        return claimed

    def say(self, claimed: dict[str, Any], what: str, **said: Any) -> Any:
        body = {"lease_token": claimed["lease_token"], **said}
        return self.call("POST", f"/api/v1/tasks/{claimed['id']}/{what}", body)

    def state(self, task_id: str, queue: str = "default") -> str:
        return str(self.call("GET", f"/api/v1/tasks/{task_id}?queue={queue}")["state"])


class RawStream:
    """A stream as bytes on a socket, chunks taken apart."""

    def __init__(self, api: Api, path: str) -> None:
        host, port = api.url.removeprefix("http://").split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=PATIENCE)
        head = f"GET {path} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {api.key}\r\n\r\n"
        self.socket.sendall(head.encode())
        self.file = self.socket.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        self.headers: dict[str, str] = {}
        while line := self.file.readline().strip():
            name, _, value = line.decode().partition(": ")
            self.headers[name.lower()] = value

    def chunk(self) -> bytes:
        """What the server wrote in one go; b"" at the end."""
        data = self.file.read(int(self.file.readline(), 16))
        self.file.readline()
        return data

    def close(self) -> None:
        self.file.close()
        self.socket.close()


@pytest.fixture
def api(server: Server) -> Api:
    return Api(server)


@pytest.mark.contract("34", "36", "45")
def test_a_stream_on_the_wire(api: Api) -> None:
    claimed = api.started()
    stream = RawStream(api, f"/api/v1/tasks/{claimed['id']}/progress/stream")
    assert stream.status == 200
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert stream.headers["transfer-encoding"] == "chunked" and "content-length" not in stream.headers
    assert stream.headers["x-request-id"]
    assert stream.chunk() == b"retry: 3000\n: connected\n\n"
    api.say(claimed, "progress", percentage=50, message="halb – ½")
    (event,) = parse(stream.chunk())
    assert event.data["message"] == "halb – ½"
    api.say(claimed, "complete")
    final, done = parse(stream.chunk())
    assert (final.name, done.name) == ("progress", "done")
    assert stream.chunk() == b""
    stream.close()


@pytest.mark.contract("21", "30", "31", "36", "37", "51")
def test_the_demo_is_run_by_the_server_itself(api: Api) -> None:
    """Three steps, each told as it is done."""
    body = {"type": "demo", "payload": {"message": "Hello", "count": 3}}
    task_id = api.call("POST", "/api/v1/tasks", body)["task_id"]
    stream = RawStream(api, f"/api/v1/tasks/{task_id}/progress/stream?start_id=0")
    told: list[Event] = []
    chunks = 0
    while data := stream.chunk():
        found = list(parse(data))
        told += found
        chunks += bool(found)
    stream.close()
    assert [event.name for event in told] == ["progress"] * 4 + ["done"]
    assert [event.data["percentage"] for event in told[:-1]] == [33, 66, 100, 100]
    assert "Hello" in told[0].data["message"] and "1/3" in told[0].data["message"]
    assert chunks > 2  # not all at the end
    history = api.call("GET", f"/api/v1/tasks/{task_id}/progress/history")["history"]
    assert [entry["progress"] for entry in history] == [event.data for event in told[:-1]]
    assert [entry["progress"]["stage"] for entry in history] == ["processing"] * 3 + ["completed"]
    assert api.state(task_id) == "completed"
    (row,) = api.call("GET", "/api/v1/queues/stats?queue=default")
    assert row["completed"] == 1


@pytest.mark.contract("25")
def test_cancelling_a_demo_that_runs(api: Api) -> None:
    body = {"type": "demo", "payload": {"count": 600}}
    task_id = api.call("POST", "/api/v1/tasks", body)["task_id"]
    eventually(lambda: api.state(task_id) == "active")
    api.call("POST", f"/api/v1/tasks/{task_id}/cancel")
    assert api.state(task_id) == "archived"
    *_, last = api.call("GET", f"/api/v1/tasks/{task_id}/progress/history")["history"]
    assert (last["is_final"], last["status"]) == (True, "cancelled")


@pytest.fixture
def event_source() -> list[str]:
    """The command that reads a stream. Skips where there is no Node.js, but not in CI."""
    manifests = [HERE / "eventsource" / name for name in ("package.json", "package-lock.json")]
    try:
        modules = node_modules(manifests)
    except ToolMissing as missing:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(missing))
    return ["node", str(HERE / "eventsource" / "read.mjs"), str(modules / "eventsource")]


@pytest.mark.contract("36", "40")
def test_a_real_event_source_reads_it(api: Api, event_source: list[str]) -> None:
    """The document's example; the connection is kept by a library that knows nothing of this server."""
    claimed = api.started()
    command = [*event_source, api.url, claimed["id"], api.key, "0"]
    reader = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    reaper.end_with_run(reader.pid)
    assert reader.stdout is not None
    lines = (json.loads(line) for line in reader.stdout)
    assert next(lines) == {"name": "open"}
    ids = []
    for percentage in (10, 20):
        ids.append(api.say(claimed, "progress", percentage=percentage, message="🎈\n")["stream_id"])
        event = next(lines)
        assert (event["name"], event["id"]) == ("progress", ids[-1])
        assert (event["data"]["percentage"], event["data"]["message"]) == (percentage, "🎈\n")
    api.say(claimed, "complete")
    final, done = lines
    assert (final["data"]["stage"], done["name"], done["data"]["status"]) == (
        "completed",
        "done",
        "completed",
    )
    assert reader.wait(PATIENCE) == 0
    reader.stdout.close()
    reaper.forget(reader.pid)


def test_a_worker_elsewhere(api: Api) -> None:
    """``examples/remote_worker.py`` as it stands."""
    name = f"type-{uuid4().hex[:12]}"
    worker = subprocess.Popen(
        [sys.executable, str(ROOT / "examples" / "remote_worker.py"), name],
        env={**os.environ, "OKMQ_URL": api.url, "OKMQ_KEY": api.key},
    )
    reaper.end_with_run(worker.pid)
    try:
        told = {"type": name, "handler": "remote"}
        eventually(lambda: told in api.call("GET", "/api/v1/task-types"))
        good, bad = (
            api.call("POST", "/api/v1/tasks", {"type": name, "payload": payload, "max_retries": 0})["task_id"]
            for payload in ({"items": ["a", "b"]}, {})
        )
        eventually(lambda: api.state(good) == "completed" and api.state(bad) == "archived")
        assert api.call("GET", f"/api/v1/tasks/{good}")["result"] == {"done": 2}
        history = api.call("GET", f"/api/v1/tasks/{good}/progress/history")["history"]
        assert [entry["progress"]["message"] for entry in history] == ["did a", "did b", "Done"]
        assert "items" in api.call("GET", f"/api/v1/tasks/{bad}")["last_err"]
    finally:
        worker.kill()
        worker.wait(PATIENCE)
        reaper.forget(worker.pid)


def test_two_hundred_streams_while_the_api_goes_on(api: Api) -> None:
    claimed = api.started()
    path = f"/api/v1/tasks/{claimed['id']}/progress/stream"
    with ExitStack() as closing:
        streams = [RawStream(api, path) for _ in range(200)]
        for stream in streams:
            closing.callback(stream.close)
            assert stream.status == 200 and stream.chunk()
        assert api.state(claimed["id"]) == "active"
        api.say(claimed, "progress", percentage=50)
        assert all(next(parse(stream.chunk())).data["percentage"] == 50 for stream in streams)
        api.say(claimed, "complete")
        assert all(
            [event.name for event in parse(stream.chunk())] == ["progress", "done"] for stream in streams
        )
        assert all(stream.chunk() == b"" for stream in streams)


@pytest.fixture
def pair(make_server: ServerFactory) -> tuple[Api, Api]:
    """Two servers on one database."""
    if not database.POSTGRESQL:
        pytest.skip("SQLite is served by one process")
    one = make_server()
    two = make_server(DATABASE_URL=one.environment["DATABASE_URL"])
    first = Api(one)
    return first, Api(two, first.key)


def test_a_report_in_another_process_is_told_soon(pair: tuple[Api, Api]) -> None:
    """Told by NOTIFY, long before anybody looks without being told."""
    here, there = pair
    claimed = there.started()
    stream = RawStream(here, f"/api/v1/tasks/{claimed['id']}/progress/stream")
    stream.chunk()
    took = []
    for percentage in range(1, 6):
        begin = time.monotonic()
        there.say(claimed, "progress", percentage=percentage)
        (event,) = parse(stream.chunk())
        took.append(time.monotonic() - begin)
        assert event.data["percentage"] == percentage
    assert sorted(took)[2] < 2.0, took
    stream.close()


def test_past_the_cap_and_at_the_end_of_the_server(make_server: ServerFactory) -> None:
    """Streams end without ``done`` when the server stops: clients come back by themselves."""
    server = make_server(OKMQ_MAX_STREAMS="2")
    api = Api(server)
    path = f"/api/v1/tasks/{api.started()['id']}/progress/stream"
    streams = [RawStream(api, path) for _ in range(2)]
    for stream in streams:
        stream.chunk()
    refused = RawStream(api, path)
    assert (refused.status, refused.headers["retry-after"]) == (503, "5")
    refused.close()
    streams[0].close()  # hangs up; the server notices, and the place is free

    def has_a_place() -> bool:
        stream = RawStream(api, path)
        if stream.status == 200:
            streams.append(stream)
            return bool(stream.chunk())
        stream.close()
        return False

    eventually(has_a_place)
    ending = threading.Thread(target=server.stop)
    ending.start()
    rest: list[Event] = []
    for stream in streams[1:]:
        while data := stream.chunk():
            rest += parse(data)
        stream.close()
    ending.join(PATIENCE)
    assert rest == [] and server.returncode == 0
