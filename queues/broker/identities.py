"""Whose queue a queue id is and what its name is. Neither ever changes, so a process asks once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from queues.broker import account_sql

if TYPE_CHECKING:
    from queues.broker.db import Connection

MAX_KNOWN = 100_000


class Identity(NamedTuple):
    account_id: int
    name: str


_known: dict[int, Identity] = {}


def known(queue_id: int) -> Identity | None:
    """Without a look into the database: None for a queue this process has not asked about."""
    return _known.get(queue_id)


def learn(db: Connection, queue_ids: Iterable[int]) -> None:
    """Have ``known`` answer for these queues, deleted ones included while their rows are there."""
    global _known
    missing = [queue_id for queue_id in queue_ids if queue_id not in _known]
    if not missing:
        return
    if len(_known) >= MAX_KNOWN:
        _known = {}
    for queue_id, account_id, name in db.rows(account_sql.OWNERS, queues=missing):
        _known[queue_id] = Identity(account_id, name)


def of(db: Connection, queue_id: int) -> Identity:
    """The queue's row is there, though deleted perhaps."""
    found = _known.get(queue_id)
    if found is None:
        learn(db, [queue_id])
        found = _known[queue_id]
    return found
