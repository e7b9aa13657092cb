"""What a backlog costs everybody: whole lives, over HTTP, in queues that stay as deep as they are.

Every depth has a server and a database of its own, so that the shallow one has no large tables either.
All are up at once and take turns: what else the machine does meets all of them. A life here publishes one
message at the end of the queue, receives the one at its head and acknowledges that.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import generator
from figures import Figure, Target
from scenarios import Effort
from server import Server, Site

DEPTHS = (1_000, 10_000, 100_000, 1_000_000)
QUICK_DEPTHS = (1_000, 10_000)
LOADS = {
    "single messages, c=8": ({"c": 8, "batch": 1}, 800),
    "batches of 100, c=4": ({"c": 4, "batch": 100}, 8_000),
}
"""Flags of the generator, and how many lives a turn has."""

TURNS = 3
QUEUE = "deep"
SETTINGS = {"lock_duration": 3600, "max_delivery_attempts": 5, "ttl": 0, "auto_delete": True}


def growth(site: Site, database: str, effort: Effort) -> Iterator[Figure]:
    depths = DEPTHS if effort.scale >= 1 else QUICK_DEPTHS
    with contextlib.ExitStack() as stack:
        servers = {depth: _filled(stack.enter_context(site.server(database)), depth) for depth in depths}
        for load, (flags, usual) in LOADS.items():
            yield from _compare(servers, load, flags, effort.count(usual), database, effort.repetitions)
        for depth, server in servers.items():
            if (left := server.stats(QUEUE)["total"]) != depth:
                raise RuntimeError(f"{depth} messages waited, and now {left}")


def _filled(server: Server, depth: int) -> Server:
    server.make_queue(QUEUE, **SETTINGS)
    server.fill(QUEUE, depth)
    return server


def _compare(
    servers: dict[int, Server], load: str, flags: dict[str, int], count: int, database: str, repetitions: int
) -> Iterator[Figure]:
    def figures(name: str, unit: str, target: Target | None = None) -> dict[int, Figure]:
        return {
            depth: Figure("growth", name.format(depth=f"{depth:,}"), unit, database, target=target)
            for depth in servers
        }

    least = min(servers)
    rates = figures(f"lives with {{depth}} waiting, {load}", "msg/s")
    costs = figures(f"lives with {{depth}} waiting, {load}, processor", "ms/msg")
    ratios = figures(f"lives with {{depth}} waiting, against {least:,}, {load}", "x", Target(at_least=0.9))
    for server in servers.values():  # the first requests find cold pages and unprepared statements
        lives(server, count, flags)
    for _ in range(repetitions):
        seconds, processor = dict.fromkeys(servers, 0.0), dict.fromkeys(servers, 0.0)
        for _ in range(TURNS):
            for depth, server in servers.items():
                run = lives(server, count, flags)
                seconds[depth] += count / run["msgs_per_s"]
                processor[depth] += run["srv_cpu_ms_per_msg"]
        for depth in servers:
            rates[depth].values.append(TURNS * count / seconds[depth])
            costs[depth].values.append(processor[depth] / TURNS)
            ratios[depth].values.append(seconds[least] / seconds[depth])
    del ratios[least]
    yield from (*rates.values(), *costs.values(), *ratios.values())


def lives(server: Server, count: int, flags: dict[str, int]) -> dict[str, Any]:
    """One turn's figures."""
    return generator.run(
        server.url, server.key, server.pids, mode="turns", n=count, queue=QUEUE, standing="true", **flags
    )
