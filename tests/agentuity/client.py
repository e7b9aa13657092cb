"""A client of the Agentuity API that holds every answer against what is true of all (agentuity.md sections 1,
2, 6 and 10): the envelope, ids, and null only where the original's client takes it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from accounts.models import Account
from queues import broker
from queues.broker import due
from queues.broker.lanes import in_transaction
from queues.broker.types import MessageView
from tests import wsgi
from tests.broker import rows
from tests.broker.handle import Handle
from tests.wsgi import Answer

MISSING: Any = object()
JSON = Mapping[str, Any]

MESSAGE_ID = re.compile(r"qmsg_[a-zA-Z0-9]+")
NULLABLE = {
    "queue": {"description", "paused_at", "default_ttl_seconds"},
    "message": {
        "payload", "metadata", "idempotency_key", "partition_key", "source_id", "source_name", "ttl_seconds",
        "expires_at", "delivered_at", "acknowledged_at",
    },
    "dead_letter": {"payload", "metadata", "failure_reason"},
    "destination": {"description", "last_success_at", "last_failure_at", "last_failure_error"},
    "delivery": {"http_status_code", "error", "payload"},
    "source": {"description", "last_request_at", "last_success_at", "last_failure_at", "last_failure_error"},
    "event": {"message_id", "error", "payload"},
}  # fmt: skip
REQUIRED = {
    "queue": {"id", "name", "queue_type", "created_at", "updated_at"},
    "message": {"id", "queue_id", "offset", "payload", "published_at"},
    "dead_letter": {"id", "queue_id", "offset", "payload", "delivery_attempts", "created_at"},
    "destination": {
        "id", "name", "queue_id", "destination_type", "config", "enabled", "created_at", "updated_at"
    },
    "delivery": {
        "id", "destination_id", "queue_id", "message_id", "status", "delivered_at", "created_at"
    },
    "source": {
        "id", "queue_id", "name", "auth_type", "enabled", "url", "request_count", "success_count",
        "failure_count", "created_at", "updated_at",
    },
    "event": {"id", "source_id", "queue_id", "status", "received_at", "created_at"},
}  # fmt: skip
STATES = {"pending", "leased", "processing", "delivered", "failed", "dead"}


def check(answer: Answer) -> Answer:
    """What no answer may break."""
    assert answer.status not in (204, 301, 302, 307, 308), answer
    assert answer.headers["content-type"] == "application/json", answer
    body = answer.json()
    assert isinstance(body, dict), answer
    if answer.status == 200:
        assert body["success"] is True, answer
    else:
        _check_error(answer, body)
    return answer


def _check_error(answer: Answer, body: JSON) -> None:
    assert 400 <= answer.status < 500, answer
    assert set(body) == {"success", "code", "message", "error"}, answer
    assert body["success"] is False, answer
    assert body["message"] and body["message"] == body["error"], answer
    assert isinstance(body["code"], str) and body["code"], answer
    if answer.status == 409:
        assert "retry-after" not in answer.headers, answer


def check_object(kind: str, thing: JSON) -> None:
    assert REQUIRED[kind] <= thing.keys(), (kind, thing)
    empty = {name for name, value in thing.items() if value is None}
    assert empty <= NULLABLE[kind], (kind, empty)
    if kind in ("message", "dead_letter"):
        assert MESSAGE_ID.fullmatch(thing["id"]), thing
        assert thing.get("state", "dead") in STATES, thing


def data(answer: Answer) -> dict[str, Any]:
    """The envelope's data; its fields, or its one thing's, stand at top level, too."""
    body: dict[str, Any] = answer.expect(200).json()
    found: dict[str, Any] = body["data"]
    beside = {name: value for name, value in body.items() if name not in ("success", "data")}
    whole = len(found) == 1 and next(iter(found.values()))
    single = next(iter(found)) in ("queue", "message", "destination", "source", "analytics", "timeseries")
    assert beside == (whole if single and found != beside else found), answer
    return found


class Client:
    """Speaks for one key."""

    def __init__(self, account: Account, key: str) -> None:
        self.account = account
        self.key = key

    def call(
        self,
        method: str,
        path: str,
        content: Any = MISSING,
        headers: Mapping[str, str | None] | None = None,
        **query: Any,
    ) -> Answer:
        """``content``: bytes as they are, anything else as JSON. As the original's client every request has a
        JSON content type."""
        sent = b"" if content is MISSING else content if isinstance(content, bytes) else dumps(content)
        wanted = {
            "Authorization": f"Bearer {self.key}",
            "Content-Type": "application/json",
            "Accept": "application/json",
            **(headers or {}),
        }
        target = path + (f"?{urlencode(query)}" if query else "")
        given = {name: value for name, value in wanted.items() if value is not None}
        return check(wsgi.call(method, target, sent, given))

    def create(self, name: str, **fields: Any) -> Queue:
        sent = {"queue_type": "worker", "name": name, **fields}
        made = data(self.call("POST", "/queue/create", sent))["queue"]
        check_object("queue", made)
        return Queue(self, name)

    def listed(self, **query: Any) -> tuple[list[str], int]:
        found = data(self.call("GET", "/queue/list", **query))
        for queue in found["queues"]:
            check_object("queue", queue)
        return [queue["name"] for queue in found["queues"]], found["total"]


class Queue:
    """One queue as its clients see it, and the way to its past and future. What is named like an operation
    expects that to succeed; ``call`` expects nothing."""

    def __init__(self, client: Client, name: str) -> None:
        self.client = client
        self.name = name

    def call(self, method: str, action: str, *rest: Any, content: Any = MISSING, **query: Any) -> Answer:
        path = "/".join(quote(str(part), safe="") for part in (self.name, *rest))
        return self.client.call(method, f"/queue/{action}/{path}", content, **query)

    def get(self) -> dict[str, Any]:
        return self._queue(self.call("GET", "get"))

    def update(self, **fields: Any) -> dict[str, Any]:
        return self._queue(self.call("PATCH", "update", content=fields))

    def pause(self) -> dict[str, Any]:
        return self._queue(self.call("POST", "pause", content={}))

    def resume(self) -> dict[str, Any]:
        return self._queue(self.call("POST", "resume"))

    def try_publish(self, payload: Any = "x", **fields: Any) -> Answer:
        return self.call("POST", "messages/publish", content={"payload": payload, **fields})

    def publish(self, payload: Any = "x", **fields: Any) -> dict[str, Any]:
        return self._message(self.try_publish(payload, **fields))

    def batch(self, *messages: Any) -> list[dict[str, Any]]:
        found = data(self.call("POST", "messages/batch", content={"messages": list(messages)}))
        return self._messages(found["messages"])

    def message(self, message_id: str) -> dict[str, Any]:
        return self._message(self.call("GET", "messages/get", message_id))

    def listed(self, **query: Any) -> tuple[list[dict[str, Any]], int]:
        found = data(self.call("GET", "messages/list", **query))
        return self._messages(found["messages"]), found["total"]

    def consume(self, offset: int, **query: Any) -> list[dict[str, Any]]:
        return self._messages(data(self.call("GET", "consume", offset=offset, **query))["messages"])

    def receive(self, timeout: float = 0) -> dict[str, Any] | None:
        found: dict[str, Any] | None = data(self.call("GET", "receive", timeout=timeout))["message"]
        if found is not None:
            check_object("message", found)
        return found

    def take(self) -> dict[str, Any]:
        """The message that is there."""
        found = self.receive()
        assert found is not None
        return found

    def ack(self, message_id: str) -> None:
        self._done(self.call("POST", "ack", message_id))

    def nack(self, message_id: str) -> None:
        self._done(self.call("POST", "nack", message_id))

    def head(self) -> int:
        return int(data(self.call("GET", "head"))["offset"])

    def tail(self) -> int:
        return int(data(self.call("GET", "tail"))["offset"])

    def dead(self, **query: Any) -> tuple[list[dict[str, Any]], int]:
        found = data(self.call("GET", "dlq/list", **query))
        for letter in found["messages"]:
            check_object("dead_letter", letter)
        return found["messages"], found["total"]

    def kill(self, payload: Any = "x") -> dict[str, Any]:
        """Publish a message and have its last delivery fail. Nothing else may be ready."""
        published = self.publish(payload)
        while (taken := self.receive()) is not None:
            self.nack(taken["id"])
            self.age(100)
        return published

    def delete(self) -> None:
        self._done(self.call("DELETE", "delete"))

    # ------------------------------------------------------------ behind the API

    def age(self, seconds: float) -> None:
        """Make everything in the queue so much older."""
        rows.age(self.handle(), seconds)

    def let_clock_work(self) -> None:
        queue_id = self.handle().id
        in_transaction(lambda tx: due.promote(tx, queue_id))

    def view(self, public_id: str) -> MessageView:
        return self.handle().get(public_id)

    def handle(self) -> Handle:
        found = broker.get_queue(self.client.account.pk, self.name)
        return Handle(self.client.account.pk, found.name, found.id)

    def _done(self, answer: Answer) -> None:
        assert answer.expect(200).json() == {"success": True}

    def _queue(self, answer: Answer) -> dict[str, Any]:
        queue: dict[str, Any] = data(answer)["queue"]
        check_object("queue", queue)
        return queue

    def _message(self, answer: Answer) -> dict[str, Any]:
        message: dict[str, Any] = data(answer)["message"]
        check_object("message", message)
        return message

    def _messages(self, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for message in found:
            check_object("message", message)
        return found


def dumps(value: Any) -> bytes:
    return json.dumps(value).encode()
