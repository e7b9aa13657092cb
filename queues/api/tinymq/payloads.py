"""Payloads are bytes; the engine keeps texts. What every dialect makes of them: docs/dialects.md."""

from __future__ import annotations

import base64

from queues.api import strict_json
from queues.api.bodies import as_text
from queues.api.problems import BadRequest
from queues.broker.types import Encoding

MAX_BYTES = 2_097_152
JSON = "application/json"


def stored(payload: bytes, content_type: str = "") -> tuple[str, Encoding]:
    """Bytes as the engine keeps them: text if they are UTF-8, the value itself if their sender calls them
    JSON. They come out as they went in. (A JSON string stays a text: it would be shown without its
    quotes.)"""
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        return base64.b64encode(payload).decode(), Encoding.BASE64
    if "\0" in text:  # PostgreSQL takes none
        return base64.b64encode(payload).decode(), Encoding.BASE64
    return text, Encoding.JSON if _is_json(payload, content_type) else Encoding.TEXT


def _is_json(payload: bytes, content_type: str) -> bool:
    if content_type.partition(";")[0].strip().lower() != JSON or payload.lstrip()[:1] == b'"':
        return False
    try:
        strict_json.check(payload)
    except BadRequest:
        return False
    return True


def bytes_of(body: str, encoding: Encoding) -> bytes:
    """A stored body as TinyMQ's clients get it: of a JSON string what it says, else exactly what was
    published."""
    if encoding is Encoding.BASE64:
        return base64.b64decode(body)
    return as_text(body, encoding).encode()


def text_of(payload: bytes) -> str | None:
    """The same as a text, if it is one that is not empty."""
    try:
        return payload.decode() or None
    except UnicodeDecodeError:
        return None
