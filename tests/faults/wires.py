"""Clients of three dialects that log what they do. A wire is one client: one thread, one connection.

Between them they tell everything the checker asks about: Agentuity attempts, keys and idempotency keys, Forq
receipts, OKMQ times and streams. All speak to the same queue.
"""

from __future__ import annotations

import json
import random
import socket
import time
import uuid
from contextlib import suppress
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any
from urllib.parse import urlsplit

from tests.faults.history import Call, Delivery, Final, History, Publication, Refused, Unreachable
from tests.server import START_SECONDS

BREATH = 0.05
"""Seconds between two looks whether somebody listens."""
PATIENCE = 10.0
"""Seconds a client waits for an answer before it hangs up: a Forq server would keep it for thirty."""


class Wire:
    error_fields = {"error"}
    """Of what the dialect answers when something is wrong."""

    def __init__(self, url: str, key: str, queue: str, history: History, name: str = "") -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "", parts.port or 80
        self.key, self.queue, self.history = key, queue, history
        self.name = name or f"{type(self).__name__}-{uuid.uuid4().hex[:6]}"
        self._connection: HTTPConnection | None = None

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The answer's JSON (None if it has none). Raises Refused for a 4xx, or when nobody was there to take
        the request; OSError when nobody can say what happened: no answer, or one that says the server was in
        trouble."""
        content = None if body is None else json.dumps(body)
        if self._connection is None:
            self._connection = HTTPConnection(self.host, self.port, timeout=PATIENCE)
        try:
            self._connection.request(method, path, content, {**self.headers(), **headers})
            answer = self._connection.getresponse()
            text = answer.read()
        except ConnectionRefusedError as error:
            self.close()
            raise Unreachable("nobody listens") from error
        except (OSError, HTTPException) as error:
            self.close()
            raise OSError(str(error)) from error
        if answer.status >= 500:
            self._check_trouble(answer, text)
            time.sleep(BREATH)
            raise OSError(f"{method} {path} answered {answer.status} {text[:200]!r}")
        if answer.status >= 400:
            raise Refused(f"{method} {path} answered {answer.status} {text[:200]!r}")
        return json.loads(text) if text else None

    def _check_trouble(self, answer: HTTPResponse, text: bytes) -> None:
        """Whatever befell the server: it says that it is not there now, and when to come again."""
        assert answer.status == 503, f"{answer.status} {text[:500]!r}"
        assert int(answer.headers["Retry-After"]) >= 1, answer.headers
        assert set(json.loads(text)) == self.error_fields, text

    def close(self) -> None:
        """Hang up, whatever is under way."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def await_server(self) -> None:
        """After a call that failed: until somebody listens again."""
        if self._connection is not None:
            return
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with suppress(OSError):
                socket.create_connection((self.host, self.port), PATIENCE).close()
                return
            time.sleep(BREATH)

    # ------------------------------------------------------------ what a client does

    def publish(self, *publications: Publication) -> Call:
        with self.history.call(self.name, "publish", publications=publications) as call:
            self.send(publications)
        return call

    def receive(self) -> list[Delivery]:
        with self.history.call(self.name, "receive") as call:
            call.delivered = tuple(self.take())
        return list(call.delivered)

    def ack(self, delivery: Delivery) -> Call:
        return self._settle("ack", delivery)

    def nack(self, delivery: Delivery) -> Call:
        return self._settle("nack", delivery)

    def _settle(self, what: str, delivery: Delivery) -> Call:
        with self.history.call(self.name, what, token=delivery.token, receipt=delivery.receipt) as call:
            self.settle(what, delivery)
        return call

    def send(self, publications: tuple[Publication, ...]) -> None:
        raise NotImplementedError

    def take(self) -> list[Delivery]:
        raise NotImplementedError

    def settle(self, what: str, delivery: Delivery) -> None:
        raise NotImplementedError


def token_of(body: str) -> str:
    """A body begins with its token; the rest is there to be altered."""
    return body.split(" ", 1)[0]


def publication(*, dedup: str = "", key: str = "", delay: float = 0.0) -> Publication:
    token = uuid.uuid4().hex
    body = f'{token} {random.randbytes(random.randrange(40)).hex()} äöü \U0001f680 "quoted" \\ \t'
    return Publication(token, body, dedup, key, time.time() + delay if delay else 0.0)


