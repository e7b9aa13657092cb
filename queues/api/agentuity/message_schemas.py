"""Messages as Agentuity spells them (agentuity.md sections 2 and 5), to and from the broker's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

from queues.api import strict_json
from queues.api.agentuity import ids
from queues.api.agentuity.fields import (
    LONGEST,
    AnyJSON,
    Count,
    Instant,
    NullableInstant,
    Success,
    instant_or_none,
    number,
    object_schema,
    raw_or_null,
)
from queues.api.problems import BadRequest, TooLarge
from queues.api.times import format_time
from queues.broker import clock
from queues.broker.browse import Which
from queues.broker.types import Encoding, MessageView, Micros, NewMessage, Published, Received, State
from queues.sources.marks import Mark, mark_of

MAX_PAYLOAD_BYTES = 1_048_576
MAX_METADATA_BYTES = 65_536
MAX_KEY = 256
MAX_BATCH = 1000

MessageId = Annotated[str, Meta(pattern="^qmsg_[a-zA-Z0-9]+$")]
MessageState = Literal["pending", "leased", "processing", "delivered", "failed", "dead"]
Key = Annotated[str, Meta(max_length=MAX_KEY)]

STATES: dict[State, MessageState] = {
    State.PENDING: "pending",
    State.SCHEDULED: "pending",
    State.PROCESSING: "leased",
    State.ACKED: "delivered",
    State.FAILED: "dead",
}
FILTERS: dict[str, Which | None] = {
    "pending": Which.WAITING,
    "leased": Which.LEASED,
    "processing": Which.LEASED,
    "delivered": Which.ACKED,
    "completed": Which.ACKED,
    # Failed, but to be tried again: here that is pending, so there are none.
    "failed": None,
    "dead": Which.DEAD,
}
"""The client's states and the document's (section 8, row 4)."""


class PublishMessageRequest(Struct, gc=False, kw_only=True):
    """Other properties are ignored."""

    payload: Annotated[
        Raw,
        Meta(description=f"Any JSON value but null, at most {MAX_PAYLOAD_BYTES:,} bytes as compact UTF-8."),
    ]
    metadata: Annotated[
        Raw,
        Meta(
            description=f"At most {MAX_METADATA_BYTES:,} bytes as compact UTF-8.",
            extra_json_schema={"type": "object", "additionalProperties": True},
        ),
    ] = field(default_factory=Raw)
    idempotency_key: (
        Annotated[Key, Meta(description="While the queue holds a message with this key, it is the answer.")]
        | UnsetType
    ) = UNSET
    partition_key: (
        Annotated[Key, Meta(description="Messages of one key are handled in order.")] | UnsetType
    ) = UNSET
    ttl_seconds: Annotated[float, Meta(ge=0, le=LONGEST, description="0: for ever.")] | UnsetType = UNSET


class BatchPublishRequest(Struct):
    messages: Annotated[
        list[PublishMessageRequest], Meta(extra_json_schema={"minItems": 1, "maxItems": MAX_BATCH})
    ]


class Message(Struct, gc=False, kw_only=True):
    id: MessageId
    queue_id: str
    offset: Annotated[int, Meta(ge=0)]
    payload: AnyJSON
    size: Annotated[int, Meta(ge=0, description="Bytes of the payload as compact JSON in UTF-8.")]
    metadata: Annotated[Raw, object_schema()]
    state: MessageState
    idempotency_key: str | None
    partition_key: str | None
    ttl_seconds: Annotated[float, Meta(ge=0)] | None
    delivery_attempts: Count
    max_retries: Count
    published_at: Instant
    expires_at: NullableInstant
    delivered_at: NullableInstant
    acknowledged_at: NullableInstant
    created_at: Instant
    updated_at: Instant
    source_id: str | None
    source_name: str | None


class DeadLetterMessage(Struct, kw_only=True):
    """Its id is the message's."""

    id: MessageId
    queue_id: str
    original_message_id: str
    offset: Annotated[int, Meta(ge=0)]
    payload: AnyJSON
    metadata: Annotated[Raw, object_schema()]
    failure_reason: str | None
    delivery_attempts: Count
    moved_at: Instant
    original_published_at: Instant
    published_at: Instant
    created_at: Instant


class MessageData(Struct):
    message: Message


