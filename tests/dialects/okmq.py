"""OKMQ: a body is any JSON value."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import msgspec

from queues.broker.types import Encoding

from .adapter import Adapter, JSONText, Sample, Stored, Taken
from .engine import EXACT_JSON


def _json(text: str) -> Sample:
    return Sample(text, Stored(Encoding.JSON, text))


class _Delivered(msgspec.Struct):
    id: str
    body: msgspec.Raw


class Okmq(Adapter):
    name = "OKMQ"
    samples = {
        "object": _json(EXACT_JSON),
        "array": _json("[1, 2]"),
        "string": _json('"\\u00e9"'),
        "string of nothing": _json('""'),
        "number": _json("0.10"),
        "null": _json("null"),
    }

    def publish(self, queue: str, sent: Any) -> None:
        body = f'[{{"id":"{uuid4()}","body":{sent}}}]'.encode()
        self.call("POST", f"/queues/{queue}/messages", body).expect(204)

    def receive(self, queue: str) -> Taken | None:
        answer = self.call("GET", f"/queues/{queue}/messages?limit=1").expect(200)
        found = msgspec.json.decode(answer.content, type=list[_Delivered])
        if not found:
            return None
        body = bytes(found[0].body).decode()
        return Taken(json.loads(body) if body.startswith('"') else JSONText(body), found[0].id)

    def ack(self, queue: str, taken: Taken) -> None:
        self.call("POST", f"/queues/{queue}/ack", [{"id": taken.handle, "ack": True}]).expect(204)

    def give_back(self, queue: str, taken: Taken) -> None:
        self.call("POST", f"/queues/{queue}/ack", [{"id": taken.handle, "ack": False}]).expect(204)

    def form(self, stored: Stored) -> Any:
        """Strings as what they say, since there are many ways to write one; other JSON to the letter."""
        if stored.encoding is not Encoding.JSON:
            return stored.body
        return json.loads(stored.body) if stored.body.startswith('"') else JSONText(stored.body)
