"""A test request to a destination, made at once and answered with how it went."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import msgspec

from queues.broker import clock
from queues.broker.audit import Act
from queues.broker.lanes import Transaction, in_transaction
from queues.broker.queues import reading
from queues.broker.types import Encoding
from queues.fields import to_datetime, to_micros
from queues.models import DeliveryLog, Destination
from queues.push import attempts, rows, secrets, sender
from queues.push.bodies import Outgoing
from queues.push.claims import Open
from queues.push.sender import Answer
from queues.push.types import OVER_HTTP, Attempt, Config, Form, Kind, Status

ID_PREFIX = "test_"
OFFSET = -1
"""Of a message that is in no queue."""

LONGEST_SECONDS = 10
"""Somebody waits for it."""

BODY = '{"test":true,"message":"This is a test by OKMQ."}'


def send_test(account_id: int, queue: str, public_id: str) -> Attempt:
    """Send a message made for the purpose, signed and with everything else as a real one, also if the
    destination is disabled or parked. It is logged and counts for nothing. Waits for the answer, ten seconds
    at the most. Raises QueueNotFound, DestinationNotFound, Unavailable."""
    with reading():
        found = rows.find_queue(account_id, queue)
        row = rows.find(found, public_id)
    message = _message(found.pk, found.name)
    answer = asyncio.run(_send(_opened(row, found.name), message))

    act = Act(account_id, "destination.test", rows.in_words(row, found.name), {"id": public_id})

    def write(tx: Transaction) -> Attempt:
        act.record(tx)
        return rows.attempt(_logged(row, message, answer), None)

    written: Attempt = in_transaction(write)
    return written


async def _send(destination: Open, message: Outgoing) -> Answer:
    if destination.kind not in OVER_HTTP:
        return attempts.failed(f"{destination.kind}: a test can be sent to URLs only")
    async with sender.session() as http:
        try:
            target = attempts.target(destination)
        except secrets.Unreadable:
            return attempts.failed(attempts.UNREADABLE)
        return await sender.send(http, target, message)


def _message(queue_id: int, queue: str) -> Outgoing:
    now = clock.now()
    return Outgoing(
        public_id=ID_PREFIX + uuid4().hex,
        offset=OFFSET,
        body=BODY,
        encoding=Encoding.JSON,
        tag="",
        partition_key="",
        metadata=None,
        headers=None,
        created_at=now,
        deliver_at=now,
        attempt=1,
        lease_until=now,
        receipt=0,
        queue_id=queue_id,
        size=len(BODY),
        claimed_at=now,
        max_attempts=1,
        queue=queue,
    )


def _opened(row: Destination, queue: str) -> Open:
    config = msgspec.json.decode(row.config, type=Config)
    old_valid = row.old_secret_until is not None and to_micros(row.old_secret_until) > clock.now()
    return Open(
        id=row.pk,
        queue_id=row.queue_id,
        lane=row.lane,
        public_id=row.public_id,
        account_id=row.account_id,
        queue=queue,
        kind=Kind(row.kind),
        form=Form(row.form),
        target=row.target,
        config=msgspec.structs.replace(config, timeout_ms=min(config.timeout_ms, LONGEST_SECONDS * 1000)),
        secret=row.secret,
        old_secret=row.old_secret if old_valid else "",
        parked_at=None,
        probe_at=None,
        next_due=None,
        ready=False,
        keyed=False,
    )


def _logged(row: Destination, message: Outgoing, answer: Answer) -> DeliveryLog:
    return DeliveryLog.objects.create(
        destination_id=row.pk,
        queue_id=row.queue_id,
        offset=message.offset,
        message_id=message.public_id,
        attempt=message.attempt,
        status=Status.SUCCESS if answer.ok else Status.FAILED,
        http_status=answer.http_status,
        error=answer.error,
        duration_ms=answer.duration_ms,
        request_headers=msgspec.json.encode(answer.request_headers).decode(),
        response_headers=msgspec.json.encode(answer.response_headers).decode(),
        response_body=answer.response_body,
        at=to_datetime(answer.at),
    )
