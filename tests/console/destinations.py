"""Destinations with a past."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from queues.broker import clock
from queues.fields import to_datetime
from queues.models import DeliveryLog, Destination
from queues.push import destinations
from queues.push.types import DestinationInfo, Kind
from tests.broker.handle import Handle


def new_destination(q: Handle, **fields: Any) -> DestinationInfo:
    """``fields``: columns of its row, as deliveries would have left them."""
    made = destinations.create(
        q.account_id,
        q.name,
        name="shop",
        kind=Kind.HTTP,
        config={"url": f"https://example.com/{uuid4().hex}"},
    )
    Destination.objects.filter(pk=made.id).update(**fields)
    return destinations.get(q.account_id, q.name, made.public_id)


def new_attempt(q: Handle, destination: DestinationInfo | None = None, **fields: Any) -> DeliveryLog:
    """An attempt on record that failed with 503, of the queue's first message."""
    owner = destination or new_destination(q)
    values: dict[str, Any] = {
        "offset": 0, "message_id": "m", "attempt": 1, "status": "failed", "http_status": 503,
        "error": "the answer was 503", "duration_ms": 12, "request_headers": '{"webhook-id": "m"}',
        "response_headers": '{"server": "nginx"}', "response_body": "<b>try later</b>",
    }  # fmt: skip
    made: DeliveryLog = DeliveryLog.objects.create(
        destination_id=owner.id, queue_id=q.id, at=to_datetime(clock.now()), **{**values, **fields}
    )
    return made
