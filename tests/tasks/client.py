"""A client of the tasks API, in this process, that holds every answer against what is true of all (tasks.md
section 1), and a reader of its streams."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self
from uuid import uuid4

from django.db import connections

from tests import wsgi
from tests.wsgi import Answer

MISSING: Any = object()
PATIENCE = 30.0
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
CODE = re.compile(r"[A-Z][A-Z0-9_]*")


def check(answer: Answer) -> Answer:
    """An id on each answer; errors in the one shape."""
    assert answer.headers["x-request-id"], answer
    if answer.status >= 400:
        body = answer.json()
        assert set(body) <= {"error", "code", "details"}, answer
        assert isinstance(body["error"], str) and body["error"].strip(), answer
        assert CODE.fullmatch(body["code"]), answer
        assert isinstance(body.get("details", {}), dict), answer
    if answer.status == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer"), answer
    if answer.status == 405:
        assert answer.headers["allow"], answer
    return answer


def error_of(answer: Answer) -> tuple[int, str]:
    return answer.status, str(answer.json()["code"])


@dataclass(frozen=True)
class Event:
    name: str
    data: Any
    id: str


class Client:
    """Speaks for one key."""

    def __init__(self, key: str) -> None:
        self.key = key

    def call(
        self,
        method: str,
        path: str,
        body: Any = MISSING,
        *,
        content: bytes = b"",
        headers: Mapping[str, str | None] | None = None,
    ) -> Answer:
        """``headers`` come on top of the key; one that is None is not sent."""
        wanted = {"Authorization": f"Bearer {self.key}", **(headers or {})}
        sent = {name: value for name, value in wanted.items() if value is not None}
        return check(wsgi.call(method, path, content if body is MISSING else json.dumps(body).encode(), sent))

    def get(self, path: str) -> Answer:
        return self.call("GET", path)

    def post(self, path: str, body: Any = MISSING) -> Answer:
        return self.call("POST", path, body)

    def register(self) -> str:
        """A fresh type for remote workers."""
        name = f"type-{uuid4().hex[:12]}"
        self.call("PUT", f"/api/v1/task-types/{name}").expect(201)
        return name

    def stream(self, path: str, headers: Mapping[str, str] | None = None) -> Stream:
        """Open a stream and read it in a thread of its own."""
        return Stream(path, {"Authorization": f"Bearer {self.key}", **(headers or {})})

    def events(self, path: str, headers: Mapping[str, str] | None = None) -> list[Event]:
        """All events of a stream that ends by itself."""
        with self.stream(path, headers) as stream:
            return stream.rest()


class Queue:
    """Tasks of one remote type in one queue, as clients and workers see them."""

    def __init__(self, client: Client, type: str, name: str) -> None:
        self.client = client
        self.type = type
        self.name = name

    def create(self, **fields: Any) -> Answer:
        return self.client.post(
            "/api/v1/tasks", {"type": self.type, "payload": {}, "queue": self.name, **fields}
        )

    def made(self, **fields: Any) -> str:
        return str(self.create(**fields).expect(201).json()["task_id"])

    def get(self, task_id: str) -> Answer:
        return self.client.get(f"/api/v1/tasks/{task_id}?queue={self.name}")

    def task(self, task_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get(task_id).expect(200).json()
        return found

    def state(self, task_id: str) -> str:
        return str(self.task(task_id)["state"])

    def cancel(self, task_id: str) -> Answer:
        return self.client.post(f"/api/v1/tasks/{task_id}/cancel")

    def delete(self, task_id: str, queue: str | None = None) -> Answer:
        return self.client.call("DELETE", f"/api/v1/tasks/{task_id}?queue={queue or self.name}")

    def claim(self, **fields: Any) -> Answer:
        return self.client.post(
            "/api/v1/tasks/claim", {"types": [self.type], "queues": [self.name], **fields}
        )

    def take(self, **fields: Any) -> dict[str, Any]:
        (claimed,) = self.claim(**fields).expect(200).json()["tasks"]
        assert isinstance(claimed, dict)
        return claimed

    def started(self, **fields: Any) -> dict[str, Any]:
        task_id = self.made(**fields)
        claimed = self.take()
        assert claimed["id"] == task_id
        return claimed

    def say(self, claimed: Mapping[str, Any], what: str, **fields: Any) -> Answer:
        """``heartbeat``, ``progress``, ``complete`` or ``fail``."""
        body = {"lease_token": claimed["lease_token"], **fields}
        return self.client.post(f"/api/v1/tasks/{claimed['id']}/{what}", body)

    def report(self, claimed: Mapping[str, Any], percentage: int, **fields: Any) -> str:
        return str(
            self.say(claimed, "progress", percentage=percentage, **fields).expect(200).json()["stream_id"]
        )

    def worked(self, steps: int = 3, **fields: Any) -> str:
        """A task that reported so many steps and was completed."""
        claimed = self.started(**fields)
        for step in range(1, steps + 1):
            self.report(claimed, 100 * step // steps, message=f"{step}/{steps}")
        self.say(claimed, "complete").expect(200)
        return str(claimed["id"])

    def history(self, task_id: str, query: str = "") -> list[dict[str, Any]]:
        body = self.client.get(f"/api/v1/tasks/{task_id}/progress/history{query}").expect(200).json()
        assert body["task_id"] == task_id and body["count"] == len(body["history"])
        found: list[dict[str, Any]] = body["history"]
        return found

    def stats(self) -> dict[str, int]:
        (row,) = self.client.get(f"/api/v1/queues/stats?queue={self.name}").expect(200).json()
        assert row.pop("queue") == self.name
        assert isinstance(row, dict)
        return row


class Stream:
    """An open stream. Its lines are held against section 5.3 as they come."""

    def __init__(self, path: str, headers: Mapping[str, str]) -> None:
        from okmq_site.wsgi import application

        begun: list[tuple[str, list[tuple[str, str]]]] = []
        environ = wsgi._environ("GET", path, b"", headers, "127.0.0.1")
        self._socket, environ["gunicorn.socket"] = socket.socketpair()
        self._theirs = environ["gunicorn.socket"]

        def start(status: str, sent: list[tuple[str, str]], *error: Any) -> Any:
            begun.append((status, sent))

        self._chunks = application(environ, start)
        status, sent = begun[0]
        self.status = int(status.split()[0])
        self.headers = {name.lower(): value for name, value in sent}
        assert self.status == 200, (status, b"".join(self._chunks))
        self.raw = b""
        self.ended = False
        self.error: BaseException | None = None
        self._taken = 0
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up, which the server notices when it looks for us next."""
        from queues.broker.wakes import HUB

        self._socket.close()
        while not self.ended:
            for channel in HUB.queues():
                HUB.signal(channel)
            self._thread.join(0.01)

    def _read(self) -> None:
        try:
            for chunk in self._chunks:
                with self._news:
                    self.raw += chunk
                    self._news.notify_all()
        except BaseException as error:
            self.error = error
        finally:
            self._chunks.close()  # type: ignore[attr-defined]
            self._socket.close()
            self._theirs.close()
            connections["default"].close()
            with self._news:
                self.ended = True
                self._news.notify_all()

    def _await(self, condition: Callable[[], bool]) -> None:
        with self._news:
            assert self._news.wait_for(condition, PATIENCE), self.raw
        assert self.error is None, self.error

    def events(self) -> list[Event]:
        """What has come so far."""
        return list(parse(self.raw))

    def next(self) -> Event:
        """The next event, once it has come."""
        self._await(lambda: len(self.events()) > self._taken or self.ended)
        assert len(self.events()) > self._taken, "the stream ended"
        self._taken += 1
        return self.events()[self._taken - 1]

    def rest(self) -> list[Event]:
        """All that come until the stream ends by itself."""
        self._await(lambda: self.ended)
        found = self.events()[self._taken :]
        self._taken += len(found)
        return found

    def opened(self) -> Stream:
        """Once its first line has come."""
        self._await(lambda: bool(self.raw))
        return self


def parse(raw: bytes) -> Iterator[Event]:
    """Events of a stream, whose bytes are nothing else than the contract allows."""
    *blocks, rest = raw.decode().split("\n\n")
    del rest  # what has not ended yet
    for block in blocks:
        fields: dict[str, str] = {}
        for line in block.split("\n"):
            if line.startswith(":"):
                continue
            name, colon, value = line.partition(": ")
            assert colon and name in ("event", "data", "id", "retry") and name not in fields, line
            fields[name] = value
        if "data" in fields:
            yield Event(fields["event"], json.loads(fields["data"]), fields.get("id", ""))
