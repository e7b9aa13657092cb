"""This server under gunicorn, as it is served, beside itself under granian."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import generator
from figures import Figure
from growth import TURNS
from scenarios import Effort
from server import Server, Site

SERVERS = ("gunicorn", "granian")


def servers(site: Site, database: str, effort: Effort) -> Iterator[Figure]:
    """Lives of single messages at 1, 8 and 32 connections, in turn."""
    with contextlib.ExitStack() as stack:
        up = {name: stack.enter_context(site.server(database, "--server", name)) for name in SERVERS}
        for connections in (1, 8, 32):
            yield from _compare(up, database, effort, connections)


def _compare(up: dict[str, Server], database: str, effort: Effort, connections: int) -> Iterator[Figure]:
    title = f"single messages, full life, c={connections}"
    figures = {name: Figure("servers", f"{title}, {name}", "lives/s", database) for name in up}
    ratio = Figure("servers", f"{title}, granian against gunicorn", "x", database)
    count = effort.count(300 if connections == 1 else 800)
    for _ in range(effort.repetitions):
        seconds = dict.fromkeys(up, 0.0)
        for _ in range(TURNS):
            for name, server in up.items():
                run = generator.run(
                    server.url, server.key, [], mode="lifecycle", c=connections, n=count, batch=1
                )
                seconds[name] += run["seconds"]
        for name, figure in figures.items():
            figure.values.append(TURNS * count / seconds[name])
        ratio.values.append(figures["granian"].values[-1] / figures["gunicorn"].values[-1])
    yield from (*figures.values(), ratio)
