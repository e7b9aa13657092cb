"""Every statement of streams, named.

Whoever adds or removes messages of a stream holds the lock of its row, several in id order. On PostgreSQL
that is what keeps the log a prefix: the next producer gets the lock only when the one before has committed,
so a snapshot that shows an offset shows all below it.
"""

from __future__ import annotations

from queues.broker.db import Delete, Insert, Statement

# ---------------------------------------------------------------- streams

_STREAM = "id, account_id, name, auto_delete, ttl_seconds, committed, next_offset"

LOCK_BY_NAME = Statement(
    f"""
    SELECT {_STREAM} FROM streams_stream
    WHERE account_id {{in:accounts}} AND name {{in:names}} AND deleted_at IS NULL
    ORDER BY id {{lock}}
    """
)
"""May return more pairs than were asked for."""

FIND_BY_NAME = Statement(
    f"""
    SELECT {_STREAM} FROM streams_stream
    WHERE account_id {{in:accounts}} AND name {{in:names}} AND deleted_at IS NULL
    """
)

LOCK_BY_ID = Statement("SELECT id, account_id FROM streams_stream WHERE id {in:ids} ORDER BY id {lock}")
"""Deleted streams too: their messages still count and expire."""

NAMES = Statement(
    "SELECT name FROM streams_stream WHERE account_id = :account AND deleted_at IS NULL ORDER BY id"
)
COUNT_STREAMS = Statement(
    "SELECT count(*) FROM streams_stream WHERE account_id = :account AND deleted_at IS NULL"
)

SET_NEXT_OFFSET = Statement("UPDATE streams_stream SET next_offset = :next WHERE id = :stream")

COUNT = Statement(
    """
    UPDATE streams_stream SET message_count = message_count + :messages, bytes = bytes + :bytes
    WHERE id = :stream
    """
)

SET_COMMITTED = Statement("UPDATE streams_stream SET committed = :committed WHERE id = :stream")

# ---------------------------------------------------------------- messages

INSERT_MESSAGES = Insert(
    "streams_streammessage",
    {
        "stream_id": "bigint",
        '"offset"': "bigint",
        "public_id": "text",
        "size": "int",
        "encoding": "smallint",
        "auto_delete": "boolean",
        "created_at": "bigint",
        "expires_at": "bigint",
        "body": "text",
    },
)

DELETE_MESSAGES = Delete("streams_streammessage", {"stream_id": "bigint", '"offset"': "bigint"})

STORED_IDS = Statement(
    """
    SELECT public_id, "offset", created_at, expires_at, size FROM streams_streammessage
    WHERE stream_id = :stream AND public_id {in:ids}
    """
)

_ALIVE = "(expires_at IS NULL OR expires_at > :now)"

READ = Statement(
    f"""
    SELECT "offset", public_id, body, encoding, created_at FROM streams_streammessage
    WHERE stream_id = :stream AND "offset" > :after AND {_ALIVE} AND "offset" <= (
        SELECT max("offset") FROM (
            SELECT "offset", sum(size) OVER (ORDER BY "offset") - size AS before FROM streams_streammessage
            WHERE stream_id = :stream AND "offset" > :after AND {_ALIVE}
            ORDER BY "offset" LIMIT :limit
        ) AS page WHERE before < :bytes
    )
    ORDER BY "offset"
    """
)
"""The next messages, as many as fit: a thousand bodies may be a gigabyte. At least one, however large."""

# ---------------------------------------------------------------- removing messages


def _head(condition: str) -> Statement:
    return Statement(
        f"""
        SELECT count(*), sum(size), max("offset") FROM (
            SELECT "offset", size FROM streams_streammessage
            WHERE stream_id = :stream AND "offset" > :after AND "offset" <= :until {condition}
            ORDER BY "offset" LIMIT :limit
        ) AS head
        """
    )


def _delete(condition: str) -> Statement:
    return Statement(
        f"""
        DELETE FROM streams_streammessage
        WHERE stream_id = :stream AND "offset" > :after AND "offset" <= :until {condition}
        """
    )


HEAD = _head("")
DELETE_RANGE = _delete("")
HEAD_AUTO_DELETE = _head("AND auto_delete")
DELETE_RANGE_AUTO_DELETE = _delete("AND auto_delete")

EXPIRED = Statement(
    """
    SELECT stream_id, "offset" FROM streams_streammessage
    WHERE expires_at IS NOT NULL AND expires_at <= :now ORDER BY expires_at LIMIT :limit
    """
)
SIZE_OF_EXPIRED = Statement(
    """
    SELECT count(*), sum(size) FROM streams_streammessage
    WHERE stream_id = :stream AND "offset" {in:offsets} AND expires_at <= :now
    """
)
DELETE_EXPIRED = Statement(
    """
    DELETE FROM streams_streammessage
    WHERE stream_id = :stream AND "offset" {in:offsets} AND expires_at <= :now
    """
)

# ---------------------------------------------------------------- removing streams

DELETED_STREAMS = Statement("SELECT id FROM streams_stream WHERE deleted_at IS NOT NULL ORDER BY id LIMIT 1")
DELETE_STREAM = Statement("DELETE FROM streams_stream WHERE id = :stream AND deleted_at IS NOT NULL")
