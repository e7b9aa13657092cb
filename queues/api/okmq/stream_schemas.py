"""OKMQ's stream bodies (contract section 7): messages and commits in, messages out, a stream's settings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Raw, Struct
from rest_framework.serializers import BooleanField

from queues.api import strict_json
from queues.api.okmq.schemas import body_json, body_text, check_id, check_sizes
from queues.api.okmq.serializers import MAX_SECONDS, ExactBoolean, ExactInteger, ExactSerializer, Name
from queues.api.problems import BadRequest
from queues.api.times import format_time
from queues.broker.types import Encoding
from streams.types import Entry, NewEntry, StreamInfo

MAX_ITEMS = 1_000
MAX_OFFSET = 2**63 - 1


class ProduceItem(Struct, gc=False):
    id: str
    body: Raw


class CommitBody(Struct, gc=False):
    # 30.0 is the integer 30 (section 2.3).
    offset: int | float


class EntryOut(Struct, gc=False):
    """``ConsumeStreamMessage``."""

    id: str
    body: Raw
    offset: int


_produce_items = msgspec.json.Decoder(list[ProduceItem])
_commit_body = msgspec.json.Decoder(CommitBody)


class UpdateStreamSerializer(ExactSerializer):
    """Any subset; absent settings stay as they are."""

    auto_delete: BooleanField = ExactBoolean(required=False)
    ttl = ExactInteger(0, MAX_SECONDS, required=False)


class CreateStreamSerializer(UpdateStreamSerializer):
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
    check_sizes(entries)
    return entries


def read_commit(content: bytes) -> int:
    """The offset of a commit. Raises ``BadRequest`` unless it is an integer one could have been assigned."""
    offset = strict_json.decode_as(_commit_body, content).offset
    if offset != int(offset) or not 0 <= offset <= MAX_OFFSET:
        raise BadRequest(f"offset: must be an integer from 0 to {MAX_OFFSET}")
    return int(offset)


def entries_json(entries: Iterable[Entry]) -> list[EntryOut]:
    return [
        EntryOut(entry.public_id, body_json(entry.body, entry.encoding), entry.offset) for entry in entries
    ]


def stream_json(stream: StreamInfo) -> dict[str, Any]:
    """``Stream``, and its name (section 7.1)."""
    return {
        "name": stream.name,
        "created": format_time(stream.created_at),
        "auto_delete": stream.auto_delete,
        "ttl": stream.ttl_seconds,
        "message_count": stream.message_count,
        "offset": stream.committed,
    }
