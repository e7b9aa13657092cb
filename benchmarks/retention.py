"""What acknowledged messages that are still kept cost: nothing while they lie there, and little while
housekeeping removes them.

Two servers take turns, one of them with a million acked messages whose time is over already, and without the
worker that would remove them. Then it starts again with its worker, has the same load while that removes
them, and once more without.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from figures import Figure, Target
from fill import KEPT_SECONDS
from growth import LOADS, QUEUE, TURNS, lives
from scenarios import Effort
from server import Server, Site

KEPT = 1_000_000
SETTINGS = {"lock_duration": 3600, "max_delivery_attempts": 5, "auto_delete": False}
REMOVING_SECONDS = 60
"""How long it is looked on. To remove them all takes minutes, on purpose."""

COUNT = "from queues.models import Message; print(Message.objects.filter(queue__name='kept').count())"


def retention(site: Site, database: str, effort: Effort) -> Iterator[Figure]:
    kept = max(int(KEPT * min(effort.scale, 1)), 1_000)
    with site.server(database, "--no-worker") as clean, site.server(database, "--no-worker") as keeping:
        for server in (clean, keeping):
            server.make_queue(QUEUE, **SETTINGS)
            server.make_queue("kept", **SETTINGS)
        keeping.fill("kept", kept, "acked")
        filled = time.monotonic()
        for load in LOADS:
            name = f"lives beside {kept:,} acked messages, against none, {load}"
            yield _beside(clean, keeping, load, effort, _ratio(name, database))
        clean.stop()
        time.sleep(max(filled + KEPT_SECONDS - time.monotonic(), 0))
        yield from _while_removed(keeping, effort, database)


def _ratio(name: str, database: str) -> Figure:
    return Figure("retention", name, "x", database, target=Target(at_least=0.9))


def _beside(clean: Server, keeping: Server, load: str, effort: Effort, figure: Figure) -> Figure:
    for server in (clean, keeping):
        _rate(server, load, effort)
    for _ in range(effort.repetitions):
        seconds = {clean: 0.0, keeping: 0.0}
        for _ in range(TURNS):
            for server in seconds:
                seconds[server] += 1 / _rate(server, load, effort)
        figure.values.append(seconds[clean] / seconds[keeping])
    return figure


def _while_removed(server: Server, effort: Effort, database: str) -> Iterator[Figure]:
    """Against right before and right after."""
    figures = {
        load: _ratio(f"lives while acked messages are removed, against before and after, {load}", database)
        for load in LOADS
    }
    before = {load: _rate(server, load, effort) for load in LOADS}
    server.restart()
    left, began = _left(server), time.monotonic()
    during: dict[str, list[float]] = {load: [] for load in LOADS}
    while time.monotonic() < began + REMOVING_SECONDS * effort.scale:
        for load, rates in during.items():
            rates.append(_rate(server, load, effort))
    seconds, now_left = time.monotonic() - began, _left(server)
    server.restart("--no-worker")
    for load, figure in figures.items():
        usual = (before[load] + _rate(server, load, effort)) / 2
        figure.values += [rate / usual for rate in during[load]]
        yield figure
    removed = [(left - now_left) / seconds]
    yield Figure("retention", "acked messages removed meanwhile", "msg/s", database, removed)


def _left(server: Server) -> int:
    return int(server.run_python("manage.py", "shell", "-v", "0", "-c", COUNT))


def _rate(server: Server, load: str, effort: Effort) -> float:
    flags, usual = LOADS[load]
    rate: float = lives(server, effort.count(usual), flags)["msgs_per_s"]
    return rate
