"""A client of the Forq API that holds every answer against what is true of all (forq.md section 3)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from accounts.models import Account
from queues import broker
from queues.broker import clock, due
from queues.broker.lanes import in_transaction
from queues.broker.types import MessageView
from tests import wsgi
from tests.broker import rows, sweeping
from tests.broker.handle import Handle
from tests.wsgi import Answer

SECURITY = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
}
MISSING: Any = object()
Message = dict[str, str]


def check(answer: Answer) -> Answer:
    """Empty 204s, errors of one field, security headers everywhere."""
    assert SECURITY.items() <= answer.headers.items(), answer
    assert "www-authenticate" not in answer.headers, answer
    if answer.status == 204:
        assert answer.content == b"" and "content-type" not in answer.headers, answer
    else:
        assert answer.headers["content-type"] == "application/json", answer
    if answer.status >= 400 and not answer.request.startswith("HEAD"):
        assert list(answer.json()) == ["code"], answer
    return answer


def code_of(answer: Answer) -> tuple[int, str]:
    return answer.status, str(answer.json()["code"])


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
        **options: Any,
    ) -> Answer:
        """``headers`` come on top of the key; one that is None is not sent."""
        wanted = {"X-API-Key": self.key, **(headers or {})}
        sent = {name: value for name, value in wanted.items() if value is not None}
        return check(wsgi.call(method, path, content, sent, **options))


class Queue:
    """One queue as its clients see it, and the way to its past and future."""

    def __init__(self, client: Client, name: str) -> None:
        self.client = client
        self.name = name
        self.path = f"/api/v1/queues/{quote(name, safe='')}/messages"

    def dlq(self) -> Queue:
        return Queue(self.client, f"{self.name}-dlq")

    def post(self, content: bytes, headers: Mapping[str, str | None] | None = None) -> Answer:
        return self.client.call("POST", self.path, content, headers)

    def produce(self, content: Any = MISSING, **fields: Any) -> Answer:
        sent = fields if content is MISSING else {"content": content, **fields}
        return self.post(json.dumps(sent).encode())

    def consume(self) -> Answer:
        return self.client.call("GET", self.path)

    def take(self) -> Message:
        """The message that is there."""
        message: Message = self.consume().expect(200).json()
        assert list(message)[:2] == ["id", "content"], message
        return message

    def taken(self) -> list[str]:
        """The contents of all messages that are there, in their order."""
        found = []
        while (answer := self.consume()).status == 200:
            found.append(answer.json()["content"])
        answer.expect(204)
        return found

    def settle(self, verb: str, id: str, receipt: str | None = None) -> Answer:
        headers = {"X-Forq-Receipt": receipt}
        return self.client.call("POST", f"{self.path}/{quote(id, safe='')}/{verb}", b"", headers)

    def ack(self, message: Message) -> Answer:
        return self.settle("ack", message["id"], message.get("receipt"))

    def nack(self, message: Message) -> Answer:
        return self.settle("nack", message["id"], message.get("receipt"))

    # ------------------------------------------------------------ behind the API

    def age(self, seconds: float) -> None:
        """Make everything in the queue so much older."""
        rows.age(self.handle(), seconds)

    def let_clock_work(self) -> None:
        """What housekeeping does about leases and lives that are over."""
        queue_id = self.handle().id
        in_transaction(lambda tx: due.promote(tx, queue_id))
        sweeping.sweep()

    def view(self, id: str) -> MessageView:
        return self.handle().get(id)

    def ids(self) -> list[str]:
        return self.handle().ids()

    def handle(self) -> Handle:
        found = broker.get_queue(self.client.account.pk, self.name)
        return Handle(self.client.account.pk, found.name, found.id)


def now_ms() -> int:
    return clock.now() // 1000
