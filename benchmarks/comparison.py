"""This server and others, on the same machine in the same run, at the same work: whole lives of durable
messages.

Repetitions go round all of them, each alone and from an empty database, so that a machine that becomes slower
does so for all. At c connections or workers half publish and half consume; one alone does both in turn.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import generator
from figures import Figure
from peer_servers import PEERS, Peer, Started
from scenarios import BATCH, LATENCY_CONNECTIONS, LATENCY_PER_SECOND, Effort
from server import POSTGRESQL, SQLITE, Server, Site

SCENARIO = "peers"
OWN = (SQLITE, POSTGRESQL)
OWN_DURABILITY = {
    SQLITE: "fsync before each answer (synchronous=FULL)",
    POSTGRESQL: "fsync before each answer (PostgreSQL, synchronous_commit=on)",
}

LIVES = {c: f"single messages, full life, c={c}" for c in (1, 8, 32)}
BATCHES = f"batches of {BATCH}, full life, c=8"
P50 = f"publish → receiver at {LATENCY_PER_SECOND} msg/s, p50"
P99 = f"publish → receiver at {LATENCY_PER_SECOND} msg/s, p99"
MEMORY = "memory (PSS: server, or worker of a library; database)"
CLIENT = "the client's processor, at single messages, c=32"
UNITS = dict.fromkeys([*LIVES.values(), BATCHES], "lives/s") | {
    P50: "ms",
    P99: "ms",
    MEMORY: "MB",
    CLIENT: "cores",
}


class Load(Protocol):
    def __call__(self, **options: Any) -> dict[str, Any]: ...


def peers(site: Site, effort: Effort) -> Iterator[Figure]:
    """Figures whose ``database`` is the name of a peer, or the database of this server."""
    installed = {name: peer for name, peer in PEERS.items() if not peer.missing()}
    figures = {
        name: {title: Figure(SCENARIO, title, unit, name) for title, unit in UNITS.items()}
        for name in (*OWN, *installed)
    }
    for _ in range(effort.repetitions):
        for database in OWN:
            with site.server(database) as server:
                _measure(figures[database], _of_server(server), effort, 1, 4)
        for name, peer in installed.items():
            with peer.start(site) as started:
                _measure(figures[name], _of_peer(peer, started), effort, peer.speed, peer.batch_speed)
    for found in figures.values():
        yield from found.values()


def _of_server(server: Server) -> Load:
    def load(**options: Any) -> dict[str, Any]:
        options["mode"] = {"lives": "lifecycle"}.get(options["mode"], options["mode"])
        return generator.run(server.url, server.key, server.pids, **options)

    return load


def _of_peer(peer: Peer, started: Started) -> Load:
    def load(**options: Any) -> dict[str, Any]:
        return peer.load(started, **options)

    return load


def _measure(
    figures: dict[str, Figure], load: Load, effort: Effort, speed: float, batch_speed: float
) -> None:
    load(mode="lives", c=8, n=200, batch=1)
    for connections, name in LIVES.items():
        count = effort.count(int(speed * (500 if connections == 1 else 1_500)))
        run = load(mode="lives", c=connections, n=count, batch=1)
        figures[name].values.append(run["msgs_per_s"])
    figures[CLIENT].values.append(run["gen_cpu_s"] / run["seconds"])
    run = load(mode="lives", c=8, n=effort.count(int(batch_speed * 5_000)), batch=BATCH)
    figures[BATCHES].values.append(run["msgs_per_s"])
    run = load(mode="latency", c=LATENCY_CONNECTIONS, n=effort.count(300), batch=1, rate=LATENCY_PER_SECOND)
    figures[P50].values.append(run["p50_ms"])
    figures[P99].values.append(run["p99_ms"])
    figures[MEMORY].values.append(run["pss_mb"])
