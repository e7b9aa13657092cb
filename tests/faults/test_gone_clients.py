"""Clients that hang up while they wait, in the moment in which a message comes for them."""

from __future__ import annotations

import random
import re
import socket
import threading
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from tests.faults.checker import Rules, check
from tests.faults.history import Delivery, History
from tests.faults.load import LEASE, LIMIT, make_queue
from tests.faults.wires import Okmq, publication
from tests.server import Server, ServerFactory

POLLS = 5
"""Clients that wait at once, and messages that come for them."""
SECRET = "0123456789abcdef0123456789abcdef"
AROUND = 0.02
"""Seconds before and after the messages come in which they hang up."""


class Waiting:
    """A receive that will not be read: one who waits, until he hangs up."""

    def __init__(self, wire: Okmq) -> None:
        self._call = wire.history.call("gone", "receive")
        self._call.__enter__()
        self._socket = socket.create_connection((wire.host, wire.port))
        head = f"GET {wire.path}?limit=1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {wire.key}\r\n\r\n"
        self._socket.sendall(head.encode())

    def hang_up(self) -> None:
        error = ConnectionAbortedError("hung up")
        self._socket.close()
        self._call.__exit__(type(error), error, None)


class Queue:
    def __init__(self, server: Server) -> None:
        self.history = History()
        key, name = server.create_key()[1], f"q{uuid.uuid4().hex[:8]}"
        self.wire = Okmq(server.url, key, name, self.history, "consumer", lease=LEASE)
        self.producer = Okmq(server.url, key, name, self.history, "producer", lease=LEASE)
        make_queue(self.wire)

    def publish(self) -> None:
        self.producer.publish(*(publication() for _ in range(POLLS)))

    def consume(self, count: int) -> list[Delivery]:
        """That many messages, acknowledged."""
        taken: list[Delivery] = []
        while len(taken) < count:
            for delivery in self.wire.receive():
                self.wire.ack(delivery)
                taken.append(delivery)
        return taken

    def close(self) -> None:
        self.wire.close()
        self.producer.close()

    def assert_kept(self) -> None:
        found = check(self.history, self.wire.final(), Rules(LIMIT))
        assert not found, "\n".join(map(str, found))


@pytest.fixture
def queue(server: Server) -> Iterator[Queue]:
    with closing(Queue(server)) as made:
        yield made


@pytest.mark.faults
def test_who_hung_up_before_a_message_came_gets_none(make_server: ServerFactory) -> None:
    server = make_server(OKMQ_METRICS_ENABLED="true", OKMQ_METRICS_SECRET=SECRET)
    with closing(Queue(server)) as queue:
        waiting = [Waiting(queue.wire) for _ in range(POLLS)]
        while _parked(server) < POLLS:  # before, their first look may still be to come
            time.sleep(0.1)
        for one in waiting:
            one.hang_up()
        queue.publish()
        assert {one.attempt for one in queue.consume(POLLS)} == {1}
        queue.assert_kept()


def _parked(server: Server) -> int:
    request = urllib.request.Request(f"{server.url}/metrics", headers={"X-API-Key": SECRET})
    with urllib.request.urlopen(request) as answer:
        (found,) = re.findall(rb"^okmq_receivers_parked (\S+)", answer.read(), re.MULTILINE)
    return int(float(found))


def test_who_hangs_up_while_a_message_comes_loses_none(queue: Queue) -> None:
    _hang_up_around_publications(queue, rounds=2)


@pytest.mark.faults
def test_who_hangs_up_while_messages_come_loses_none(queue: Queue) -> None:
    attempts = _hang_up_around_publications(queue, rounds=60)
    print(f"{attempts.count(1)} messages given on at once, {len(attempts) - attempts.count(1)} after a lease")
    assert 0 < attempts.count(1) < len(attempts), "all of them hung up too early, or all too late"


def _hang_up_around_publications(queue: Queue, rounds: int) -> list[int | None]:
    """With which attempt each message came to somebody who stayed: with the first, if it had been given to
    nobody else."""
    chance = random.Random(1)
    attempts: list[int | None] = []
    for _ in range(rounds):
        waiting = [Waiting(queue.wire) for _ in range(POLLS)]
        with ExitStack() as leaving:
            for one in waiting:
                timer = threading.Timer(chance.random() * 2 * AROUND, one.hang_up)
                timer.start()
                leaving.callback(timer.join)
            time.sleep(AROUND)
            queue.publish()
        attempts += [one.attempt for one in queue.consume(POLLS)]
    queue.assert_kept()
    return attempts