class Agentuity(Wire):
    error_fields = {"success", "code", "message", "error"}

    def __init__(self, *args: Any, lease: float, **options: Any) -> None:
        super().__init__(*args, **options)
        self.lease = lease

    def send(self, publications: tuple[Publication, ...]) -> None:
        messages = [
            {
                "payload": one.body,
                **({"idempotency_key": one.dedup} if one.dedup else {}),
                **({"partition_key": one.key} if one.key else {}),
            }
            for one in publications
        ]
        self.ask("POST", f"/queue/messages/batch/{self.queue}", {"messages": messages})

    def take(self) -> list[Delivery]:
        answer = self.ask("GET", f"/queue/receive/{self.queue}?timeout=1")
        message = answer["data"]["message"]
        if message is None:
            return []
        body = message["payload"]
        return [
            Delivery(message["id"], token_of(body), body, self.lease, attempt=message["delivery_attempts"])
        ]

    def settle(self, what: str, delivery: Delivery) -> None:
        self.ask("POST", f"/queue/{what}/{self.queue}/{delivery.id}")


class Forq(Wire):
    error_fields = {"code"}

    def __init__(self, *args: Any, lease: float, **options: Any) -> None:
        super().__init__(*args, **options)
        self.lease = lease

    def headers(self) -> dict[str, str]:
        return {"X-API-Key": self.key}

    @property
    def path(self) -> str:
        return f"/api/v1/queues/{self.queue}/messages"

    def send(self, publications: tuple[Publication, ...]) -> None:
        (one,) = publications
        self.ask("POST", self.path, {"content": one.body, "processAfter": round(one.at * 1000)})

    def take(self) -> list[Delivery]:
        message = self.ask("GET", self.path)
        if message is None:
            return []
        # Published as JSON by other dialects, a text comes as the JSON that was sent.
        content = message["content"]
        body = json.loads(content) if content.startswith('"') else content
        return [Delivery(message["id"], token_of(body), body, self.lease, receipt=int(message["receipt"]))]

    def settle(self, what: str, delivery: Delivery) -> None:
        headers = {"X-Forq-Receipt": str(delivery.receipt)}
        self.ask("POST", f"{self.path}/{delivery.id}/{what}", **headers)


class Okmq(Wire):
    def __init__(self, *args: Any, lease: float, **options: Any) -> None:
        super().__init__(*args, **options)
        self.lease = lease

    @property
    def path(self) -> str:
        return f"/queues/{self.queue}/messages"

    def send(self, publications: tuple[Publication, ...]) -> None:
        messages = [
            {
                "id": one.dedup or one.token,
                "body": one.body,
                **({"delivery_time": _instant(one.at)} if one.at else {}),
            }
            for one in publications
        ]
        self.ask("POST", self.path, messages)

    def take(self) -> list[Delivery]:
        found = self.ask("GET", f"{self.path}?limit=3")
        return [
            Delivery(one["id"], token_of(one["body"]), one["body"], self.lease, one["delivery_attempt"])
            for one in found
        ]

    def settle(self, what: str, delivery: Delivery) -> None:
        self.ask("POST", f"/queues/{self.queue}/ack", [{"id": delivery.id, "ack": what == "ack"}])

    def final(self) -> Final:
        """The queue as it is now: every message by its state, counted twice."""
        found = Final()
        for state in ("pending", "processing", "scheduled", "failed", "acked"):
            messages = self._all(state)
            found.recounted[state] = len(messages)
            for one in messages:
                token = token_of(one["body"])
                found.states[token] = "dead" if state == "failed" else state
                found.bodies[token] = one["body"]
                found.attempts[token] = one["delivery_attempt"]
        stats = self.ask("GET", f"/queues/{self.queue}/stats")
        found.counted = {state: stats[state] for state in found.recounted}
        return found

    def _all(self, state: str) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = []
        while page := self.ask("GET", f"{self.path}?peek=true&limit=100&type={state}&offset={len(messages)}"):
            messages += page
        return messages


def _instant(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")
