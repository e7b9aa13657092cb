"""Counting what a transaction did, in that transaction: the figures always equal a recount."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

COLUMNS = (
    "messages",
    "bytes",
    "acked",
    "dead",
    "published_total",
    "received_total",
    "acked_total",
    "nacked_total",
    "dead_total",
    "expired_total",
)


class Tally:
    """Changes to the counters of the queues one transaction touched, and of accounts beside their queues."""

    def __init__(self, shard: int) -> None:
        self.shard = shard
        self._changes: dict[int, dict[str, int]] = defaultdict(lambda: dict.fromkeys(COLUMNS, 0))
        self.elsewhere: dict[int, tuple[int, int]] = {}

    def add(self, queue_id: int, **changes: int) -> None:
        counters = self._changes[queue_id]
        for column, change in changes.items():
            counters[column] += change

    def add_elsewhere(self, account_id: int, *, messages: int, bytes: int) -> None:
        """Messages the account has more (or less) outside of queues, and their bytes."""
        before = self.elsewhere.get(account_id, (0, 0))
        self.elsewhere[account_id] = before[0] + messages, before[1] + bytes

    def changes(self) -> Iterator[tuple[int, dict[str, int]]]:
        """Queue id and changes, in one order for all transactions, so that none waits in a circle."""
        for queue_id in sorted(self._changes):
            if any(self._changes[queue_id].values()):
                yield queue_id, self._changes[queue_id]
