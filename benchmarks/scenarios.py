"""Rates and latency, as the load generator sees them from outside."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import generator
from figures import Figure, Target
from server import SQLITE, Server, Site

BATCH = 100
LATENCY_PER_SECOND = 50
LATENCY_CONNECTIONS = 5
"""One publishes; with four receivers one is always parked while another acknowledges."""


Scenario = Callable[[Site, str, "Effort"], Iterator[Figure]]


@dataclass(frozen=True)
class Effort:
    """How much is measured: ``repetitions`` of each figure, and ``scale`` times the usual counts."""

    repetitions: int
    scale: float

    def count(self, usual: int) -> int:
        return max(int(usual * self.scale), 100)


def batch(site: Site, database: str, effort: Effort) -> Iterator[Figure]:
    """Batches of 100: publishing alone, and whole lives (half the connections publish, half consume)."""
    least = {"publish": 15_000, "lifecycle": 8_000 if database == SQLITE else 5_000}
    usual = {"publish": 60_000, "lifecycle": 30_000}
    with site.server(database) as server:
        _warm_up(server, BATCH)
        for mode, title, unit in (("publish", "enqueue", "msg/s"), ("lifecycle", "full life", "msg/s")):
            for connections in (1, 4, 8):
                figure = Figure(
                    "batch", f"batches of {BATCH}, {title}, c={connections}", unit, database,
                    target=Target(at_least=least[mode]),
                )  # fmt: skip
                yield _rate(server, figure, effort, mode, connections, BATCH, effort.count(usual[mode]))


def single(site: Site, database: str, effort: Effort) -> Iterator[Figure]:
    """One message a request."""
    targets = {("publish", 32): Target(at_least=1_300), ("lifecycle", 32): Target(at_least=450)}
    usual = {"publish": 4_000, "lifecycle": 2_000}
    with site.server(database) as server:
        _warm_up(server, 1)
        for mode, title, unit in (("publish", "enqueue", "req/s"), ("lifecycle", "full life", "lives/s")):
            for connections in (1, 8, 32):
                figure = Figure(
                    "single", f"single messages, {title}, c={connections}", unit, database,
                    target=targets.get((mode, connections)),
                )  # fmt: skip
                count = effort.count(usual[mode] // (2 if connections == 1 else 1))
                yield _rate(server, figure, effort, mode, connections, 1, count)


def lives_of(api: str, title: str) -> Scenario:
    """Whole lives of single messages through another dialect: publish, receive, acknowledge."""

    def measure(site: Site, database: str, effort: Effort) -> Iterator[Figure]:
        with site.server(database) as server:
            _warm_up(server, 1, api=api)
            for connections in (1, 8, 32):
                figure = Figure(
                    api, f"{title}, single messages, full life, c={connections}", "lives/s", database
                )
                count = effort.count(2_000 // (2 if connections == 1 else 1))
                yield _rate(server, figure, effort, "lifecycle", connections, 1, count, api=api)

    return measure


def tinymq(site: Site, database: str, effort: Effort) -> Iterator[Figure]:
    """TinyMQ's API: whole lives of single messages, and consuming what has gathered, a hundred at a time."""
    yield from lives_of("tinymq", "TinyMQ")(site, database, effort)
    with site.server(database) as server:
        _warm_up(server, 1, api="tinymq")
        for connections in (1, 4):
            figure = Figure(
                "tinymq",
                f"TinyMQ, consume with limit={BATCH}&auto_ack=true, c={connections}",
                "msg/s",
                database,
                target=Target(at_least=8_000) if database == SQLITE else None,
            )
            options = {"api": "tinymq", "autoack": "true"}
            yield _rate(server, figure, effort, "drain", connections, BATCH, effort.count(15_000), **options)


def latency(site: Site, database: str, effort: Effort) -> Iterator[Figure]:
    """From sending a publish to the moment a parked receiver has the message."""
    title = f"publish → parked receiver at {LATENCY_PER_SECOND} msg/s"
    middle = Figure("latency", f"{title}, p50", "ms", database, target=Target(at_most=5))
    tail = Figure("latency", f"{title}, p99", "ms", database, target=Target(at_most=30))
    with site.server(database) as server:
        _warm_up(server, 1)
        for _ in range(effort.repetitions):
            run = _run(
                server, mode="latency", c=LATENCY_CONNECTIONS, n=effort.count(500), rate=LATENCY_PER_SECOND
            )
            middle.values.append(run["p50_ms"])
            tail.values.append(run["p99_ms"])
    yield middle
    yield tail


def _rate(
    server: Server,
    figure: Figure,
    effort: Effort,
    mode: str,
    connections: int,
    size: int,
    count: int,
    **options: str,
) -> Figure:
    for _ in range(effort.repetitions):
        run = _run(server, mode=mode, c=connections, n=count, batch=size, **options)
        figure.values.append(run["msgs_per_s"])
    return figure


def _run(server: Server, **options: Any) -> dict[str, Any]:
    return generator.run(server.url, server.key, server.pids, **options)


def _warm_up(server: Server, size: int, **options: str) -> None:
    """Threads, connections and prepared statements are there before anything is timed."""
    _run(server, mode="lifecycle", c=8, n=max(500, 20 * size), batch=size, **options)
