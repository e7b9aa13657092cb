"""All destinations at a glance, for whoever watches the server."""

from __future__ import annotations

from django.db.models import Count, Q

from queues.broker.queues import looking, reading
from queues.models import Destination
from queues.push import rows, sql
from queues.push.errors import DestinationNotFound
from queues.push.types import OVER_HTTP, DestinationInfo, Waiting

MOST_WAITING = 10_000
FAILING = Q(enabled=True, failures_in_row__gt=0) | (Q(enabled=False) & ~Q(disabled_reason=""))
"""Enabled destinations whose last attempt failed, and those the server disabled for it."""


def all_destinations(
    *, queue_id: int | None = None, after: int = 0, limit: int = 100, failing: bool = False
) -> list[DestinationInfo]:
    """Up to ``limit`` destinations of all accounts, the oldest first, with an id above ``after``: all, those
    of one queue, or those that fail now. Raises Unavailable."""
    found = Destination.objects.filter(queue__deleted_at=None, pk__gt=after).select_related("queue")
    if queue_id is not None:
        found = found.filter(queue_id=queue_id)
    if failing:
        found = found.filter(FAILING)
    with reading():
        return [rows.info(row, row.queue.name) for row in found.order_by("pk")[:limit]]


def find_destination(public_id: str) -> tuple[int, DestinationInfo]:
    """The account and the destination. Raises DestinationNotFound, Unavailable."""
    with reading():
        found = Destination.objects.filter(queue__deleted_at=None, public_id=public_id)
        row = found.select_related("queue").first()
        if row is None:
            raise DestinationNotFound(public_id)
        return row.account_id, rows.info(row, row.queue.name)


def urls_per_queue(account_id: int) -> dict[int, int]:
    """How many URLs each queue of an account pushes to; those without any are left out. Raises
    Unavailable."""
    with reading():
        found = Destination.objects.filter(account_id=account_id, kind__in=OVER_HTTP, queue__deleted_at=None)
        return dict(found.values_list("queue_id").annotate(Count("pk")).order_by())


def count_failing() -> int:
    """Raises Unavailable."""
    with reading():
        return Destination.objects.filter(FAILING, queue__deleted_at=None).count()


def waiting(destination: int) -> Waiting:
    """What waits for the destination with that number, or is on its way. Raises Unavailable."""
    with looking() as db:
        count, oldest = db.rows(sql.WAITING, destination=destination, most=MOST_WAITING + 1)[0]
        return Waiting(min(count, MOST_WAITING), count > MOST_WAITING, oldest)
