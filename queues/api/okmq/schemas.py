"""OKMQ's hot bodies: messages and acknowledgements in, messages out (contract sections 4 to 5).

Decoded by msgspec into Structs; a message's body stays the JSON text it was sent as.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct

from queues.api import strict_json
from queues.api.okmq.fields import (
    ID_LENGTH,
    MAX_BODY_BYTES,
    MAX_ITEMS,
    TAG_LENGTH,
    Attempt,
    Body,
    DeliveryTime,
    Id,
    Ids,
    Instant,
    LockedUntil,
    NewId,
    NewTag,
    Tag,
)
from queues.api.problems import BadRequest, TooLarge
from queues.api.times import format_time, parse_time
from queues.broker.types import (
    Ack,
    Encoding,
    MessageView,
    Micros,
    Nack,
    NewMessage,
    Received,
    Settlement,
    State,
)

_QUOTE, _BACKSLASH = ord('"'), b"\\"
_WHITE_SPACE = (b" ", b"\n", b"\t", b"\r")


class EnqueueMessage(Struct, gc=False):
    id: NewId
    body: Body
    delivery_time: DeliveryTime | None = None
    tag: NewTag | None = None


class AckStatus(Struct, gc=False):
    id: Id
    ack: Annotated[bool, Meta(description="True for done, false to have it delivered again.")]
    delivery_time: DeliveryTime | None = None
    delete: Annotated[bool, Meta(description="Whether to delete what is done.")] | None = None


class DeleteMessagesRequest(Struct):
    ids: Ids


class ResetFailedRequest(Struct):
    ids: Ids | None = None


class DequeueMessage(Struct, gc=False, omit_defaults=True):
    """A message as a receiver gets it. What it does not have is left out, never null."""

    id: Id
    body: Body
    delivery_time: DeliveryTime
    delivery_attempt: Attempt
    locked_until: LockedUntil | None = None
    tag: Tag = ""


class Message(Struct, omit_defaults=True):
    """A message with the settings it was published under. What it does not have is left out, never null."""

    id: Id
    body: Body
    auto_ack: bool
    created: Instant
    updated: Instant
    delivery_attempt: Attempt
    delivery_time: DeliveryTime
    lock_duration: Annotated[int, Meta(description="Seconds.")]
    max_delivery_attempts: int
    acked: Annotated[Instant, Meta(description="Absent until it is acknowledged.")] | None = None
    locked_until: LockedUntil | None = None
    ttl: Annotated[Instant, Meta(description="When it expires; absent if never.")] | None = None
    tag: Tag = ""


EnqueueMessages = Annotated[list[EnqueueMessage], Meta(extra_json_schema={"maxItems": MAX_ITEMS})]
AckStatuses = Annotated[list[AckStatus], Meta(extra_json_schema={"maxItems": MAX_ITEMS})]

_enqueue_items = msgspec.json.Decoder(list[EnqueueMessage])
_ack_items = msgspec.json.Decoder(list[AckStatus])
_listed_ids = msgspec.json.Decoder(DeleteMessagesRequest)
_maybe_listed_ids = msgspec.json.Decoder(ResetFailedRequest)
_encoder = msgspec.json.Encoder()


def read_messages(content: bytes) -> list[NewMessage]:
    """The messages of an enqueue or publish. ``TooLarge`` only when nothing else is wrong."""
    items = strict_json.decode_as(_enqueue_items, content)
    _check_length(items, "request body")
    messages = [_new_message(item, at) for at, item in enumerate(items)]
    check_sizes(message.size for message in messages)
    return messages


def read_settlements(content: bytes) -> list[Settlement]:
    """The acks and nacks of one call. Any id is legal, most match nothing (section 2.6)."""
    items = strict_json.decode_lookup(_ack_items, content)
    _check_length(items, "request body")
    return [_settlement(item, at) for at, item in enumerate(items)]


def read_ids(content: bytes) -> list[str]:
    """``{"ids": [...]}``. Any id is legal, most match nothing."""
    ids = strict_json.decode_lookup(_listed_ids, content).ids
    _check_length(ids, "ids")
    return ids


def read_optional_ids(content: bytes) -> list[str] | None:
    """None when there is no body or no ``ids`` in it; an empty list is a list."""
    if not content:
        return None
    ids = strict_json.decode_lookup(_maybe_listed_ids, content).ids
    _check_length(ids or [], "ids")
    return ids


def received_json(messages: Iterable[Received]) -> list[DequeueMessage]:
    return [
        DequeueMessage(
            message.public_id,
            body_json(message.body, message.encoding),
            format_time(message.deliver_at),
            message.attempt,
            _time_or_none(message.lease_until),
            message.tag,
        )
        for message in messages
    ]


def peeked_json(messages: Iterable[MessageView]) -> list[DequeueMessage]:
    return [
        DequeueMessage(
            message.public_id,
            body_json(message.body, message.encoding),
            format_time(message.deliver_at),
            message.attempts,
            _locked_until(message),
            message.tag,
        )
        for message in messages
    ]


def message_json(message: MessageView) -> Message:
    return Message(
        id=message.public_id,
        body=body_json(message.body, message.encoding),
        auto_ack=message.settings.auto_ack,
        created=format_time(message.created_at),
        updated=format_time(message.updated_at),
        delivery_attempt=message.attempts,
        delivery_time=format_time(message.deliver_at),
        lock_duration=whole_seconds(message.settings.lease_seconds),
        max_delivery_attempts=max(message.settings.max_attempts, 1),
        acked=_time_or_none(message.acked_at),
        locked_until=_locked_until(message),
        ttl=_time_or_none(message.expires_at),
        tag=message.tag,
    )


def whole_seconds(seconds: float) -> int:
    """Other dialects know fractions of seconds, OKMQ does not: rounded up."""
    return -int(-seconds // 1)


def check_id(public_id: str, at: int) -> None:
    """Raises ``BadRequest`` for an id no message may have (section 2.6)."""
    if not 1 <= len(public_id) <= ID_LENGTH:
        raise BadRequest(f"[{at}].id: must be 1 to {ID_LENGTH} characters")
    if "\0" in public_id:
        raise BadRequest(f"[{at}].id: must not contain NUL")


def check_sizes(sizes: Iterable[int]) -> None:
    """Raises ``TooLarge`` for a body over the limit (section 4.1)."""
    for at, size in enumerate(sizes):
        if size > MAX_BODY_BYTES:
            raise TooLarge(f"[{at}].body: must be at most {MAX_BODY_BYTES} bytes, is {size}")


def _new_message(item: EnqueueMessage, at: int) -> NewMessage:
    check_id(item.id, at)
    tag = item.tag or ""
    if len(tag) > TAG_LENGTH:
        raise BadRequest(f"[{at}].tag: must be at most {TAG_LENGTH} characters")
    if "\0" in tag:
        raise BadRequest(f"[{at}].tag: must not contain NUL")
    deliver_at = None if item.delivery_time is None else _time(item.delivery_time, at)
    body, size = body_text(bytes(item.body))
    return NewMessage(body, size, Encoding.JSON, item.id, tag, deliver_at=deliver_at)


def _settlement(item: AckStatus, at: int) -> Settlement:
    deliver_at = None if item.delivery_time is None else _time(item.delivery_time, at)
    return Ack(item.id, item.delete) if item.ack else Nack(item.id, deliver_at)


def _time(text: str, at: int) -> Micros:
    try:
        return parse_time(text)
    except ValueError as error:
        raise BadRequest(f"[{at}].delivery_time: {error}") from None


def body_text(raw: bytes) -> tuple[str, int]:
    """A body's text as it will be stored, and its size as limits and quotas count it (section 4.1).

    The text is what was sent, unless only white space puts it over the limit.
    """
    if raw[0] == _QUOTE:
        size = len(raw) - 2 if _BACKSLASH not in raw else len(msgspec.json.decode(raw).encode())
    elif any(space in raw for space in _WHITE_SPACE):
        compact = strict_json.compact(raw)
        size = strict_json.size(compact)
        if size <= MAX_BODY_BYTES < len(raw):
            raw = compact
    else:
        size = strict_json.size(raw)
    return raw.decode(), size


def body_json(body: str, encoding: Encoding) -> Raw:
    """A stored body as JSON. What another dialect published as text or bytes is a string here."""
    return Raw(body) if encoding is Encoding.JSON else Raw(_encoder.encode(body))


def _check_length(items: list[EnqueueMessage] | list[AckStatus] | list[str], name: str) -> None:
    if len(items) > MAX_ITEMS:
        raise BadRequest(f"{name}: must hold at most {MAX_ITEMS} items")


def _locked_until(message: MessageView) -> str | None:
    return _time_or_none(message.lease_until) if message.state is State.PROCESSING else None


def _time_or_none(micros: Micros | None) -> str | None:
    return None if micros is None else format_time(micros)
