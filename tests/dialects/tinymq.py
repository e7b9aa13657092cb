"""TinyMQ: a body is bytes."""

from __future__ import annotations

import base64
import json
from typing import Any

from queues.broker.types import Encoding

from .adapter import Adapter, Sample, Stored, Taken


def _text(text: str) -> Sample:
    return Sample((text.encode(), ""), Stored(Encoding.TEXT, text))


class Tinymq(Adapter):
    name = "TinyMQ"
    samples = {
        "text": _text('é "x" \\ \n 😀 <&>'),
        "text that looks like JSON": _text('{"a": 1.0}'),
        "JSON": Sample((b'{"a": 1.0}', "application/json"), Stored(Encoding.JSON, '{"a": 1.0}')),
        "JSON string": Sample((b'"x"', "application/json"), Stored(Encoding.TEXT, '"x"')),
        "bytes": Sample((b"\x00\xff\x80", "application/json"), Stored(Encoding.BASE64, "AP+A")),
        # PostgreSQL takes no NUL in a text.
        "text with NUL": Sample((b"a\0b", ""), Stored(Encoding.BASE64, "YQBi")),
    }

    def publish(self, queue: str, sent: Any) -> None:
        payload, content_type = sent
        self.call("POST", f"/publish/{queue}", payload, {"Content-Type": content_type}).expect(202)

    def receive(self, queue: str) -> Taken | None:
        answer = self.call("GET", f"/consume/{queue}").expect(200, 404)
        if answer.status == 404:
            return None
        message = answer.json()
        return Taken(base64.b64decode(message["payload"]), message)

    def ack(self, queue: str, taken: Taken) -> None:
        self.call("POST", f"/ack/{queue}/{taken.handle['id']}").expect(200)

    def give_back(self, queue: str, taken: Taken) -> None:
        self.call("POST", "/requeue", taken.handle).expect(202)

    def form(self, stored: Stored) -> Any:
        """Of a JSON string what it says, of other JSON its text, and bytes as they are."""
        if stored.encoding is Encoding.BASE64:
            return base64.b64decode(stored.body)
        if stored.encoding is Encoding.JSON and stored.body.startswith('"'):
            return json.loads(stored.body).encode()
        return stored.body.encode()
