"""Message bodies between the engine, which keeps what was published as it was, and dialects whose messages
are texts. The forms of all dialects: docs/dialects.md."""

from __future__ import annotations

import msgspec

from queues.broker.types import Encoding

_QUOTE = '"'
_encoder = msgspec.json.Encoder()


def text_body(text: str) -> tuple[str, Encoding, int]:
    """A text as the engine keeps it: body, encoding, and size in bytes. ``text`` has no lone surrogates."""
    size = len(text.encode())
    if "\0" in text:
        # PostgreSQL takes no NUL in a text, but JSON has an escape for it.
        return _encoder.encode(text).decode(), Encoding.JSON, size
    return text, Encoding.TEXT, size


def as_text(body: str, encoding: Encoding) -> str:
    """A stored body for a dialect whose messages are texts: of a JSON string what it says, of any other JSON
    its own text, of bytes their Base64."""
    if encoding is Encoding.JSON and body.startswith(_QUOTE):
        text: str = msgspec.json.decode(body)
        return text
    return body
