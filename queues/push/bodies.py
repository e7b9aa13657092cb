"""What is sent as the body of a request."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import msgspec

from queues.broker.types import Encoding, Micros
from queues.fields import to_datetime
from queues.push.types import Form


class Outgoing(msgspec.Struct, frozen=True, gc=False):
    """A message on its way to a destination. ``attempt`` counts from 1."""

    queue_id: int
    queue: str
    offset: int
    public_id: str
    body: str
    encoding: Encoding
    size: int
    partition_key: str
    metadata: str | None
    headers: str | None
    created_at: Micros
    expires_at: Micros | None
    attempt: int
    receipt: int


def payload(message: Outgoing) -> bytes:
    """The bytes that were published."""
    if message.encoding is Encoding.BASE64:
        return base64.b64decode(message.body)
    return message.body.encode()


def as_object(message: Outgoing) -> bytes:
    """The message as a JSON object with the members of Agentuity's Message (agentuity.md §2); a payload that
    is JSON stays as it was sent, byte for byte."""
    published_at = _text(message.created_at)
    found: dict[str, Any] = {
        "id": message.public_id,
        "queue_id": str(message.queue_id),
        "queue_name": message.queue,
        "offset": message.offset,
        "payload": _json_payload(message),
        "size": message.size,
        "delivery_attempts": message.attempt,
        "published_at": published_at,
        "created_at": published_at,
    }
    if message.metadata is not None:
        found["metadata"] = msgspec.Raw(message.metadata.encode())
    if message.partition_key:
        found["partition_key"] = message.partition_key
    if message.expires_at is not None:
        found["expires_at"] = _text(message.expires_at)
    if message.encoding is Encoding.BASE64:
        found["payload_encoding"] = "base64"
    return msgspec.json.encode(found)


FORMS: dict[Form, Callable[[Outgoing], bytes]] = {Form.MESSAGE: as_object, Form.PAYLOAD: payload}
"""A dialect that names queues and messages in its own way puts its own function here when its app is
ready."""


def _json_payload(message: Outgoing) -> msgspec.Raw | str:
    return msgspec.Raw(message.body.encode()) if message.encoding is Encoding.JSON else message.body


def _text(at: Micros) -> str:
    return to_datetime(at).isoformat(timespec="microseconds").replace("+00:00", "Z")
