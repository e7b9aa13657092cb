"""Destinations and what was sent to them, as Agentuity spells it (agentuity.md sections 2 and 5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from queues.api import strict_json
from queues.api.agentuity import ids
from queues.api.agentuity.fields import AnyJSON, Count, Instant, NullableInstant, Success, instant_or_none
from queues.api.agentuity.message_schemas import payload_json
from queues.api.times import format_time
from queues.push import types as push
from queues.push.types import Attempt, DestinationInfo, Kind

DestinationType = Literal["http", "url", "webhook", "queue", "sandbox", "email"]
DeliveryStatus = Literal["success", "failed", "pending"]
StringMap = Annotated[
    dict[str, str], Meta(extra_json_schema={"type": "object", "additionalProperties": {"type": "string"}})
]


class RetryPolicy(Struct):
    max_attempts: Annotated[int, Meta(ge=1)] = 5
    initial_backoff_ms: Annotated[float, Meta(ge=0)] = 1000
    max_backoff_ms: Annotated[float, Meta(ge=0)] = 60_000
    backoff_multiplier: Annotated[float, Meta(ge=1)] = 2


class Signing(Struct):
    """HMAC-SHA256 over ``timestamp.body``, in ``X-Agentuity-Signature``."""

    enabled: bool = False
    secret_key: Annotated[str, Meta(description="Never shown.")] | UnsetType = UNSET


class HttpDestinationConfig(Struct):
    url: Annotated[str, Meta(pattern="^https?://")]
    headers: StringMap | UnsetType = UNSET
    method: Literal["POST", "PUT", "PATCH"] = "POST"
    timeout_ms: Annotated[int, Meta(ge=1000, le=300_000)] = 30_000
    retry_policy: RetryPolicy | UnsetType = UNSET
    signing: Signing | UnsetType = UNSET


class QueueDestinationConfig(Struct):
    queue_id: str


class SandboxDestinationConfig(Struct):
    sandbox_id: str


class EmailDestinationConfig(Struct):
    email_address: str


CONFIGS = (HttpDestinationConfig, QueueDestinationConfig, SandboxDestinationConfig, EmailDestinationConfig)
"""What ``config`` is, by type. They document; the push side reads, with errors that say more."""

Config = Annotated[
    Raw,
    Meta(
        extra_json_schema={
            "anyOf": [{"$ref": f"#/components/schemas/{config.__name__}"} for config in CONFIGS],
        }
    ),
]


class CreateDestinationRequest(Struct):
    name: Annotated[str, Meta(min_length=1)]
    destination_type: DestinationType
    config: Config
    description: str | UnsetType = UNSET
    enabled: bool = True


class UpdateDestinationRequest(Struct):
    """What is sent is changed; other properties are ignored."""

    name: Annotated[str, Meta(min_length=1)] | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    config: (
        Annotated[dict[str, Any], Meta(description="Merged into what is stored; null takes a member away.")]
        | UnsetType
    ) = UNSET
    enabled: bool | UnsetType = UNSET


class DestinationStats(Struct):
    total_deliveries: Count
    successful_deliveries: Count
    failed_deliveries: Count
    last_delivery_at: NullableInstant
    last_success_at: NullableInstant
    last_failure_at: NullableInstant


class Destination(Struct, kw_only=True):
    id: Annotated[str, Meta(pattern="^qdest_[a-zA-Z0-9]+$")]
    name: str
    description: str | None
    queue_id: str
    destination_type: DestinationType
    config: Config
    enabled: bool
    stats: DestinationStats
    success_count: Count
    failure_count: Count
    last_success_at: NullableInstant
    last_failure_at: NullableInstant
    last_failure_error: str | None
    created_at: Instant
    updated_at: Instant


class DeliveryLog(Struct, kw_only=True):
    """One attempt to deliver one message."""

    id: str
    destination_id: str
    queue_id: str
    message_id: str
    payload: AnyJSON
    status: DeliveryStatus
    http_status_code: int | None
    error: str | None
    duration_ms: Annotated[float, Meta(ge=0)]
    attempt_number: Annotated[int, Meta(ge=1)]
    request_headers: StringMap
    response_headers: StringMap
    delivered_at: Instant
    created_at: Instant


class DestinationData(Struct):
    destination: Destination


class DestinationResponse(Struct):
    success: Success
    data: DestinationData


class DestinationListData(Struct):
    destinations: list[Destination]


class DestinationListResponse(Struct):
    success: Success
    data: DestinationListData


class DeliveryListData(Struct):
    deliveries: list[DeliveryLog]


class DeliveryListResponse(Struct):
    success: Success
    data: DeliveryListData


_create = msgspec.json.Decoder(CreateDestinationRequest)
_update = msgspec.json.Decoder(UpdateDestinationRequest)
_object = msgspec.json.Decoder(dict[str, Any])


def read_create(content: bytes) -> dict[str, Any]:
    """What ``destinations.create`` is to be given. Raises BadRequest."""
    sent = strict_json.decode_as(_create, content)
    return {
        "name": sent.name,
        "kind": Kind(sent.destination_type),
        "config": strict_json.decode_as(_object, bytes(sent.config)),
        "description": None if isinstance(sent.description, UnsetType) else sent.description,
        "enabled": sent.enabled,
    }


def read_update(content: bytes) -> dict[str, Any]:
    """What ``destinations.update`` is to be given. Raises BadRequest."""
    sent = strict_json.decode_as(_update, content)
    return {
        "name": None if isinstance(sent.name, UnsetType) else sent.name,
        "description": push.UNSET if isinstance(sent.description, UnsetType) else sent.description,
        "config": None if isinstance(sent.config, UnsetType) else sent.config,
        "enabled": None if isinstance(sent.enabled, UnsetType) else sent.enabled,
    }


def destination_json(found: DestinationInfo, config: Mapping[str, Any]) -> Destination:
    success_at, failure_at = instant_or_none(found.last_success_at), instant_or_none(found.last_failure_at)
    return Destination(
        id=found.public_id,
        name=found.name,
        description=found.description,
        queue_id=ids.queue_id(found.queue_id),
        destination_type=found.kind.value,  # type: ignore[arg-type]
        config=Raw(msgspec.json.encode(config)),
        enabled=found.enabled,
        stats=DestinationStats(
            total_deliveries=found.success_count + found.failure_count,
            successful_deliveries=found.success_count,
            failed_deliveries=found.failure_count,
            last_delivery_at=instant_or_none(found.last_delivery_at),
            last_success_at=success_at,
            last_failure_at=failure_at,
        ),
        success_count=found.success_count,
        failure_count=found.failure_count,
        last_success_at=success_at,
        last_failure_at=failure_at,
        last_failure_error=found.last_failure_error or None,
        created_at=format_time(found.created_at),
        updated_at=format_time(found.updated_at),
    )


def delivery_json(attempt: Attempt, destination: DestinationInfo) -> DeliveryLog:
    at = format_time(attempt.at)
    payload = Raw(b"null")
    if attempt.body is not None and attempt.encoding is not None:
        payload = payload_json(attempt.body, attempt.encoding)
    return DeliveryLog(
        id=ids.numbered(ids.DELIVERY, attempt.id),
        destination_id=destination.public_id,
        queue_id=ids.queue_id(destination.queue_id),
        message_id=ids.message_id(attempt.message_id),
        payload=payload,
        status=attempt.status.value,  # type: ignore[arg-type]
        http_status_code=attempt.http_status,
        error=attempt.error or None,
        duration_ms=attempt.duration_ms,
        attempt_number=max(attempt.attempt, 1),
        request_headers=dict(attempt.request_headers),
        response_headers=dict(attempt.response_headers),
        delivered_at=at,
        created_at=at,
    )
