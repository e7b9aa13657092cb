"""Disabling a destination that the receiver itself gave up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queues.broker import push_lanes
from queues.broker.lanes import in_transaction
from queues.fields import to_datetime
from queues.models import Destination, Queue

if TYPE_CHECKING:
    from queues.broker.lanes import Transaction


def disable(destination: int, reason: str) -> None:
    """Raises Unavailable."""

    def run(tx: Transaction) -> None:
        queues = Queue.objects.filter(destinations__pk=destination)
        queue = Queue.objects.filter(pk__in=queues.values("pk")).select_for_update().first()
        row = Destination.objects.filter(pk=destination, enabled=True).select_for_update().first()
        if queue is None or row is None:
            return
        push_lanes.close_lane(queue, row.lane)
        row.enabled, row.disabled_reason = False, reason
        row.parked_at = row.probe_at = None
        row.updated_at = to_datetime(tx.now)
        row.save(update_fields=["enabled", "disabled_reason", "parked_at", "probe_at", "updated_at"])

    in_transaction(run)
