"""Counting what streams hold, in the transactions that change it: the figures always equal a recount."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams import sql

if TYPE_CHECKING:
    from queues.broker.lanes import Transaction


def count(tx: Transaction, stream_id: int, account_id: int, *, messages: int, bytes: int) -> None:
    """The locked stream, and with it its account, has so many more (or less) than before."""
    tx.db.run(sql.COUNT, stream=stream_id, messages=messages, bytes=bytes)
    tx.tally.add_elsewhere(account_id, messages=messages, bytes=bytes)
