"""OKMQ's stream bodies (contract section 7): messages and commits in, messages out, a stream's settings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, TypedDict

import msgspec
from drf_spectacular.utils import extend_schema_serializer
from msgspec import Meta, Struct
from rest_framework.serializers import BooleanField

from queues.api import strict_json
from queues.api.okmq.fields import MAX_OFFSET, Body, CommittedOffset, Count, Id, Instant, NewId, Offset
from queues.api.okmq.schemas import body_json, body_text, check_id, check_sizes
from queues.api.okmq.serializers import MAX_SECONDS, ExactBoolean, ExactInteger, ExactSerializer, Name
from queues.api.problems import BadRequest
from queues.api.times import format_time
from queues.broker.types import Encoding
from streams.types import Entry, NewEntry, StreamInfo

MAX_ITEMS = 1_000
AUTO_DELETE = "Whether a commit deletes what it covers."
TTL = "Seconds after which a message expires; 0 for never."


class ProduceStreamMessage(Struct, gc=False):
    id: NewId
    body: Body


class StreamCommitRequest(Struct, gc=False):
    offset: CommittedOffset


class ConsumeStreamMessage(Struct, gc=False):
    id: Id
    body: Body
    offset: Offset


class Stream(TypedDict):
    name: str
    created: Instant
    auto_delete: Annotated[bool, Meta(description=AUTO_DELETE)]
    ttl: Annotated[int, Meta(description=TTL)]
    message_count: Annotated[Count, Meta(description="Stored messages, committed ones included.")]
    offset: Annotated[Count, Meta(description="Of the last committed message; 0 for none.")]


ProduceStreamMessages = Annotated[list[ProduceStreamMessage], Meta(extra_json_schema={"maxItems": MAX_ITEMS})]

_produce_items = msgspec.json.Decoder(list[ProduceStreamMessage])
_commit_body = msgspec.json.Decoder(StreamCommitRequest)


@extend_schema_serializer(component_name="UpdateStreamRequest")
class UpdateStreamSerializer(ExactSerializer):
    """Any subset; absent settings stay as they are."""

    auto_delete: BooleanField = ExactBoolean(required=False, help_text=AUTO_DELETE)
    ttl = ExactInteger(0, MAX_SECONDS, required=False, help_text=TTL)


@extend_schema_serializer(component_name="CreateStreamRequest")
class CreateStreamSerializer(UpdateStreamSerializer):
    """Only the name is needed."""

    name = Name()


def settings_sent(sent: dict[str, Any]) -> dict[str, Any]:
    """Validated settings, named as the log names them."""
    ours = {"auto_delete": "auto_delete", "ttl": "ttl_seconds"}
    return {ours[name]: value for name, value in sent.items() if name in ours}


def read_entries(content: bytes) -> list[NewEntry]:
    """The messages of a produce. ``TooLarge`` only when nothing else is wrong."""
    items = strict_json.decode_as(_produce_items, content)
    if len(items) > MAX_ITEMS:
        raise BadRequest(f"request body: must hold at most {MAX_ITEMS} items")
    entries = []
    for at, item in enumerate(items):
        check_id(item.id, at)
        entries.append(NewEntry(*body_text(bytes(item.body)), Encoding.JSON, item.id))
    check_sizes(entry.size for entry in entries)
    return entries


def read_commit(content: bytes) -> int:
    """The offset of a commit. Raises ``BadRequest`` unless it is an integer one could have been assigned."""
    offset = strict_json.decode_as(_commit_body, content).offset
    if offset != int(offset) or not 0 <= offset <= MAX_OFFSET:
        raise BadRequest(f"offset: must be an integer from 0 to {MAX_OFFSET}")
    return int(offset)


def entries_json(entries: Iterable[Entry]) -> list[ConsumeStreamMessage]:
    return [
        ConsumeStreamMessage(entry.public_id, body_json(entry.body, entry.encoding), entry.offset)
        for entry in entries
    ]


def stream_json(stream: StreamInfo) -> Stream:
    """``Stream``, and its name (section 7.1)."""
    return {
        "name": stream.name,
        "created": format_time(stream.created_at),
        "auto_delete": stream.auto_delete,
        "ttl": stream.ttl_seconds,
        "message_count": stream.message_count,
        "offset": stream.committed,
    }
