"""Q. What was accepted survives the server."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPException

import pytest

from tests.server import Server, ServerFactory

from .client import Client, Queue, counts, ids_of
from .states import STATES, STAYING, fill

PUBLISHERS = 4
PUBLISHES = 500  # of each publisher: 2,000 in all
KILLED_AFTER = 700


@pytest.fixture
def own_server(make_server: ServerFactory) -> Server:
    return make_server()


@pytest.fixture
def own(own_server: Server) -> Iterator[Client]:
    with closing(Client(own_server.url, own_server.create_key()[1])) as client:
        yield client


@pytest.mark.contract("Q169")
def test_every_state_survives_a_restart(own_server: Server, own: Client, topic: str) -> None:
    """Q 169: messages in all five states and a lock: after a restart stats, order and lock are the same."""
    queue = Queue(own, "survivor").create(**STAYING, topics=[topic])
    fill(queue, tag="t")
    queue.enqueue("younger")
    before = queue.settings(), queue.stats(), queue.peek(), [queue.get(id) for id in STATES]
    own_server.restart()
    assert (queue.settings(), queue.stats(), queue.peek(), [queue.get(id) for id in STATES]) == before
    assert ids_of(queue.receive()) == ["pending", "younger"]
    queue.ack("processing")
    queue.enqueue("pending", "youngest")
    assert queue.stats() == counts(failed=1, acked=2, processing=2, scheduled=1, pending=1)
    assert queue.ids() == [*STATES, "younger", "youngest"]
    own.post(f"/topics/{topic}/messages", [{"id": "published", "body": "b"}]).expect(204)
    assert queue.ids(type="pending") == ["youngest", "published"]


class Publishers:
    """Threads that publish single messages and remember which of them were answered 204."""

    def __init__(self, queue: Queue) -> None:
        self.accepted: list[str] = []
        self.enough = threading.Event()
        self._queue = queue
        self._pool = ThreadPoolExecutor(PUBLISHERS)
        self._running = [self._pool.submit(self._publish, number) for number in range(PUBLISHERS)]

    def _publish(self, number: int) -> None:
        for turn in range(PUBLISHES):
            id = f"{number}-{turn}"
            try:
                self._queue.enqueue(id)
            except (HTTPException, OSError):
                return  # The server is gone; whether this one was stored nobody was told.
            self.accepted.append(id)
            if len(self.accepted) >= KILLED_AFTER:
                self.enough.set()

    def finish(self) -> list[str]:
        for done in self._running:
            done.result(60)
        self._pool.shutdown()
        return self.accepted


@pytest.mark.contract("Q169")
def test_a_killed_server_loses_nothing_it_accepted(own_server: Server, own: Client) -> None:
    """Q 169: kill -9 in the middle of 2,000 publishes loses none that was answered 2xx, and doubles none."""
    queue = Queue(own, "survivor").create(auto_ack=True)
    publishers = Publishers(queue)
    assert publishers.enough.wait(60)
    own_server.kill9()
    accepted = publishers.finish()
    assert KILLED_AFTER <= len(accepted) < PUBLISHERS * PUBLISHES, "the kill came too late to mean anything"
    own_server.start()
    stored = _all_stored(queue)
    assert set(accepted) <= set(stored)
    assert len(stored) == len(set(stored)) == queue.stats()["total"]
    assert len(stored) <= len(accepted) + PUBLISHERS
    _assert_each_publishers_order(stored)
    assert _all_received(queue, len(stored)) == stored
    assert queue.stats() == counts(acked=len(stored))


def _all_stored(queue: Queue) -> list[str]:
    stored: list[str] = []
    while page := queue.ids(offset=len(stored)):
        stored += page
    return stored


def _all_received(queue: Queue, number: int) -> list[str]:
    received: list[str] = []
    while len(received) < number:
        received += ids_of(queue.receive(limit=100))
    return received


def _assert_each_publishers_order(stored: list[str]) -> None:
    for number in range(PUBLISHERS):
        turns = [int(id.split("-")[1]) for id in stored if id.startswith(f"{number}-")]
        assert turns == list(range(len(turns)))
