"""Metrics of a real server with several web processes (on SQLite one): they equal what was done to it."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import time
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests import database
from tests.server import Server, ServerFactory
from tests.site import wire

PROCESSES = 2 if database.POSTGRESQL else 1
SECRET = "0123456789abcdef0123456789abcdef"
Labels = dict[str, str]


class Observed:
    """The server, a key of an account of its own, and its metrics."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.account, self.key = server.create_key()

    def call(self, method: str, path: str, body: object = None) -> wire.Answer:
        """On a connection of its own, which any of the processes may take."""
        content = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {self.key}\r\n"
        return wire.exchange(self.server, f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)

    def metrics(self) -> dict[str, list[tuple[Labels, float]]]:
        answer = wire.get(self.server, "/metrics", "GET", f"X-API-Key: {SECRET}")
        assert answer.status == 200
        found: dict[str, list[tuple[Labels, float]]] = {}
        for family in text_string_to_metric_families(answer.body.decode()):
            for sample in family.samples:
                found.setdefault(sample.name, []).append((sample.labels, sample.value))
        return found

    def value(self, name: str, **labels: str) -> float:
        """The sum of the metric's series with these labels."""
        series = self.metrics().get(name, [])
        return sum(value for found, value in series if labels.items() <= found.items())

    def eventually(self, expected: float, name: str, **labels: str) -> None:
        """Levels are looked at once a second, and queues' figures used again for a moment."""
        deadline = time.monotonic() + 10
        while (found := self.value(name, **labels)) != expected:
            assert time.monotonic() < deadline, f"{name}{labels} is {found}, not {expected}"
            time.sleep(0.1)

    def pids(self) -> set[int]:
        """Web processes that answered a request."""
        return {int(pid) for pid in re.findall(r'"okmq.access".*?"pid":(\d+)', self.server.output())}


@pytest.fixture(scope="module")
def observed(server_factory: ServerFactory) -> Observed:
    server = server_factory.start(
        processes=PROCESSES, OKMQ_METRICS_ENABLED="true", OKMQ_METRICS_SECRET=SECRET, OKMQ_POLL_SECONDS="5"
    )
    return Observed(server)


def test_queues_are_told_as_they_are(observed: Observed) -> None:
    settings = {"name": "orders", "lock_duration": 300, "max_delivery_attempts": 1}
    assert observed.call("POST", "/queues", settings).status == 201
    messages: list[dict[str, Any]] = [{"id": str(number), "body": number} for number in range(6)]
    assert observed.call("POST", "/queues/orders/messages", messages).status == 204
    assert observed.call("POST", "/queues/orders/messages", messages[:2]).status == 204
    assert observed.call("POST", "/queues/orders/messages", [{"broken": 1}]).status == 400
    assert len(observed.call("GET", "/queues/orders/messages?limit=4").json()) == 4
    settled = [{"id": "0", "ack": True}, {"id": "1", "ack": True}, {"id": "2", "ack": False}]
    assert observed.call("POST", "/queues/orders/ack", settled).status == 204

    stats = observed.call("GET", "/queues/orders/stats").json()
    labels = {"account": str(observed.account.id), "queue": "orders"}
    for state in ("pending", "processing", "scheduled", "failed", "acked"):
        observed.eventually(stats[state], "okmq_queue_messages", state=state, **labels)
    totals = {"published": 6, "received": 4, "acked": 2, "nacked": 1, "dead": 1, "expired": 0}
    for name, count in totals.items():
        observed.eventually(count, f"okmq_messages_{name}_total", **labels)
    assert observed.value("okmq_queue_oldest_ready_seconds", **labels) < 60
    observed.eventually(4, "okmq_receive_latency_seconds_count")
    forq = {"queue_name": "orders", "queue_type": "regular"}
    observed.eventually(6, "forq_messages_produced_total", **forq)
    observed.eventually(1, "forq_messages_nacked_total", **forq)
    observed.eventually(4, "forq_queue_depth", **forq)

    assert observed.call("POST", "/queues/orders/resetfailed").status == 204
    observed.eventually(1, "okmq_messages_replayed_total", queue="orders")
    assert observed.call("DELETE", "/queues/orders").status == 204
    observed.eventually(0, "okmq_queues")


def test_requests_of_all_processes_add_up(observed: Observed) -> None:
    labels = {"method": "GET", "route": "/queues/{queue}", "status": "404"}
    sent = 0
    while sent < 20 or len(observed.pids()) < PROCESSES:
        assert sent < 2000, "one of the processes gets no request"
        assert observed.call("GET", "/queues/nowhere").status == 404
        sent += 1
    observed.eventually(sent, "okmq_request_duration_seconds_count", **labels)
    assert observed.value("okmq_request_duration_seconds_bucket", le="+Inf", **labels) == sent
    assert observed.value("okmq_web_processes") == PROCESSES
    assert observed.value("okmq_threads") == 640 * PROCESSES
    assert observed.value("okmq_lane_operations_count") > 0
    assert observed.value("okmq_lane_commit_seconds_sum") > 0


def test_waiting_receivers_are_told(observed: Observed) -> None:
    assert observed.call("POST", "/queues", {"name": "idle"}).status == 201
    pollers = [
        threading.Thread(target=observed.call, args=("GET", "/queues/idle/messages")) for _ in range(3)
    ]
    for poller in pollers:
        poller.start()
    observed.eventually(3, "okmq_receivers_parked")
    assert observed.value("okmq_requests_in_flight") >= 3
    assert observed.value("okmq_threads_busy") >= 3
    assert observed.call("POST", "/queues/idle/messages", [{"id": "1", "body": 1}]).status == 204
    assert observed.call("DELETE", "/queues/idle").status == 204  # sends the others home
    for poller in pollers:
        poller.join(wire.SECONDS)
    observed.eventually(0, "okmq_receivers_parked")


def test_a_key_of_the_api_does_not_open_them(observed: Observed) -> None:
    assert observed.call("GET", "/metrics").status == 401
    assert wire.get(observed.server, "/metrics").json()["error"]


def test_a_process_that_dies_takes_its_levels_along_but_not_its_counts(observed: Observed) -> None:
    labels = {"method": "GET", "route": "/queues/{queue}", "status": "404"}
    before = observed.value("okmq_request_duration_seconds_count", **labels)
    assert observed.call("GET", "/queues/nowhere").status == 404
    observed.eventually(before + 1, "okmq_request_duration_seconds_count", **labels)
    os.kill(max(observed.pids()), signal.SIGKILL)
    deadline = time.monotonic() + 20
    while observed.server.output().count('"process_start"') < PROCESSES + 1:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    observed.eventually(PROCESSES, "okmq_web_processes")
    assert observed.value("okmq_request_duration_seconds_count", **labels) == before + 1


def test_the_end_leaves_no_files(observed: Observed) -> None:
    folder = observed.server.folder / "data" / "metrics"
    assert len(list(folder.glob("server-*"))) == 1
    observed.server.kill9()
    observed.server.start()
    assert len(list(folder.glob("server-*"))) == 1, "that of the killed one is gone"
    observed.eventually(PROCESSES, "okmq_web_processes")
    assert observed.server.stop() == 0
    assert list(folder.glob("server-*")) == []
