"""How ordinary clients fare beside a crowd of slow and idle ones: ``make faults ARGS="-k crowds -s"`` shows
the figures."""

from __future__ import annotations

import json
import time
from contextlib import AbstractContextManager
from http.client import HTTPConnection
from pathlib import Path
from statistics import quantiles
from urllib.parse import urlsplit

import pytest

from tests.abuse import slow
from tests.abuse.slow import slow_clients
from tests.server import Server, ServerFactory

pytestmark = [pytest.mark.faults, pytest.mark.slow]

CALLS = 1_000
SLOW = 200
IDLE = 5_000
TOLERATED = 4.0
"""How many times as long a call may take: a crowd that sends a thousand bytes a second is work, too."""
NOISE_SECONDS = 0.03


def test_ordinary_calls_take_as_long_beside_slow_clients(make_server: ServerFactory) -> None:
    """Two hundred that send a byte a second, two hundred that send nothing, and so on for each kind."""
    server = make_server()
    _compare(
        server,
        slow_clients(server, SLOW, every=1.0),
        f"{SLOW} slow clients of each of {len(slow.KINDS)} kinds",
    )


def test_ordinary_calls_take_as_long_beside_idle_connections(make_server: ServerFactory) -> None:
    """Half of them never sent anything, the other half is kept alive after a request."""
    server = make_server()
    kinds = [slow.NOTHING, slow.KEPT]
    _compare(server, slow_clients(server, IDLE // 2, kinds), f"{IDLE} idle connections")


def _compare(server: Server, crowd: AbstractContextManager[slow.Slow], what: str) -> None:
    key = server.create_key()[1]
    _calls(server, key, 100)  # warm
    alone, before = _calls(server, key, CALLS), _resident(server)
    with crowd as clients:
        during, most = _calls(server, key, CALLS), _resident(server)
        assert clients.ended() == 0
    after = _calls(server, key, CALLS)
    for name, seconds in (("alone", alone), ("beside", during), ("afterwards", after)):
        print(f"{what}, {name}: p50 {_percentile(seconds, 50):.2f} ms, p99 {_percentile(seconds, 99):.2f} ms")
    print(f"{what}: memory {before} to {most} MiB")
    for percent in (50, 99):
        allowed = TOLERATED * _percentile(alone, percent) + 1000 * NOISE_SECONDS
        assert _percentile(during, percent) <= allowed


def _calls(server: Server, key: str, count: int) -> list[float]:
    """How long publishes on a connection of their own each took, in milliseconds."""
    host = urlsplit(server.url)
    taken = []
    for number in range(count):
        begin = time.perf_counter()
        connection = HTTPConnection(host.hostname or "", host.port, timeout=60)
        body = json.dumps({"content": f"message {number}"})
        connection.request("POST", "/api/v1/queues/crowd/messages", body, {"X-API-Key": key})
        assert connection.getresponse().status == 204
        connection.close()
        taken.append((time.perf_counter() - begin) * 1000)
    return taken


def _percentile(values: list[float], percent: int) -> float:
    return quantiles(values, n=100)[percent - 1]


def _resident(server: Server) -> int:
    """MiB of all processes of the server: what they share counts for each."""
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    total = 0
    for pid in (str(server.pid), *children):
        status = Path(f"/proc/{pid}/status").read_text()
        total += int(status.partition("VmRSS:")[2].split()[0])
    return total // 1024
