"""Finding the streams a transaction is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from queues.broker import names
from queues.broker.db import Connection, Statement
from streams.errors import StreamNotFound


class Found(NamedTuple):
    """A stream's row; locked, if the statement that found it locks."""

    id: int
    account_id: int
    name: str
    auto_delete: bool
    ttl_seconds: int
    committed: int
    next_offset: int


class Named(Protocol):
    """An operation on the stream ``stream`` of ``account_id``."""

    account_id: int
    stream: str
    error: BaseException | None


Op = TypeVar("Op", bound=Named)


def by_stream(db: Connection, statement: Statement, operations: Sequence[Op]) -> list[tuple[Found, list[Op]]]:
    """The streams the operations name, in id order, each with its operations in the order given. Those whose
    stream does not exist get StreamNotFound as their error."""
    wanted = [o for o in operations if names.storable(o.stream)]
    rows: list[Any] = []
    if wanted:
        rows = db.rows(
            statement,
            accounts=sorted({o.account_id for o in wanted}),
            names=sorted({o.stream for o in wanted}),
        )
    found = {(row[1], row[2]): Found(*row) for row in rows}
    groups: dict[int, tuple[Found, list[Op]]] = {}
    for operation in operations:
        stream = found.get((operation.account_id, operation.stream))
        if stream is None:
            operation.error = StreamNotFound(operation.stream)
        else:
            groups.setdefault(stream.id, (stream, []))[1].append(operation)
    return [groups[stream_id] for stream_id in sorted(groups)]
