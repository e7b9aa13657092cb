"""What accounts use: running totals, written in the transactions they count."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from queues.broker import account_sql, identities, sql

if TYPE_CHECKING:
    from queues.broker.lanes import Transaction

MAX_SHARDS = 64


def write_counts(tx: Transaction) -> None:
    """Add what the transaction counted to the totals of its queues and accounts: its last statements."""
    used: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for queue_id, changes in tx.tally.changes():
        tx.db.run(sql.ADD_TO_COUNTER, queue=queue_id, shard=tx.tally.shard, **changes)
        if changes["messages"] or changes["bytes"]:
            owner = identities.of(tx.db, queue_id).account_id
            used[owner][0] += changes["messages"]
            used[owner][1] += changes["bytes"]
    for account_id, (messages, size) in tx.tally.elsewhere.items():
        used[account_id][0] += messages
        used[account_id][1] += size
    for account_id in sorted(used):
        messages, size = used[account_id]
        if messages or size:
            tx.db.run(
                account_sql.ADD_TO_USAGE,
                account=account_id,
                shard=tx.tally.shard,
                messages=messages,
                bytes=size,
                peak=tx.budget.highest(account_id),
            )


def merge_shards(tx: Transaction, limit: int) -> int:
    """Add the shards of one account together when there are many. Every database thread of every process
    that ever ran has left one, and each publish adds them all up. How many there were; 0 = none has many."""
    crowded = tx.db.rows(account_sql.MANY_SHARDS, shards=MAX_SHARDS)
    if not crowded:
        return 0
    account_id = crowded[0][0]
    shards = tx.db.rows(account_sql.TAKE_SHARDS, account=account_id)
    tx.db.run(
        account_sql.ADD_TO_USAGE,
        account=account_id,
        shard=tx.tally.shard,
        messages=sum(row[0] for row in shards),
        bytes=sum(row[1] for row in shards),
        peak=max((row[2] for row in shards), default=0),
    )
    return len(shards)
