"""Sources and what was sent to them, as Agentuity's client spells it (agentuity.md section 7)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from queues.api import strict_json
from queues.api.agentuity import ids
from queues.api.agentuity.fields import AnyJSON, Instant, NullableInstant, Success
from queues.api.times import format_time
from queues.fields import to_micros
from queues.models import Source as Row
from queues.models import SourceEvent as EventRow
from queues.push import types as push
from queues.sources.directory import MAX_DESCRIPTION, MAX_NAME

SourceAuthType = Literal["none", "basic", "header"]
Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]
Description = Annotated[str, Meta(max_length=MAX_DESCRIPTION)]
AuthValue = Annotated[
    str, Meta(description="`user:password`; or a header as `Name: value`, or the value of `Authorization`.")
]


class CreateSourceRequest(Struct):
    name: Name
    description: Description | UnsetType = UNSET
    auth_type: SourceAuthType | UnsetType = UNSET
    auth_value: AuthValue | UnsetType = UNSET


class UpdateSourceRequest(Struct):
    """What is sent is changed."""

    name: Name | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
    auth_type: SourceAuthType | UnsetType = UNSET
    auth_value: AuthValue | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET


class Source(Struct, kw_only=True):
    id: Annotated[str, Meta(pattern="^qsrc_[a-zA-Z0-9]+$")]
    queue_id: str
    name: str
    description: str | None
    auth_type: SourceAuthType
    enabled: bool
    url: Annotated[str, Meta(description="What is posted to it is published.")]
    request_count: int
    success_count: int
    failure_count: int
    last_request_at: NullableInstant
    last_success_at: NullableInstant
    last_failure_at: NullableInstant
    last_failure_error: str | None
    created_at: Instant
    updated_at: Instant


class SourceEvent(Struct, kw_only=True):
    """One request to a source."""

    id: str
    source_id: str
    queue_id: str
    message_id: str | None
    payload: AnyJSON
    headers: Annotated[
        dict[str, str], Meta(extra_json_schema={"type": "object", "additionalProperties": {"type": "string"}})
    ]
    status: Literal["success", "failed"]
    error: str | None
    http_status_code: int
    remote_addr: str
    received_at: Instant
    created_at: Instant


class SourceData(Struct):
    source: Source


class SourceResponse(Struct):
    success: Success
    data: SourceData


class SourceListData(Struct):
    sources: list[Source]


class SourceListResponse(Struct):
    success: Success
    data: SourceListData


class SourceEventListData(Struct):
    events: list[SourceEvent]


class SourceEventListResponse(Struct):
    success: Success
    data: SourceEventListData


class IngestData(Struct):
    message_id: str
    offset: int


class IngestResponse(Struct):
    success: Success
    data: IngestData


_create = msgspec.json.Decoder(CreateSourceRequest)
_update = msgspec.json.Decoder(UpdateSourceRequest)


def read_create(content: bytes) -> dict[str, Any]:
    """What ``directory.create`` is to be given. Raises BadRequest."""
    sent = strict_json.decode_as(_create, content)
    return {
        "name": sent.name,
        "description": None if isinstance(sent.description, UnsetType) else sent.description,
        "auth": Row.Auth("none" if isinstance(sent.auth_type, UnsetType) else sent.auth_type),
        "auth_value": "" if isinstance(sent.auth_value, UnsetType) else sent.auth_value,
    }


def read_update(content: bytes) -> dict[str, Any]:
    """What ``directory.update`` is to be given. Raises BadRequest."""
    sent = strict_json.decode_as(_update, content)
    return {
        "name": None if isinstance(sent.name, UnsetType) else sent.name,
        "description": push.UNSET if isinstance(sent.description, UnsetType) else sent.description,
        "auth": None if isinstance(sent.auth_type, UnsetType) else Row.Auth(sent.auth_type),
        "auth_value": None if isinstance(sent.auth_value, UnsetType) else sent.auth_value,
        "enabled": None if isinstance(sent.enabled, UnsetType) else sent.enabled,
    }


def source_json(row: Row, base_url: str) -> Source:
    return Source(
        id=row.public_id,
        queue_id=ids.queue_id(row.queue_id),
        name=row.name,
        description=row.description,
        auth_type=row.auth,  # type: ignore[arg-type]
        enabled=row.enabled,
        url=f"{base_url}/{row.public_id}",
        request_count=row.request_count,
        success_count=row.success_count,
        failure_count=row.failure_count,
        last_request_at=_text(row.last_request_at),
        last_success_at=_text(row.last_success_at),
        last_failure_at=_text(row.last_failure_at),
        last_failure_error=row.last_failure_error or None,
        created_at=format_time(to_micros(row.created_at)),
        updated_at=format_time(to_micros(row.updated_at)),
    )


def event_json(row: EventRow, source: Row) -> SourceEvent:
    at = format_time(to_micros(row.at))
    return SourceEvent(
        id=ids.numbered(ids.EVENT, row.pk),
        source_id=source.public_id,
        queue_id=ids.queue_id(source.queue_id),
        message_id=ids.message_id(row.message_id) if row.message_id else None,
        payload=Raw(b"null" if row.payload is None else row.payload.encode()),
        headers=msgspec.json.decode(row.headers, type=dict[str, str]),
        status="failed" if row.error else "success",
        error=row.error or None,
        http_status_code=row.http_status,
        remote_addr=row.remote_addr,
        received_at=at,
        created_at=at,
    )


def _text(at: Any) -> str | None:
    return None if at is None else format_time(to_micros(at))
