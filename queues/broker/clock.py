"""What time it is, for every process alike.

On PostgreSQL several machines share one queue, so instants are the database's: each process measures how
far its own clock is off and adds that. On SQLite there is one machine and one clock.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from queues.broker.types import Micros

SECOND: Micros = 1_000_000

DATABASE_TIME = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
"""PostgreSQL's microseconds."""

_offset: Micros = 0
_ago: Micros = 0


def now() -> Micros:
    return time.time_ns() // 1000 + _offset - _ago


@contextmanager
def in_the_past(seconds: float) -> Iterator[None]:
    """This process lives that long ago: to make demonstration data with a past, and for nothing else."""
    global _ago
    _ago = micros(seconds)
    try:
        yield
    finally:
        _ago = 0


def set_from_database(read_at: Micros, database_time: Micros) -> None:
    """Adopt the database's clock: ``database_time`` was its time when ours was ``read_at``."""
    global _offset
    _offset = database_time - read_at


def micros(seconds: float) -> Micros:
    return round(seconds * SECOND)
