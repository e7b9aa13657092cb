"""Keeping the log of deliveries small."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings

from queues.broker.clock import micros
from queues.push import sql

if TYPE_CHECKING:
    from queues.broker.lanes import Transaction

DAY_SECONDS = 86_400


def prune(tx: Transaction, limit: int) -> int:
    """Remove up to ``limit`` entries that are older than ``OKMQ_PUSH_LOG_DAYS``. How many that were."""
    before = tx.now - micros(settings.OKMQ_PUSH_LOG_DAYS * DAY_SECONDS)
    old = [row[0] for row in tx.db.rows(sql.OLD_LOG, before=before, limit=limit)]
    if old:
        tx.db.run(sql.DELETE_LOG, ids=old)
    return len(old)
