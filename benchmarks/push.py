"""HTTP push: how many messages a second a worker sends, how soon, what a receiver that hangs costs others."""

from __future__ import annotations

import itertools
import json
import statistics
import time
from collections.abc import Iterator

import generator
from figures import Figure, Target
from receiver import Receiver
from scenarios import Effort
from server import EMAIL, Server, Site
from wire import Wire

BATCH = 100
PER_SECOND = 50
TURNS = 10
HANGING = 1_000
"""Messages that wait for the receiver that never answers."""

LONGEST_SECONDS = 120.0

MAKE = """
import django, sys
django.setup()
from accounts.models import Account
from queues.push import destinations
from queues.push.types import Kind
account = Account.objects.get(email=sys.argv[1])
destinations.create(account.pk, sys.argv[2], name="bench", kind=Kind.HTTP, config={"url": sys.argv[3]})
"""

_runs = itertools.count()


def push(site: Site, database: str, effort: Effort) -> Iterator[Figure]:
    """One server with the worker inside, default settings but for the permission to reach this machine."""
    rate = Figure("push", "deliveries of a backlog to one local receiver", "msg/s", database,
                  target=Target(at_least=500))  # fmt: skip
    middle = Figure("push", f"publish → receiver at {PER_SECOND} msg/s, p50", "ms", database,
                    target=Target(at_most=50))  # fmt: skip
    tail = Figure("push", f"publish → receiver at {PER_SECOND} msg/s, p99", "ms", database)
    beside = Figure(
        "push", f"the same beside {HANGING:,} messages for a receiver that hangs, p99", "ms", database
    )
    cost = Figure("push", "p99 beside a receiver that hangs, against alone", "x", database,
                  target=Target(at_most=1.1))  # fmt: skip
    settings = {"OKMQ_EGRESS_ALLOW": "127.0.0.0/8", "DJANGO_SETTINGS_MODULE": "okmq_site.settings"}
    with site.server(database, **settings) as quiet, site.server(database, **settings) as busy:
        for _ in range(effort.repetitions):
            rate.values.append(_backlog(quiet, effort.count(5_000)))
        for _ in range(effort.repetitions):
            alone, hung = _latencies(quiet, busy, effort.count(1_000))
            middle.values.append(statistics.median(alone))
            tail.values.append(_p99(alone))
            beside.values.append(_p99(hung))
            cost.values.append(_p99(hung) / _p99(alone))
    yield from (rate, middle, tail, beside, cost)


def _queue(server: Server, *receivers: Receiver) -> tuple[Wire, str]:
    """A new queue with these destinations."""
    wire, name = Wire(server.port, server.key), f"push{next(_runs)}"
    wire.call("POST", "/queues", json.dumps({"name": name}).encode(), expect=201)
    for receiver in receivers:
        server.run_python("-c", MAKE, EMAIL, name, receiver.url)
    return wire, name


def _backlog(server: Server, count: int) -> float:
    """Messages a second from the first request to the last."""
    receiver = Receiver()
    wire, name = _queue(server, receiver)
    for start in range(0, count, BATCH):
        _publish(wire, name, [f"m{start + at}" for at in range(BATCH)])
    receiver.wait(count, LONGEST_SECONDS)
    came = sorted(receiver.came.values())
    receiver.close()
    return (len(came) - 1) / (came[-1] - came[0])


def _latencies(quiet: Server, busy: Server, count: int) -> tuple[list[float], list[float]]:
    """Milliseconds from sending a publish to the request being there, of each server. They take turns: what
    else the machine does meets both. In a queue of the busy one another destination takes messages and never
    answers; some of its requests run out of time meanwhile."""
    silent = Receiver(hanging=True)
    wire, hanging = _queue(busy, silent)
    for start in range(0, HANGING, BATCH):
        _publish(wire, hanging, [f"m{start + at}" for at in range(BATCH)])
    silent.wait(1, LONGEST_SECONDS)
    streams = [_Stream(server) for server in (quiet, busy)]
    for _ in range(TURNS):
        for stream in streams:
            stream.send(count // TURNS)
    Wire(busy.port, busy.key).call("DELETE", f"/queues/{hanging}", expect=204)
    silent.close()
    alone, beside = [stream.close() for stream in streams]
    return alone, beside


class _Stream:
    """Messages at a steady rate to a destination that answers at once."""

    def __init__(self, server: Server) -> None:
        self._receiver = Receiver()
        self._wire, self._queue = _queue(server, self._receiver)
        self._sent: dict[str, float] = {}
        _publish(self._wire, self._queue, ["warm"])
        self._receiver.wait(1, LONGEST_SECONDS)

    def send(self, count: int) -> None:
        begin = time.perf_counter()
        for number in range(count):
            time.sleep(max(begin + number / PER_SECOND - time.perf_counter(), 0))
            message = f"m{len(self._sent)}"
            self._sent[_webhook_id(message)] = time.time()
            _publish(self._wire, self._queue, [message])
        self._receiver.wait(len(self._sent) + 1, LONGEST_SECONDS)

    def close(self) -> list[float]:
        self._receiver.close()
        return [(self._receiver.came[message] - at) * 1000 for message, at in self._sent.items()]


def _webhook_id(message_id: str) -> str:
    """As the server writes an id that is no UUID."""
    return f"qmsg_x{message_id.encode().hex()}"


def _publish(wire: Wire, queue: str, ids: list[str]) -> None:
    items = [{"id": message_id, "body": "x" * generator.BODY_BYTES} for message_id in ids]
    wire.call("POST", f"/queues/{queue}/messages", json.dumps(items).encode(), expect=204)


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[98]
