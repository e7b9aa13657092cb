"""Pushing by real worker processes beside a real server."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests.server import Server, ServerFactory
from tests.workers import PATIENCE, Workers

from .receiver import Receiver, Request


class Site:
    """A server without a worker, and the workers a test starts beside it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.account, self.key = server.create_key()
        self.workers = Workers(server)

    def queue(self, receiver: Receiver, **config: Any) -> str:
        """A new queue with that destination."""
        name = f"q-{uuid4().hex}"
        self.call("POST", "/queues", {"name": name, "ttl": 3600})
        self.run("destination", self.account.email, name, receiver.url, json.dumps(config))
        return name

    def publish(self, queue: str, *ids: str) -> None:
        self.call("POST", f"/queues/{queue}/messages", [{"id": i, "body": "b"} for i in ids])

    def call(self, method: str, path: str, body: Any) -> None:
        request = urllib.request.Request(
            f"{self.server.url}{path}",
            json.dumps(body).encode(),
            {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            assert answer.status < 300

    def run(self, *command: str) -> str:
        process = self.server.run_python("-m", "tests.push.in_server", *command)
        printed, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0
        return printed


@pytest.fixture(scope="module")
def server(server_factory: ServerFactory) -> Server:
    return server_factory.start(
        arguments=("--no-worker",), OKMQ_EGRESS_ALLOW="127.0.0.0/8", OKMQ_STOP_SECONDS="5"
    )


@pytest.fixture
def site(server: Server) -> Iterator[Site]:
    made = Site(server)
    yield made
    made.workers.end()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


class Gate:
    """Holds all requests until it is opened."""

    def __init__(self) -> None:
        self._open = threading.Event()

    def __call__(self, request: Request) -> int:
        return 200 if self._open.wait(PATIENCE) else 500

    def open(self) -> None:
        self._open.set()


def test_a_killed_worker_loses_nothing_and_repeats_carry_the_same_id(site: Site, receiver: Receiver) -> None:
    gate = Gate()
    receiver.answering = gate
    queue = site.queue(receiver, concurrency=3)
    ids = [f"m{n}" for n in range(20)]
    worker = site.workers.start()
    site.publish(queue, *ids)
    receiver.wait_until(lambda: receiver.in_flight == 3)
    in_flight = set(receiver.ids)
    worker.kill()
    worker.wait(PATIENCE)
    gate.open()
    site.run("expire-leases")
    site.workers.start()
    receiver.wait_until(lambda: len(receiver.ids) >= len(ids) + len(in_flight))
    receiver.wait_until(lambda: site.run("waiting").strip() == "0")
    assert sorted(set(receiver.ids)) == sorted(ids)
    repeated = {message_id for message_id in ids if receiver.ids.count(message_id) > 1}
    assert repeated == in_flight


def test_two_workers_share_the_load_and_send_nothing_twice(site: Site, receiver: Receiver) -> None:
    gate = Gate()
    receiver.answering = gate
    queue = site.queue(receiver, concurrency=2)
    site.workers.start()
    site.workers.start()
    ids = [f"m{n}" for n in range(30)]
    site.publish(queue, *ids)
    # Twice what one of them may send at once.
    receiver.wait_until(lambda: receiver.in_flight == 4)
    gate.open()
    receiver.wait(len(ids))
    receiver.wait_until(lambda: site.run("waiting").strip() == "0")
    assert sorted(receiver.ids) == sorted(ids)
