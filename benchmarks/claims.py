"""What a claim costs when the queue is deep: the time of one receive, on one connection, over HTTP.

Three queues of one server take turns, so that whatever else the machine does meets all three. After each
claim the messages are acknowledged and as many new ones published, untimed: the depth stays what it was.
"""

from __future__ import annotations

import json
import statistics
import time
import uuid
from collections.abc import Iterator
from itertools import repeat

import generator
from figures import Figure, Target
from scenarios import Effort
from server import Site
from wire import Wire

SHALLOW = 1_000
DEEP = 1_000_000
LIMITS = {1: 300, 100: 100}
"""Messages a claim asks for, and how many claims a repetition times on each queue."""

SETTINGS = {"lock_duration": 3600, "max_delivery_attempts": 5, "ttl": 0, "auto_delete": True}


def claims(site: Site, database: str, effort: Effort) -> Iterator[Figure]:
    deep = max(int(DEEP * min(effort.scale, 1)), SHALLOW)
    titles = {
        "shallow": f"{SHALLOW:,} waiting",
        "deep": f"{deep:,} waiting",
        "behind": f"{SHALLOW:,} behind {deep:,} scheduled",
    }
    with site.server(database) as server:
        filled = Figure("claims", "filling, in-process batches of 1,000", "msg/s", database)
        for name in titles:
            server.make_queue(name, **SETTINGS)
        server.fill("shallow", SHALLOW)
        filled.values.append(server.fill("deep", deep))
        filled.values.append(server.fill("behind", deep, "later"))
        server.fill("behind", SHALLOW)
        yield filled
        wire = Wire(server.port, server.key)  # only now: filling takes longer than idle connections live
        for limit, rounds in LIMITS.items():
            yield from _compare(wire, database, effort, titles, limit, effort.count(rounds))


def _compare(
    wire: Wire, database: str, effort: Effort, titles: dict[str, str], limit: int, rounds: int
) -> Iterator[Figure]:
    figures = {
        name: Figure("claims", f"claim of {limit}, {title}", "ms", database) for name, title in titles.items()
    }
    ratios = {
        name: Figure(
            "claims", f"claim of {limit}, {titles[name]}, against {titles['shallow']}", "x", database,
            target=Target(at_most=1.5),
        )
        for name in ("deep", "behind")
    }  # fmt: skip
    for name in titles:  # the first claims of a queue find cold pages and unprepared statements
        for _ in range(20):
            _claim(wire, name, limit)
    for _ in range(effort.repetitions):
        times: dict[str, list[float]] = {name: [] for name in titles}
        for _ in range(rounds):
            for name, seen in times.items():
                seen.append(_claim(wire, name, limit))
        for name, figure in figures.items():
            figure.values.append(statistics.median(times[name]))
        for name, ratio in ratios.items():
            ratio.values.append(figures[name].values[-1] / figures["shallow"].values[-1])
    yield from figures.values()
    yield from ratios.values()


def _claim(wire: Wire, queue: str, limit: int) -> float:
    """Milliseconds of one claim."""
    began = time.perf_counter()
    body = wire.call("GET", f"/queues/{queue}/messages?limit={limit}", expect=200)
    milliseconds = (time.perf_counter() - began) * 1000
    ids = [message["id"] for message in json.loads(body)]
    if len(ids) != limit:
        raise RuntimeError(f"a claim of {limit} from {queue} got {len(ids)}")
    acks = [{"id": public_id, "ack": True} for public_id in ids]
    wire.call("POST", f"/queues/{queue}/ack", json.dumps(acks).encode(), expect=204)
    new = [{"id": str(uuid.uuid4()), "body": text} for text in repeat("x" * generator.BODY_BYTES, limit)]
    wire.call("POST", f"/queues/{queue}/messages", json.dumps(new).encode(), expect=204)
    return milliseconds
