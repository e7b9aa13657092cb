"""What was sent to a destination: the log, and sending again."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from queues.broker import names, push_lanes
from queues.broker.audit import Act
from queues.broker.errors import MessageNotFound
from queues.broker.lanes import in_transaction
from queues.broker.queues import reading
from queues.models import DeliveryLog, Message
from queues.push import rows
from queues.push.errors import DeliveryNotFound, DestinationDisabled
from queues.push.types import Attempt, Status

if TYPE_CHECKING:
    from queues.broker.lanes import Transaction

MAX_LIMIT = 1_000


def deliveries(
    account_id: int,
    queue: str,
    public_id: str,
    *,
    status: Status | None = None,
    limit: int = 100,
    offset: int = 0,
) -> list[Attempt]:
    """The destination's log, newest first, one entry an attempt; ``body`` is there while the message is.
    Raises QueueNotFound, DestinationNotFound, Unavailable."""
    with reading():
        found = rows.find_queue(account_id, queue)
        entries = DeliveryLog.objects.filter(destination=rows.find(found, public_id))
        if status is Status.SUCCESS:
            entries = entries.filter(status=status)
        elif status is not None:
            # As the index of what failed has it.
            entries = entries.exclude(status=Status.SUCCESS).filter(status=status)
        page = list(entries.order_by("-id")[offset : offset + min(limit, MAX_LIMIT)])
        stored = Message.objects.filter(queue=found, offset__in={entry.offset for entry in page})
        messages = {message.offset: message for message in stored}
        return [rows.attempt(entry, messages.get(entry.offset)) for entry in page]


def delivery(account_id: int, queue: str, public_id: str, log_id: int) -> Attempt:
    """One entry of the log. Raises QueueNotFound, DestinationNotFound, DeliveryNotFound, Unavailable."""
    with reading():
        found = rows.find_queue(account_id, queue)
        entries = DeliveryLog.objects.filter(destination=rows.find(found, public_id), pk=log_id)
        entry = entries.first()
        if entry is None:
            raise DeliveryNotFound(str(log_id))
        message = Message.objects.filter(queue=found, offset=entry.offset).first()
        return rows.attempt(entry, message)


def resend(
    account_id: int,
    queue: str,
    public_id: str,
    *,
    log_id: int | None = None,
    message_id: str | None = None,
) -> None:
    """Send a message to the destination once more, named by an entry of the log or by its own id: now, with
    all attempts before it and the same ``webhook-id``. One that waits for a retry is sent now; one that is on
    its way at this moment is left alone. Raises QueueNotFound, DestinationNotFound, DestinationDisabled,
    DeliveryNotFound, MessageNotFound (not stored any more), Unavailable."""
    act = Act(account_id, "destination.resend", "")
    again = partial(_resend, act, account_id, queue, public_id, log_id, message_id)
    in_transaction(again)


def _resend(
    act: Act,
    account_id: int,
    queue: str,
    public_id: str,
    log_id: int | None,
    message_id: str | None,
    tx: Transaction,
) -> None:
    found = rows.find_queue(account_id, queue, lock=True)
    row = rows.find(found, public_id, lock=True)
    if not row.enabled:
        raise DestinationDisabled(public_id)
    stored = Message.objects.filter(queue=found)
    if log_id is not None:
        entry = DeliveryLog.objects.filter(destination=row, pk=log_id).first()
        if entry is None:
            raise DeliveryNotFound(str(log_id))
        stored = stored.filter(offset=entry.offset)
    else:
        stored = stored.filter(public_id=message_id) if names.storable(message_id or "") else stored.none()
    message = stored.first()
    if message is None or not push_lanes.deliver_again(tx, found.pk, row.lane, message.offset):
        raise MessageNotFound(message_id or str(log_id))
    act.target = rows.in_words(row, found.name)
    act.detail = {"id": public_id, "message": message.public_id}
    act.record(tx, 1)
