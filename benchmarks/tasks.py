"""Tasks: how soon a worker starts one, and how many that do nothing it gets through."""

from __future__ import annotations

import itertools
import json
import statistics
import time
from collections.abc import Iterator
from typing import Any

from figures import Figure, Target
from scenarios import Effort
from server import EMAIL, SQLITE, Server, Site
from wire import Wire

PER_SECOND = 20
LONGEST_SECONDS = 120.0

FILL = """
import django, sys
django.setup()
from concurrent.futures import ThreadPoolExecutor
from accounts.models import Account
from queues import broker
from queues.tasks import tasks
from queues.tasks.create import QUEUE_SETTINGS
from queues.tasks.types import NewTask
account, name = Account.objects.get(email=sys.argv[1]).pk, sys.argv[2]
broker.ensure_queues(account, {name: QUEUE_SETTINGS})
broker.pause_queue(account, name)
new = NewTask(type="bench:no-op", payload="{}", queue=name)
with ThreadPoolExecutor(32) as pool:
    list(pool.map(lambda _: tasks.create(account, new), range(int(sys.argv[3]))))
"""
"""A backlog that nobody touches yet."""

_runs = itertools.count()


def tasks(site: Site, database: str, effort: Effort) -> Iterator[Figure]:
    """One server with the worker inside, default settings."""
    rate = Figure("tasks", "no-op tasks of a backlog through one worker", "tasks/s", database,
                  target=Target(at_least=300 if database == SQLITE else 500))  # fmt: skip
    middle = Figure("tasks", f"create → handler starts at {PER_SECOND} tasks/s, p50", "ms", database,
                    target=Target(at_most=50))  # fmt: skip
    tail = Figure("tasks", f"create → handler starts at {PER_SECOND} tasks/s, p99", "ms", database)
    settings = {"OKMQ_APPS": "benchmarks.task_app", "DJANGO_SETTINGS_MODULE": "okmq_site.settings"}
    with site.server(database, **settings) as server:
        for _ in range(effort.repetitions):
            latencies = _latencies(server, effort.count(200))
            middle.values.append(statistics.median(latencies))
            tail.values.append(statistics.quantiles(latencies, n=100)[98])
        for _ in range(effort.repetitions):
            rate.values.append(_backlog(server, effort.count(3_000)))
    yield from (middle, tail, rate)


def _latencies(server: Server, count: int) -> list[float]:
    """Milliseconds from sending the create to the first line of the handler."""
    wire = Wire(server.port, server.key)
    _create(wire)  # the queue is there, and the worker's thread
    time.sleep(1)
    sent: dict[str, float] = {}
    begin = time.perf_counter()
    for number in range(count):
        time.sleep(max(begin + number / PER_SECOND - time.perf_counter(), 0))
        at = time.time()
        sent[_create(wire)] = at
    return [(_result(wire, task_id) - at) * 1000 for task_id, at in sent.items()]


def _create(wire: Wire) -> str:
    body = json.dumps({"type": "bench:start", "payload": {}}).encode()
    return str(json.loads(wire.call("POST", "/api/v1/tasks", body, expect=201))["task_id"])


def _result(wire: Wire, task_id: str) -> float:
    deadline = time.monotonic() + LONGEST_SECONDS
    while time.monotonic() < deadline:
        task = json.loads(wire.call("GET", f"/api/v1/tasks/{task_id}", expect=200))
        if task["state"] == "completed":
            return float(task["result"])
        time.sleep(0.05)
    raise TimeoutError(f"task {task_id} is {task['state']}")


def _backlog(server: Server, count: int) -> float:
    """Tasks a second from the moment the worker may, to the last one's end."""
    name = f"tasks{next(_runs)}"
    server.run_python("-c", FILL, EMAIL, name, str(count))
    wire = Wire(server.port, server.key)
    wire.call("POST", f"/queue/resume/{name}", expect=200)
    began = time.monotonic()
    while _figures(wire, name)["completed"] < count:
        if time.monotonic() - began > LONGEST_SECONDS:
            raise TimeoutError(f"{_figures(wire, name)} of {count} tasks")
        time.sleep(0.05)
    return count / (time.monotonic() - began)


def _figures(wire: Wire, queue: str) -> dict[str, Any]:
    (row,) = json.loads(wire.call("GET", f"/api/v1/queues/stats?queue={queue}", expect=200))
    return dict(row)
