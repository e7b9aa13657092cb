"""A message that an operator publishes: one like any other, but in the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queues.broker.audit import Act
from queues.broker.lanes import in_transaction
from queues.broker.publish import Publish

if TYPE_CHECKING:
    from queues.broker.lanes import Transaction
    from queues.broker.types import NewMessage, Published


def publish(account_id: int, queue: str, message: NewMessage) -> Published:
    """Raises QueueNotFound, QuotaExceeded, QueueFull, Unavailable."""
    act = Act(account_id, "messages.publish", f"queue {queue}")

    def store(tx: Transaction) -> Published:
        made = publish_one(tx, account_id, queue, message)
        act.detail = {"id": made.public_id}
        act.record(tx, 1)
        return made

    published: Published = in_transaction(store)
    return published


def publish_one(tx: Transaction, account_id: int, queue: str, message: NewMessage) -> Published:
    """Within a transaction that does more. Raises QueueNotFound, QuotaExceeded, QueueFull."""
    operation = Publish(account_id, [message], queue=queue)
    Publish.run(tx, [operation])
    if operation.error is not None:
        raise operation.error
    made: Published = operation.result[0]
    return made
