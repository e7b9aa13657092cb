"""The statements about accounts: what they use, what they may use, and the consume calls they have open."""

from __future__ import annotations

from queues.broker.db import Statement

# ---------------------------------------------------------------- usage

OWNERS = Statement("SELECT id, account_id, name FROM queues_queue WHERE id {in:queues}")

ADD_TO_USAGE = Statement(
    """
    INSERT INTO queues_accountusage (account_id, shard, messages, bytes, peak_bytes)
    VALUES (:account, :shard, :messages, :bytes, :peak)
    ON CONFLICT (account_id, shard) DO UPDATE SET
        messages = queues_accountusage.messages + excluded.messages,
        bytes = queues_accountusage.bytes + excluded.bytes,
        peak_bytes = CASE WHEN excluded.peak_bytes > queues_accountusage.peak_bytes
            THEN excluded.peak_bytes ELSE queues_accountusage.peak_bytes END
    """
)

USAGE = Statement(
    """
    SELECT CAST(coalesce(sum(messages), 0) AS bigint), CAST(coalesce(sum(bytes), 0) AS bigint),
        coalesce(max(peak_bytes), 0)
    FROM queues_accountusage WHERE account_id = :account
    """
)

MANY_SHARDS = Statement(
    """
    SELECT account_id FROM queues_accountusage GROUP BY account_id HAVING count(*) > :shards LIMIT 1
    """
)

TAKE_SHARDS = Statement(
    "DELETE FROM queues_accountusage WHERE account_id = :account RETURNING messages, bytes, peak_bytes"
)

# ---------------------------------------------------------------- quotas

_ROOM = """
    SELECT a.id, a.max_messages, a.max_mb,
        (SELECT CAST(coalesce(sum(u.messages), 0) AS bigint) FROM queues_accountusage u
         WHERE u.account_id = a.id),
        (SELECT CAST(coalesce(sum(u.bytes), 0) AS bigint) FROM queues_accountusage u
         WHERE u.account_id = a.id)
    FROM accounts_account a WHERE a.id {in:accounts}
"""
ROOM = Statement(_ROOM)
"""Message quotas and what is used of them."""

LOCK_ACCOUNTS = Statement("SELECT id FROM accounts_account WHERE id {in:accounts} ORDER BY id {lock}")

LOCK_ACCOUNT = Statement(
    "SELECT max_channels, max_concurrency FROM accounts_account WHERE id = :account {lock}"
)

MAX_CONCURRENCY = Statement("SELECT max_concurrency FROM accounts_account WHERE id = :account")

QUEUE_NAMES = Statement(
    "SELECT name FROM queues_queue WHERE account_id = :account AND deleted_at IS NULL ORDER BY id"
)
COUNT_QUEUES = Statement(
    "SELECT count(*) FROM queues_queue WHERE account_id = :account AND deleted_at IS NULL"
)

# ---------------------------------------------------------------- consume calls

CALLS_ELSEWHERE = Statement(
    """
    SELECT CAST(coalesce(sum(calls), 0) AS bigint) FROM queues_consumecalls
    WHERE account_id = :account AND holder <> :holder AND until > :now
    """
)

CALLS_HERE = Statement(
    "SELECT calls FROM queues_consumecalls WHERE account_id = :account AND holder = :holder"
)

SET_CALLS = Statement(
    """
    INSERT INTO queues_consumecalls (account_id, holder, calls, until)
    VALUES (:account, :holder, :calls, :until)
    ON CONFLICT (account_id, holder) DO UPDATE SET calls = excluded.calls, until = excluded.until
    """
)

CALLS_OF_HOLDER = Statement("SELECT account_id, calls FROM queues_consumecalls WHERE holder = :holder")

RENEW_CALLS = Statement("UPDATE queues_consumecalls SET until = :until WHERE holder = :holder")

DROP_CALLS = Statement("DELETE FROM queues_consumecalls WHERE account_id = :account AND holder = :holder")

DROP_LOST_CALLS = Statement("DELETE FROM queues_consumecalls WHERE until <= :now RETURNING calls")
