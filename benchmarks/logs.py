"""Streams: producing and consuming in batches of 1,000, and what a deep log costs its reader."""

from __future__ import annotations

import itertools
import json
import re
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import generator
import processes
from figures import Figure, Target
from scenarios import Effort
from server import SQLITE, Server, Site
from wire import Wire

BATCH = 1_000
DEEP = 1_000_000
READS = 30
OFFSETS = re.compile(rb'"offset":(\d+)')

_runs = itertools.count()


def streams(site: Site, database: str, effort: Effort) -> Iterator[Figure]:
    """``c`` connections have a stream each. A consumer commits after every batch."""
    target = Target(at_least=20_000 if database == SQLITE else 12_000)
    count = max(effort.count(100_000) // BATCH, 8)
    with site.server(database) as server:
        _lives(server, 1, 5)
        for connections in (1, 4):
            titles = [f"batches of {BATCH:,}, {what}, c={connections}" for what in ("produce", "consume")]
            rates = [Figure("streams", title, "msg/s", database, target=target) for title in titles]
            costs = [Figure("streams", f"{title}, processor", "µs/msg", database) for title in titles]
            for _ in range(effort.repetitions):
                for at, (rate, cost) in enumerate(_lives(server, connections, count)):
                    rates[at].values.append(rate)
                    costs[at].values.append(cost)
            yield from (rates[0], costs[0], rates[1], costs[1])
        yield from _deep(server, database, effort)


def _lives(server: Server, connections: int, batches: int) -> list[tuple[float, float]]:
    """Produce, then consume, ``batches`` altogether: messages a second and microseconds of processor time a
    message, the database's and the server's, for each of the two."""
    names = [f"s{next(_runs)}" for _ in range(connections)]
    for name in names:
        _create(server, name)
    each = batches // connections
    return [
        _measure(server, names, each, _produce),
        _measure(server, names, each, _consume_all),
    ]


def _measure(
    server: Server, names: list[str], batches: int, work: Callable[[Wire, str, int], None]
) -> tuple[float, float]:
    wires = [Wire(server.port, server.key) for _ in names]
    used, began = _cpu(server), time.perf_counter()
    with ThreadPoolExecutor(len(names)) as pool:
        for done in [pool.submit(work, wire, name, batches) for wire, name in zip(wires, names, strict=True)]:
            done.result()
    seconds, used = time.perf_counter() - began, _cpu(server) - used
    messages = batches * len(names) * BATCH
    for wire in wires:
        wire.close()
    return messages / seconds, used / messages * 1e6


def _cpu(server: Server) -> float:
    trees = {pid for root in server.pids for pid in processes.tree(root)}
    return sum(processes.cpu_seconds(pid) for pid in trees)


def _create(server: Server, name: str) -> None:
    wire = Wire(server.port, server.key)
    wire.call("POST", "/streams", json.dumps({"name": name}).encode(), expect=201)
    wire.close()


def _produce(wire: Wire, name: str, batches: int, first: int = 0) -> None:
    body = "x" * generator.BODY_BYTES
    for batch in range(first, first + batches):
        ids = (f"7f3a91c2-0000-4000-8000-{batch * BATCH + at:012x}" for at in range(BATCH))
        items = ",".join([f'{{"id":"{public_id}","body":"{body}"}}' for public_id in ids])
        wire.call("POST", f"/streams/{name}/messages", f"[{items}]".encode(), expect=204)


def _consume_all(wire: Wire, name: str, batches: int) -> None:
    """Raises RuntimeError unless every offset comes once and in order."""
    for batch in range(batches):
        last = _consume(wire, name, batch * BATCH)
        wire.call("POST", f"/streams/{name}/commit", b'{"offset": %d}' % last, expect=204)


def _consume(wire: Wire, name: str, committed: int) -> int:
    """The last offset of a batch, which must be the next thousand."""
    answer = wire.call("GET", f"/streams/{name}/messages?limit={BATCH}", expect=200)
    offsets = [int(offset) for offset in OFFSETS.findall(answer)]
    if offsets != list(range(committed + 1, committed + BATCH + 1)):
        raise RuntimeError(
            f"{name}: after {committed} came {offsets[:3]} … {offsets[-3:]}, {len(offsets)} in all"
        )
    return offsets[-1]


def _deep(server: Server, database: str, effort: Effort) -> Iterator[Figure]:
    """Reading at the end of a long log, against reading at its beginning, taking turns."""
    deep = max(int(DEEP * min(effort.scale, 1)), 10 * BATCH)
    _create(server, "deep")
    wire = Wire(server.port, server.key)
    _produce(wire, "deep", deep // BATCH)
    places = {0: "at offset 0", deep - BATCH: f"at offset {deep - BATCH:,}"}
    figures = {
        place: Figure("streams", f"consume of {BATCH:,}, {title}", "ms", database)
        for place, title in places.items()
    }
    ratio = Figure(
        "streams",
        f"consume {places[deep - BATCH]}, against offset 0",
        "x",
        database,
        target=Target(at_most=1.2),
    )
    for _ in range(effort.repetitions):
        times: dict[int, list[float]] = {place: [] for place in places}
        for _, (place, seen) in itertools.product(range(READS), times.items()):
            wire.call("POST", "/streams/deep/commit", b'{"offset": %d}' % place, expect=204)
            began = time.perf_counter()
            _consume(wire, "deep", place)
            seen.append((time.perf_counter() - began) * 1000)
        for place, figure in figures.items():
            figure.values.append(statistics.median(times[place]))
        ratio.values.append(figures[deep - BATCH].values[-1] / figures[0].values[-1])
    wire.close()
    yield from (*figures.values(), ratio)
