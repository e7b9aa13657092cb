"""TinyMQ's bodies (tinymq.md sections 2 and 4), decoded and encoded by msgspec."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct

from queues.api.bodies import as_text
from queues.api.problems import BadRequest
from queues.api.times import MIN_INSTANT, format_time, parse_time
from queues.api.tinymq import durations, json_bodies, payloads, topics
from queues.api.tinymq.errors import Refused
from queues.broker.types import Encoding, MessageView, Micros, NewMessage, Received

HEADER_PREFIX = "HTTP_X_MQ_"
GO_MAX = 2**63 - 1
MAX_RETRIES = 2**31 - 2

_INSTANT = {"format": "date-time"}
Id = Annotated[str, Meta(extra_json_schema={"minLength": 8})]
Instant = Annotated[str, Meta(extra_json_schema=_INSTANT)]
Payload = Annotated[
    bytes,
    Meta(
        description="Standard padded Base64 of the raw bytes.",
        extra_json_schema={"type": "string", "contentEncoding": "base64"},
    ),
]
Headers = Annotated[
    Raw | None,
    Meta(
        description="The `X-MQ-` headers it was published with.",
        extra_json_schema={"type": "object", "additionalProperties": {"type": "string"}},
    ),
]
Duration = Annotated[
    str,
    Meta(description="As Go writes it: `500ms`, `30s`, `1h30m`.", extra_json_schema=durations.SCHEMA),
]


class Message(Struct, gc=False, omit_defaults=True):
    """A message as it is shown. What it does not have is left out."""

    id: Id
    topic: str
    payload: Payload
    timestamp: Instant
    retry_count: Annotated[int, Meta(ge=0)]
    expires_at: Instant | None = None
    deliver_at: Instant | None = None
    headers: Headers = None


class ConsumedMessage(Message, gc=False, omit_defaults=True):
    """A message as a consumer gets it."""

    payload_text: Annotated[str, Meta(description="The payload, if it is text and not empty.")] | None = None
    payload_encoding: Annotated[str, Meta(extra_json_schema={"const": "base64"})] = ""


class RequeueMessage(Struct):
    """A message as its consumer has it. Members that are not known are ignored."""

    id: str
    topic: str
    payload: Annotated[str | None, Meta(extra_json_schema={"contentEncoding": "base64"})] = None
    timestamp: Instant | None = None
    retry_count: int = 0
    expires_at: Instant | None = None
    deliver_at: Instant | None = None
    headers: dict[str, str] | None = None


class NewTopic(Struct):
    name: Annotated[
        str, Meta(extra_json_schema={"minLength": 1, "maxLength": 255, "pattern": topics.NAME_PATTERN})
    ]
    policy: Annotated[str, Meta(extra_json_schema={"enum": ["reject", "drop-oldest"]})] = ""
    retain: Duration = ""


class NewWebhook(Struct):
    url: Annotated[str, Meta(extra_json_schema={"format": "uri"})]
    secret: Annotated[str, Meta(description="Signs what is sent: `X-TinyMQ-Signature`.")] = ""


class QueuePublish(Struct):
    queue: str
    payload: str = ""
    ttl: Duration = ""
    delay: Duration = ""
    broadcast: bool = False


class QueueConsume(Struct):
    queue: str


class NewGroup(Struct):
    topic: str
    group: str


class TopicStat(Struct, rename="pascal"):
    name: str
    message_count: Annotated[int, Meta(ge=0)]
    waiting_consumers: Annotated[int, Meta(ge=0)]
    is_dlq: bool = msgspec.field(name="IsDLQ")
    has_webhooks: bool


class Stats(Struct):
    stats: list[TopicStat]
    total_webhooks: Annotated[int, Meta(ge=0)]


class Status(Struct):
    status: str


class StatusMessage(Struct):
    status: str
    message: str


class PublishAccepted(Struct):
    status: Annotated[str, Meta(extra_json_schema={"const": "accepted"})]
    topic: str


class PublishIgnored(Struct):
    reason: Annotated[str, Meta(extra_json_schema={"const": "idempotency_key_exists"})]
    status: Annotated[str, Meta(extra_json_schema={"const": "ignored"})]
    topic: str


class QueueAccepted(Struct):
    queue: str
    status: Annotated[str, Meta(extra_json_schema={"const": "accepted"})]


class Redriven(Struct):
    redriven_messages: int
    status: Annotated[str, Meta(extra_json_schema={"const": "success"})]


class Groups(Struct):
    groups: list[str]
    topic: str


class GroupCreated(Struct):
    status: Annotated[str, Meta(extra_json_schema={"const": "created"})]
    virtual_topic: str


class Health(Struct):
    status: Annotated[str, Meta(extra_json_schema={"enum": ["ok", "unavailable"]})]
    uptime_seconds: int
    version: str


class ClusterStatus(Struct):
    clustering_enabled: bool


# ---------------------------------------------------------------- out


def consumed(message: Received, topic: str) -> ConsumedMessage:
    text: str | None
    if message.encoding is Encoding.BASE64:
        payload = base64.b64decode(message.body)
        text = payloads.text_of(payload)
    else:
        text = as_text(message.body, message.encoding)
        payload = text.encode()
    return ConsumedMessage(
        message.public_id,
        topic,
        payload,
        format_time(message.created_at),
        message.retries,
        _time_or_none(message.expires_at),
        _delivery_time(message.deliver_at, message.created_at),
        None if message.headers is None else Raw(message.headers),
        text or None,
        "base64",
    )


def shown(message: Received | MessageView, topic: str) -> Message:
    return Message(
        message.public_id,
        topic,
        payloads.bytes_of(message.body, message.encoding),
        format_time(message.created_at),
        message.retries,
        _time_or_none(message.expires_at),
        _delivery_time(message.deliver_at, message.created_at),
        None if message.headers is None else Raw(message.headers),
    )


def peeked(view: MessageView, topic: str) -> ConsumedMessage:
    """Like ``consumed``, of a message that is only looked at."""
    plain = shown(view, topic)
    return ConsumedMessage(
        id=plain.id,
        topic=plain.topic,
        payload=plain.payload,
        timestamp=plain.timestamp,
        retry_count=plain.retry_count,
        expires_at=plain.expires_at,
        deliver_at=plain.deliver_at,
        headers=plain.headers,
        payload_text=payloads.text_of(plain.payload),
        payload_encoding="base64",
    )


def _time_or_none(at: Micros | None) -> str | None:
    return None if at is None else format_time(at)


def _delivery_time(deliver_at: Micros, created_at: Micros) -> str | None:
    """Only where a later one was asked for: a message that was not is to be delivered when it is
    published."""
    return format_time(deliver_at) if deliver_at > created_at else None


# ---------------------------------------------------------------- in


def headers_in(meta: dict[str, Any]) -> str | None:
    """The ``X-MQ-`` headers of a request as a JSON object, their names as Go writes them (section 2)."""
    found = {
        f"X-Mq-{'-'.join(part.capitalize() for part in name[len(HEADER_PREFIX) :].split('_'))}": _as_sent(
            value
        )
        for name, value in meta.items()
        if name.startswith(HEADER_PREFIX)
    }
    return msgspec.json.encode(found).decode() if found else None


def _as_sent(value: str) -> str:
    return value.encode("latin-1", "replace").decode("utf-8", "replace")


def read_requeued(content: bytes) -> RequeueMessage:
    """Raises ``Refused``."""
    try:
        found = json_bodies.read(RequeueMessage, content)
    except BadRequest as error:
        raise Refused(f"Invalid message format: {error.text}") from None
    if not found.id or not found.topic or "\0" in found.id:
        raise Refused("Invalid or missing topic/id")
    if len(found.id) > 256:
        raise Refused("Invalid message format: id: must be at most 256 characters")
    topics.check(found.topic)
    return found


def requeued_message(found: RequeueMessage, now: Micros) -> NewMessage:
    """The message as it is to be stored: one retry more, the rest as its consumer has it (section 4.5).
    Raises ``Refused``."""
    payload = _payload(found.payload)
    created_at = _instant(found.timestamp, "timestamp")
    deliver_at = _instant(found.deliver_at, "deliver_at")
    if created_at is None:
        created_at = now
    if deliver_at is None:
        # When it was published is no reason to wait, even if that is said to be in the future.
        deliver_at = min(created_at, now)
    body, encoding = payloads.stored(payload)
    return NewMessage(
        body=body,
        size=len(payload),
        encoding=encoding,
        public_id=found.id,
        deliver_at=deliver_at,
        headers=msgspec.json.encode(found.headers).decode() if found.headers else None,
        created_at=created_at,
        expires_at=_instant(found.expires_at, "expires_at"),
        # 0: not what the topic says either, but for ever.
        ttl_seconds=0,
        retries=max(0, min(found.retry_count, MAX_RETRIES)) + 1,
    )


def _payload(text: str | None) -> bytes:
    try:
        payload = base64.b64decode(text or "", validate=True)
    except (binascii.Error, ValueError):
        raise Refused("Invalid message format: payload: is not standard Base64") from None
    if len(payload) > payloads.MAX_BYTES:
        raise Refused(f"Invalid message format: payload: must be at most {payloads.MAX_BYTES} bytes")
    return payload


def _instant(text: str | None, name: str) -> Micros | None:
    """None also for Go's zero time, which its programs write for a time that is not set."""
    if text is None:
        return None
    try:
        at = parse_time(text)
    except ValueError as error:
        raise Refused(f"Invalid message format: {name}: {error}") from None
    return None if at == MIN_INSTANT else at


def lenient_seconds(text: str | None) -> float | None:
    """A duration, or None for none and for what is no duration: ignoring it breaks no client (section
    0.1)."""
    if not text:
        return None
    try:
        return durations.seconds(text)
    except ValueError:
        return None
