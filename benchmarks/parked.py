"""What 500 parked receivers cost: memory, and the speed of everybody else."""

from __future__ import annotations

import json
import selectors
import time
from collections.abc import Iterator
from typing import Any

import generator
import processes
from figures import Figure, Target
from scenarios import Effort
from server import Server, Site
from wire import Wire

RECEIVERS = 500
SETTLE_SECONDS = 2.0
POLL_SECONDS = 55
"""The longest poll there is: nobody comes back to park again within a measurement."""

OTHER_TRAFFIC = {"mode": "lifecycle", "c": 8, "batch": 1}
QUEUE = "parked"


class Parked:
    """``RECEIVERS`` connections, each waiting in a long poll of one empty queue."""

    def __init__(self, server: Server) -> None:
        self._control = Wire(server.port, server.key)
        self._control.call("POST", "/queues", json.dumps({"name": QUEUE}).encode(), expect=201)
        self._wires = [Wire(server.port, server.key) for _ in range(RECEIVERS)]
        for wire in self._wires:
            wire.send("GET", f"/queues/{QUEUE}/messages?limit=1")
        time.sleep(SETTLE_SECONDS)
        self.check_all_wait()

    def check_all_wait(self) -> None:
        """Nobody was turned away or came back early: the server holds every one of them."""
        if answered := len(self._readable(0)):
            raise RuntimeError(f"{answered} of {RECEIVERS} receivers did not stay parked")

    def _readable(self, seconds: float) -> list[Any]:
        with selectors.DefaultSelector() as selector:
            for wire in self._wires:
                selector.register(wire.socket, selectors.EVENT_READ)
            return selector.select(seconds)

    def serve_each_one(self) -> float:
        """Publish as many messages as there are receivers: every one must get exactly one. Seconds until
        the last has it."""
        began = time.perf_counter()
        for start in range(0, RECEIVERS, 100):
            items = [{"id": f"m{start + i}", "body": "x" * generator.BODY_BYTES} for i in range(100)]
            self._control.call("POST", f"/queues/{QUEUE}/messages", json.dumps(items).encode(), expect=204)
        ids: list[str] = []
        for wire in self._wires:
            answer = wire.receive()
            assert answer.status == 200, answer
            ids += [message["id"] for message in json.loads(answer.body)]
        seconds = time.perf_counter() - began
        if len(ids) != RECEIVERS or len(set(ids)) != RECEIVERS:
            raise RuntimeError(f"{RECEIVERS} parked receivers got {len(set(ids))} of {RECEIVERS} messages")
        return seconds

    def leave(self, *, parked: bool) -> None:
        """Everybody goes home: receivers that wait are answered 404 when their queue is deleted."""
        self._control.call("DELETE", f"/queues/{QUEUE}", expect=204)
        for wire in self._wires:
            if parked:
                assert wire.receive().status == 404
            wire.close()
        self._control.close()
        time.sleep(SETTLE_SECONDS / 2)


def parked(site: Site, database: str, effort: Effort) -> Iterator[Figure]:
    rss = Figure("parked", f"{RECEIVERS} parked receivers, resident memory (RSS, whole tree)", "MB", database)
    pss = Figure(
        "parked", f"{RECEIVERS} parked receivers, memory (PSS, whole tree)", "MB", database,
        target=Target(at_most=60),
    )  # fmt: skip
    woken = Figure("parked", f"{RECEIVERS} parked receivers, until each has got a message", "ms", database)
    ratio = Figure(
        "parked", f"other traffic's rate with {RECEIVERS} parked, against none", "x", database,
        target=Target(at_least=0.8),
    )  # fmt: skip
    with site.server(database, OKMQ_POLL_SECONDS=str(POLL_SECONDS)) as server:
        _traffic(server, effort)
        _weigh(server, rss, pss, woken)
        for _ in range(effort.repetitions):
            ratio.values.append(_ratio(server, effort))
    yield from (pss, rss, woken, ratio)


def _weigh(server: Server, rss: Figure, pss: Figure, woken: Figure) -> None:
    """Memory is weighed once: threads that were started are kept, so a second time costs nothing."""
    time.sleep(SETTLE_SECONDS)
    before, threads = processes.memory(server.pid), processes.threads(server.pid)
    waiting = Parked(server)
    after, more = processes.memory(server.pid), processes.threads(server.pid) - threads
    if more < RECEIVERS * 0.8:
        raise RuntimeError(f"only {more} threads were started for {RECEIVERS} parked receivers")
    rss.values.append(after.rss - before.rss)
    pss.values.append(after.pss - before.pss)
    woken.values.append(waiting.serve_each_one() * 1000)
    waiting.leave(parked=False)


def _ratio(server: Server, effort: Effort) -> float:
    """With, between two times without: a machine that slows down slows both."""
    first = _traffic(server, effort)
    waiting = Parked(server)
    during = _traffic(server, effort)
    waiting.check_all_wait()
    waiting.leave(parked=True)
    return during / ((first + _traffic(server, effort)) / 2)


def _traffic(server: Server, effort: Effort) -> float:
    run = generator.run(server.url, server.key, server.pids, n=effort.count(1_500), **OTHER_TRAFFIC)
    rate: float = run["msgs_per_s"]
    return rate