class MessageResponse(Struct):
    success: Success
    data: MessageData


class MessageListData(Struct):
    messages: list[Message]
    total: Count | UnsetType = UNSET


class MessageListResponse(Struct):
    success: Success
    data: MessageListData


class BatchPublishData(Struct):
    messages: list[Message]


class BatchPublishResponse(Struct):
    success: Success
    data: BatchPublishData


class ReceiveData(Struct):
    message: Message | None


class ReceiveResponse(Struct):
    success: Success
    data: ReceiveData


class OffsetData(Struct):
    offset: int


class OffsetResponse(Struct):
    success: Success
    data: OffsetData


class DeadLetterListData(Struct):
    messages: list[DeadLetterMessage]
    total: Count


class DeadLetterListResponse(Struct):
    success: Success
    data: DeadLetterListData


_one = msgspec.json.Decoder(PublishMessageRequest)
_many = msgspec.json.Decoder(BatchPublishRequest)
_encoder = msgspec.json.Encoder()
_LENGTHENING = (b" ", b"\n", b"\t", b"\r", rb"\u", rb"\/")


def read_message(content: bytes) -> NewMessage:
    """Raises BadRequest; TooLarge only when nothing else is wrong."""
    return _new_message(strict_json.decode_as(_one, content), "")


def read_batch(content: bytes) -> list[NewMessage]:
    """Raises BadRequest; TooLarge only when nothing else is wrong."""
    items = strict_json.decode_as(_many, content).messages
    if not 1 <= len(items) <= MAX_BATCH:
        raise BadRequest(f"messages: must hold 1 to {MAX_BATCH} items")
    too_large: TooLarge | None = None
    messages = []
    for at, item in enumerate(items):
        try:
            messages.append(_new_message(item, f"messages[{at}]."))
        except TooLarge as error:
            too_large = too_large or error
    if too_large is not None:
        raise too_large
    return messages


def read_payload(content: bytes) -> tuple[str, int]:
    """A payload that is a whole body: its text and size. Raises BadRequest, TooLarge."""
    strict_json.check(content)
    return _payload(content.strip(b" \t\r\n"), "request body")


def _new_message(item: PublishMessageRequest, path: str) -> NewMessage:
    metadata = _metadata(bytes(item.metadata), f"{path}metadata")
    idempotency_key = _key(item.idempotency_key, f"{path}idempotency_key")
    partition_key = _key(item.partition_key, f"{path}partition_key")
    payload, size = _payload(bytes(item.payload), f"{path}payload")
    return NewMessage(
        payload,
        size,
        partition_key=partition_key or "",
        metadata=metadata,
        idempotency_key=idempotency_key or None,
        ttl_seconds=None if item.ttl_seconds is UNSET else item.ttl_seconds,
    )


def _payload(raw: bytes, path: str) -> tuple[str, int]:
    if raw == b"null":
        raise BadRequest(f"{path}: must not be null")
    return _fitting(raw, MAX_PAYLOAD_BYTES, path)


def _metadata(raw: bytes, path: str) -> str | None:
    if raw in (b"", b"null"):
        return None
    if not raw.startswith(b"{"):
        raise BadRequest(f"{path}: must be an object")
    return _fitting(raw, MAX_METADATA_BYTES, path)[0]


def _fitting(raw: bytes, most: int, path: str) -> tuple[str, int]:
    """What is stored, and its size, to which neither blanks nor needless escapes add: what was sent, but
    without blanks if only they and escapes put it over the limit. Raises TooLarge."""
    size = len(raw)
    if any(mark in raw for mark in _LENGTHENING):
        compact = strict_json.compact(raw)
        size = strict_json.size(compact)
        if size <= most < len(raw):
            raw = compact
    if size > most:
        raise TooLarge(f"{path}: must be at most {most} bytes, is {size}")
    return raw.decode(), size


def _key(text: str | UnsetType, path: str) -> str | None:
    if isinstance(text, UnsetType):
        return None
    if "\0" in text:
        raise BadRequest(f"{path}: must not contain NUL")
    return text


