"""Publishes that are not to be repeated: for a while after a call with a key took effect, others with the
same key for the same queue are ignored. A call that was refused leaves no key behind, so that it can be
repeated."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from queues.broker import sql
from queues.broker.clock import micros

if TYPE_CHECKING:
    from queues.broker.lanes import Transaction


@dataclass(frozen=True)
class Once:
    """The key of a call, and for how many seconds it counts."""

    key: str
    seconds: float

    @cached_property
    def digest(self) -> str:
        return hashlib.sha256(self.key.encode("utf-8", "surrogatepass")).hexdigest()


def seen(tx: Transaction, queue_id: int, keys: Iterable[Once]) -> set[str]:
    """The digests of those that count now. The caller holds the lock of the queue's row."""
    digests = sorted({once.digest for once in keys})
    if not digests:
        return set()
    rows = tx.db.rows(sql.SEEN_KEYS, queue=queue_id, digests=digests, now=tx.now)
    return {row[0] for row in rows}


def note(tx: Transaction, queue_id: int, once: Once) -> None:
    """A call with this key takes effect."""
    tx.db.run(sql.NOTE_KEY, queue=queue_id, digest=once.digest, until=tx.now + micros(once.seconds))


def purge(tx: Transaction, limit: int) -> int:
    """Remove up to ``limit`` keys that count no more; how many."""
    return len(tx.db.rows(sql.FORGET_KEYS, now=tx.now, limit=limit))
