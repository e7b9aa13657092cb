"""Statements of ``overview``."""

from __future__ import annotations

from queues.broker.db import Statement

ACCOUNTS = Statement("SELECT id, email FROM accounts_account WHERE id {in:ids}")

QUEUES = Statement(
    """
    SELECT id, account_id, name, paused_at IS NOT NULL FROM queues_queue
    WHERE id {in:queues} AND deleted_at IS NULL
    """
)

_ENTRY = """
    SELECT q.id, q.name, q.account_id, a.email, q.kind, q.paused_at
    FROM queues_queue q JOIN accounts_account a ON a.id = q.account_id WHERE q.deleted_at IS NULL
"""
ENTRY = Statement(f"{_ENTRY} AND q.id = :queue")
ENTRIES_BY_ID = Statement(f"{_ENTRY} AND q.id {{in:queues}}")
ENTRIES = Statement(
    f"""
    {_ENTRY} AND q.id > :after
        AND (lower(q.name) LIKE :pattern ESCAPE '\\' OR lower(a.email) LIKE :pattern ESCAPE '\\')
    ORDER BY q.id LIMIT :limit
    """
)
