"""Forq: a body is a text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from queues.broker.types import Encoding

from .adapter import Adapter, Sample, Stored, Taken


def _text(text: str) -> Sample:
    return Sample(text, Stored(Encoding.TEXT, text))


class Forq(Adapter):
    name = "Forq"
    samples = {
        "text": _text('é "x" \\ \n 😀 <&>\u2028'),
        "text that looks like JSON": _text('{"a": 1.0}'),
        "text in quotes": _text('"x"'),
        "text that looks like Base64": _text("AP+A"),
        "no text": _text(""),
        # PostgreSQL takes no NUL in a text.
        "text with NUL": Sample("a\0b", Stored(Encoding.JSON, '"a\\u0000b"')),
    }

    def credentials(self) -> Mapping[str, str]:
        return {"X-API-Key": self.key}

    def publish(self, queue: str, sent: Any) -> None:
        self.call("POST", f"/api/v1/queues/{queue}/messages", {"content": sent}).expect(204)

    def receive(self, queue: str) -> Taken | None:
        answer = self.call("GET", f"/api/v1/queues/{queue}/messages").expect(200, 204)
        if answer.status == 204:
            return None
        message = answer.json()
        return Taken(message["content"], message)

    def ack(self, queue: str, taken: Taken) -> None:
        self._settle(queue, taken, "ack")

    def give_back(self, queue: str, taken: Taken) -> None:
        self._settle(queue, taken, "nack")

    def _settle(self, queue: str, taken: Taken, verb: str) -> None:
        path = f"/api/v1/queues/{queue}/messages/{taken.handle['id']}/{verb}"
        self.call("POST", path, headers={"X-Forq-Receipt": taken.handle["receipt"]}).expect(204)

    def form(self, stored: Stored) -> Any:
        """Of a JSON string what it says, of other JSON its text, of bytes their Base64."""
        if stored.encoding is Encoding.JSON and stored.body.startswith('"'):
            return json.loads(stored.body)
        return stored.body
