"""Agentuity: a payload is any JSON value but null."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from queues.broker.types import Encoding

from .adapter import Adapter, JSONText, Sample, Stored, Taken
from .engine import EXACT_JSON


def _json(text: str) -> Sample:
    return Sample(text, Stored(Encoding.JSON, text))


class _Message(msgspec.Struct):
    id: str
    payload: msgspec.Raw


class _Received(msgspec.Struct):
    message: _Message | None


class Agentuity(Adapter):
    name = "Agentuity"
    samples = {
        "object": _json(EXACT_JSON),
        "array": _json("[1, 2]"),
        "string": _json('"\\u00e9"'),
        "string of nothing": _json('""'),
        "number": _json("0.10"),
    }

    def publish(self, queue: str, sent: Any) -> None:
        self.call("POST", f"/queue/messages/publish/{queue}", f'{{"payload":{sent}}}'.encode()).expect(200)

    def receive(self, queue: str) -> Taken | None:
        answer = self.call("GET", f"/queue/receive/{queue}").expect(200)
        found = msgspec.json.decode(answer.content, type=_Received).message
        if found is None:
            return None
        payload = bytes(found.payload).decode()
        return Taken(json.loads(payload) if payload.startswith('"') else JSONText(payload), found.id)

    def ack(self, queue: str, taken: Taken) -> None:
        self.call("POST", f"/queue/ack/{queue}/{taken.handle}").expect(200)

    def give_back(self, queue: str, taken: Taken) -> None:
        self.call("POST", f"/queue/nack/{queue}/{taken.handle}").expect(200)

    def form(self, stored: Stored) -> Any:
        """Strings as what they say, since there are many ways to write one; other JSON to the letter."""
        if stored.encoding is not Encoding.JSON:
            return stored.body
        return json.loads(stored.body) if stored.body.startswith('"') else JSONText(stored.body)
