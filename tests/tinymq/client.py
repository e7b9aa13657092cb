"""A client of the TinyMQ API that holds every answer against what is true of all (tinymq.md section 1)."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from accounts.models import Account
from queues import broker
from queues.models import Message, SeenKey
from tests import wsgi
from tests.broker import rows
from tests.broker.handle import Handle
from tests.wsgi import Answer

JSON_ERRORS = {"empty", "not_found", "error"}
"""The statuses of answers that are no success and yet JSON."""
Found = dict[str, Any]


def check(answer: Answer) -> Answer:
    """Errors are a line of plain text, but for consume and ack, which say in JSON that there is nothing."""
    kind = answer.headers.get("content-type", "")
    if answer.status == 204 or (answer.status == 200 and not answer.content):
        assert answer.content == b"" and not kind, answer
    elif answer.status < 400:
        assert kind == "application/json", answer
        answer.json()
    elif kind == "application/json" and answer.status != 503:
        assert answer.status == 404 and answer.json()["status"] in JSON_ERRORS, answer
    elif not answer.request.startswith("HEAD") and kind != "application/json":
        assert kind == "text/plain; charset=utf-8", answer
        assert answer.content.endswith(b"\n") and answer.content.strip(), answer
        assert answer.headers["x-content-type-options"] == "nosniff", answer
    return answer


class Client:
    """Speaks for one key."""

    def __init__(self, account: Account, key: str) -> None:
        self.account = account
        self.key = key

    def call(
        self,
        method: str,
        path: str,
        content: bytes = b"",
        headers: Mapping[str, str | None] | None = None,
        **query: Any,
    ) -> Answer:
        """``headers`` come on top of the key; one that is None is not sent."""
        wanted = {"Authorization": f"Bearer {self.key}", **(headers or {})}
        sent = {name: value for name, value in wanted.items() if value is not None}
        target = f"{path}?{urlencode(query)}" if query else path
        return check(wsgi.call(method, target, content, sent))

    def post(self, path: str, value: Any, **query: Any) -> Answer:
        return self.call("POST", path, json.dumps(value).encode(), **query)

    def requeue(self, message: Found, **changes: Any) -> Answer:
        return self.post("/requeue", {**message, **changes})

    def stats(self) -> dict[str, Found]:
        """The figures of each topic by its name."""
        found = self.call("GET", "/api/stats").expect(200).json()
        return {one["Name"]: one for one in found["stats"]}


class Topic:
    """One topic as its clients see it, and the way to its past and future."""

    def __init__(self, client: Client, name: str) -> None:
        self.client = client
        self.name = name

    def path(self, verb: str, name: str | None = None) -> str:
        return f"/{verb}/{quote(self.name if name is None else name, safe='')}"

    def sub(self, rest: str) -> Topic:
        return Topic(self.client, self.name + rest)

    def send(self, payload: bytes, headers: Mapping[str, str | None] | None = None, **query: Any) -> Answer:
        return self.client.call("POST", self.path("publish"), payload, headers, **query)

    def publish(self, *payloads: str, **query: Any) -> None:
        for payload in payloads:
            answer = self.send(payload.encode(), **query).expect(202)
            assert answer.json() == {"status": "accepted", "topic": self.name}

    def consume(self, **query: Any) -> Answer:
        return self.client.call("GET", self.path("consume"), **query)

    def take(self, **query: Any) -> Found:
        """The message that is there."""
        message: Found = self.consume(**query).expect(200).json()
        assert isinstance(message, dict), message
        return message

    def take_all(self, **query: Any) -> list[str]:
        """The texts of all messages that are there, in their order; acknowledged."""
        answer = self.consume(**{"limit": 1000, "auto_ack": "true", **query})
        return [text(message) for message in answer.json()] if answer.status == 200 else []

    def is_empty(self) -> bool:
        answer = self.consume()
        return answer.status == 404 and answer.json() == {
            "status": "empty",
            "message": "No messages in topic",
        }

    def ack(self, id: str) -> Answer:
        return self.client.call("POST", f"{self.path('ack')}/{id}")

    def peek(self, **query: Any) -> list[Found]:
        found = self.client.call("GET", "/api/queues/peek", queue=self.name, **query).expect(200).json()
        return list(found)

    def stat(self) -> Found:
        return self.client.stats()[self.name]

    # ------------------------------------------------------------ behind the API

    @property
    def handle(self) -> Handle:
        found = broker.get_queue(self.client.account.pk, self.name)
        return Handle(self.client.account.pk, found.name, found.id)

    def age(self, seconds: float) -> None:
        """Make everything in the topic so much older, keys included."""
        rows.age(self.handle, seconds)
        shift = int(seconds * 1_000_000)
        for key in SeenKey.objects.filter(queue_id=self.handle.id):
            SeenKey.objects.filter(pk=key.pk).update(until=rows.query(
                "SELECT until FROM queues_seenkey WHERE id = %s", key.pk)[0][0] - shift)  # fmt: skip

    def stored(self) -> int:
        return Message.objects.filter(queue_id=self.handle.id).count()


def text(message: Found) -> str:
    return base64.b64decode(message["payload"], validate=True).decode()


def payload_of(data: bytes) -> str:
    return base64.b64encode(data).decode()
