"""What a snapshot held open costs on PostgreSQL: a backup or a forgotten transaction keeps VACUUM from
removing what dies after its start, so that whoever walks through what is dead becomes slower and slower.

One queue has the same load of whole lives all the time, in spans; between two of them another session opens a
transaction, looks, and stays idle in it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import generator
import psycopg
from figures import Figure, Target
from scenarios import Effort
from server import POSTGRESQL, Server, Site

PER_SECOND = 500
BATCH = 10
"""Messages a request: single ones at this rate are more than some machines manage at all."""

CONNECTIONS = 5
SPAN_SECONDS = 30
SPANS = 10
QUEUE = "snapshot"

CAPACITY = {"mode": "lifecycle", "c": 8, "batch": BATCH, "queue": QUEUE}
"""As much as the server can: shows what a load it keeps up with hides."""


def snapshot(site: Site, database: str, effort: Effort) -> Iterator[Figure]:
    if database != POSTGRESQL:
        return
    spans, seconds = (SPANS, SPAN_SECONDS) if effort.scale >= 1 else (2, 10)
    title = f"lives at {PER_SECOND} msg/s"
    name = f"with a snapshot open for {spans * seconds} s"
    rate, most = f"rate of {title}", "as many lives as possible"
    with site.server(database) as server:
        _most(server, effort)
        before, most_before = _span(server, seconds), _most(server, effort)
        with _held_open(server):
            during = [_span(server, seconds) for _ in range(spans)]
            most_during = _most(server, effort)
    for unit, key, what in (
        ("msg/s", "msgs_per_s", title),
        ("ms", "p50_ms", f"{title}, p50"),
        ("ms", "p99_ms", f"{title}, p99"),
        ("ms/msg", "srv_cpu_ms_per_msg", f"{title}, processor"),
    ):
        yield Figure("snapshot", f"{what}, before", unit, database, [before[key]])
        yield Figure(
            "snapshot", f"{what}, {name}, each {seconds} s", unit, database, [s[key] for s in during]
        )
    last = [during[-1]["msgs_per_s"] / before["msgs_per_s"]]
    yield Figure("snapshot", f"{rate}, {name}, against before", "x", database, last, Target(at_least=0.9))
    ratio = [most_during / most_before]
    yield Figure("snapshot", f"{most}, {name}, against before", "x", database, ratio, Target(at_least=0.9))


def _span(server: Server, seconds: int) -> dict[str, Any]:
    return generator.run(
        server.url, server.key, server.pids, mode="latency", c=CONNECTIONS, n=PER_SECOND * seconds,
        batch=BATCH, rate=PER_SECOND, queue=QUEUE, max=f"{4 * seconds}s",
    )  # fmt: skip


def _most(server: Server, effort: Effort) -> float:
    run = generator.run(server.url, server.key, server.pids, n=effort.count(6_000), **CAPACITY)
    rate: float = run["msgs_per_s"]
    return rate


@contextlib.contextmanager
def _held_open(server: Server) -> Iterator[None]:
    """Another session's transaction, which sees the database as it was now."""
    with psycopg.connect(server.environment["DATABASE_URL"]) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.execute("SELECT count(*) FROM queues_queue")
        yield
        connection.execute("SELECT count(*) FROM queues_queue")
        connection.rollback()
