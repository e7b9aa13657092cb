"""Destinations and their log as rows: found, locked, turned into what callers see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from queues.broker import names
from queues.broker.errors import QueueNotFound
from queues.broker.types import Encoding
from queues.fields import to_micros
from queues.models import DeliveryLog, Destination, Message, Queue
from queues.push import config as configuration
from queues.push.errors import DestinationNotFound
from queues.push.types import Attempt, Config, DestinationInfo, Form, Kind, Status

if TYPE_CHECKING:
    from datetime import datetime

    from queues.broker.types import Micros


def find_queue(account_id: int, name: str, *, lock: bool = False) -> Queue:
    """Raises QueueNotFound."""
    rows = Queue.objects.filter(account_id=account_id, name=name, deleted_at=None)
    found = (rows.select_for_update() if lock else rows).first() if names.storable(name) else None
    if found is None:
        raise QueueNotFound(name)
    return found


def find(queue: Queue, public_id: str, *, lock: bool = False) -> Destination:
    """Raises DestinationNotFound."""
    rows = Destination.objects.filter(queue=queue, public_id=public_id)
    found = (rows.select_for_update() if lock else rows).first() if names.storable(public_id) else None
    if found is None:
        raise DestinationNotFound(public_id)
    return found


def in_words(row: Destination, queue: str) -> str:
    """For the audit log."""
    return f"destination {row.name} of queue {queue}"


def shown_config(row: Destination) -> dict[str, Any]:
    config = msgspec.json.decode(row.config, type=Config)
    return configuration.shown(Kind(row.kind), row.target, config, has_secret=bool(row.secret))


def info(row: Destination, queue: str, new_secret: str | None = None) -> DestinationInfo:
    return DestinationInfo(
        id=row.pk,
        public_id=row.public_id,
        queue_id=row.queue_id,
        queue=queue,
        name=row.name,
        description=row.description,
        kind=Kind(row.kind),
        form=Form(row.form),
        target=row.target,
        config=shown_config(row),
        enabled=row.enabled,
        disabled_reason=row.disabled_reason,
        parked_at=_micros(row.parked_at),
        probe_at=_micros(row.probe_at),
        failures_in_row=row.failures_in_row,
        success_count=row.success_count,
        failure_count=row.failure_count,
        last_success_at=_micros(row.last_success_at),
        last_failure_at=_micros(row.last_failure_at),
        last_failure_error=row.last_failure_error,
        old_secret_until=_micros(row.old_secret_until),
        created_at=to_micros(row.created_at),
        updated_at=to_micros(row.updated_at),
        new_secret=new_secret,
    )


def attempt(row: DeliveryLog, message: Message | None) -> Attempt:
    return Attempt(
        id=row.pk,
        message_id=row.message_id,
        offset=row.offset,
        attempt=row.attempt,
        status=Status(row.status),
        http_status=row.http_status,
        error=row.error,
        duration_ms=row.duration_ms,
        request_headers=msgspec.json.decode(row.request_headers),
        response_headers=msgspec.json.decode(row.response_headers),
        response_body=row.response_body,
        at=to_micros(row.at),
        body=None if message is None else message.body,
        encoding=None if message is None else Encoding(message.encoding),
    )


def _micros(moment: datetime | None) -> Micros | None:
    return None if moment is None else to_micros(moment)
