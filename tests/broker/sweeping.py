"""Housekeeping's duties, done now."""

from __future__ import annotations

from queues.broker import due, queues
from queues.broker.lanes import in_transaction
from queues.models import Queue

CHUNK = 1_000


def sweep(chunk: int = CHUNK) -> None:
    """Expire everything whose time is over, in every queue."""
    while in_transaction(lambda tx: due.sweep(tx, chunk)) == chunk:
        pass


def purge(chunk: int = CHUNK) -> None:
    """Remove all that is left of deleted queues."""
    while in_transaction(lambda tx: queues.purge_deleted(tx, chunk)):
        pass
    assert not Queue.objects.filter(deleted_at__isnull=False).exists()