def published_json(message: NewMessage, published: Published, source: Mark | None = None) -> Message:
    """A message that was stored a moment ago."""
    at = format_time(published.created_at)
    return Message(
        id=ids.message_id(published.public_id),
        queue_id=ids.queue_id(published.queue_id),
        offset=published.offset,
        payload=Raw(message.body.encode()),
        size=message.size,
        metadata=raw_or_null(message.metadata),
        state="pending",
        idempotency_key=message.idempotency_key,
        partition_key=message.partition_key or None,
        ttl_seconds=_ttl(published.created_at, published.expires_at),
        delivery_attempts=0,
        max_retries=published.max_attempts,
        published_at=at,
        expires_at=instant_or_none(published.expires_at),
        delivered_at=None,
        acknowledged_at=None,
        created_at=at,
        updated_at=at,
        source_id=source.id if source else None,
        source_name=source.name if source else None,
    )


def received_json(message: Received) -> Message:
    source = mark_of(message.headers)
    auto_acked = message.lease_until is None
    at = format_time(message.claimed_at)
    return Message(
        id=ids.message_id(message.public_id),
        queue_id=ids.queue_id(message.queue_id),
        offset=message.offset,
        payload=payload_json(message.body, message.encoding),
        size=message.size,
        metadata=_metadata_json(message.metadata),
        state="delivered" if auto_acked else "leased",
        idempotency_key=message.idempotency_key,
        partition_key=message.partition_key or None,
        ttl_seconds=_ttl(message.created_at, message.expires_at),
        delivery_attempts=message.attempt,
        max_retries=message.max_attempts,
        published_at=format_time(message.created_at),
        expires_at=instant_or_none(message.expires_at),
        delivered_at=at,
        acknowledged_at=at if auto_acked else None,
        created_at=format_time(message.created_at),
        updated_at=at,
        source_id=source.id if source else None,
        source_name=source.name if source else None,
    )


def message_json(view: MessageView) -> Message:
    source = mark_of(view.headers)
    return Message(
        id=ids.message_id(view.public_id),
        queue_id=ids.queue_id(view.queue_id),
        offset=view.offset,
        payload=payload_json(view.body, view.encoding),
        size=view.size,
        metadata=_metadata_json(view.metadata),
        state=STATES[view.state],
        idempotency_key=view.idempotency_key,
        partition_key=view.partition_key or None,
        ttl_seconds=_ttl(view.created_at, view.expires_at),
        delivery_attempts=view.attempts,
        max_retries=view.settings.max_attempts,
        published_at=format_time(view.created_at),
        expires_at=instant_or_none(view.expires_at),
        delivered_at=instant_or_none(view.claimed_at),
        acknowledged_at=instant_or_none(view.acked_at),
        created_at=format_time(view.created_at),
        updated_at=format_time(view.updated_at),
        source_id=source.id if source else None,
        source_name=source.name if source else None,
    )


def messages_json(views: Iterable[MessageView]) -> list[Message]:
    return [message_json(view) for view in views]


def dead_letter_json(view: MessageView) -> DeadLetterMessage:
    died = format_time(view.updated_at if view.dead_at is None else view.dead_at)
    published = format_time(view.created_at)
    return DeadLetterMessage(
        id=ids.message_id(view.public_id),
        queue_id=ids.queue_id(view.queue_id),
        original_message_id=ids.message_id(view.public_id),
        offset=view.offset,
        payload=payload_json(view.body, view.encoding),
        metadata=_metadata_json(view.metadata),
        failure_reason=view.last_error or view.dead_reason or None,
        delivery_attempts=view.attempts,
        moved_at=died,
        original_published_at=published,
        published_at=published,
        created_at=died,
    )


def payload_json(body: str, encoding: Encoding) -> Raw:
    """A stored body as JSON. What another dialect published as text or bytes is a string here."""
    return Raw(body.encode() if encoding is Encoding.JSON else _encoder.encode(body))


def _metadata_json(text: str | None) -> Raw:
    """The client takes an object or null, nothing else."""
    return raw_or_null(text if text is not None and text.lstrip().startswith("{") else None)


def _ttl(created_at: Micros, expires_at: Micros | None) -> float | None:
    return None if expires_at is None else number((expires_at - created_at) / clock.SECOND)


def published_view(view: MessageView | None, message: NewMessage, published: Published) -> Message:
    """The answer for a message of a publish: one that was there already is shown as it is now."""
    return published_json(message, published) if view is None else message_json(view)
