"""M. Many clients at once, each a thread with a connection of its own."""

import random
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from .client import MISSING, Answer, Client, Queue, counts, ids_of
from .clock import eventually
from .conftest import NewQueue


def at_once(calls: Iterable[Callable[[], Any]]) -> list[Any]:
    """Runs the calls in as many threads, released together, and returns their results in order."""
    listed = list(calls)
    together = threading.Barrier(len(listed))

    def run(call: Callable[[], Any]) -> Any:
        together.wait(30)
        return call()

    with ThreadPoolExecutor(len(listed)) as pool:
        return [done.result(120) for done in [pool.submit(run, call) for call in listed]]


class Consumers:
    """Threads that receive until their queue is deleted, which ends their last polls at once."""

    def __init__(self, queue: Queue, number: int, limit: int) -> None:
        self.queue, self.limit = queue, limit
        self.received: list[str] = []
        self._pool = ThreadPoolExecutor(number)
        self._running = [self._pool.submit(self._consume) for _ in range(number)]

    def _consume(self) -> None:
        while True:
            answer = self.queue.call("GET", "/messages", query={"limit": self.limit}).expect(200, 404)
            if answer.status == 404:
                return
            self.received.extend(ids_of(answer.json()))

    def stop_after(self, number: int) -> list[str]:
        """Waits for that many messages, deletes the queue, and returns all that was received."""
        try:
            eventually(lambda: len(self.received) >= number or any(done.done() for done in self._running), 60)
        finally:
            self.queue.delete()
        for done in self._running:
            done.result(30)
        self._pool.shutdown()
        return self.received


def batches(ids: list[str], size: int = 100) -> list[list[str]]:
    return [ids[start : start + size] for start in range(0, len(ids), size)]


@pytest.mark.contract("M153")
def test_eight_consumers_share_two_thousand_messages(new_queue: NewQueue) -> None:
    """M 153: 8 threads, 2,000 m, limit 10: each exactly once."""
    queue = new_queue(lock_duration=600)
    ids = [str(number) for number in range(2000)]
    for batch in batches(ids):
        queue.enqueue(*batch)
    consumers = Consumers(queue, 8, limit=10)
    eventually(lambda: queue.stats() == counts(processing=2000), within=60)
    assert sorted(consumers.stop_after(2000)) == sorted(ids)


@pytest.mark.contract("M154")
def test_producers_and_consumers_work_side_by_side(new_queue: NewQueue) -> None:
    """M 154: 4 producers, 8 auto_ack consumers: 400 m exactly once."""
    queue = new_queue(auto_ack=True)
    ids = [str(number) for number in range(400)]
    consumers = Consumers(queue, 8, limit=10)

    def produce(own: list[str]) -> None:
        for batch in batches(own, 5):
            queue.enqueue(*batch)

    at_once(lambda own=ids[start::4]: produce(own) for start in range(4))  # type: ignore[misc]
    eventually(lambda: queue.stats() == counts(acked=400), within=60)
    assert sorted(consumers.stop_after(400)) == sorted(ids)


@pytest.mark.contract("M155")
def test_equal_batches_in_opposite_order_are_stored_once(q: Queue) -> None:
    """M 155: 8 parallel batches of the same 40 ids, half reversed → all 204, each stored once."""
    ids = [str(number) for number in range(40)]
    orders = [ids, ids[::-1]] * 4
    answers: list[Answer] = at_once(lambda order=order: q.send(*order) for order in orders)  # type: ignore[misc]
    assert [answer.status for answer in answers] == [204] * 8
    assert q.stats() == counts(pending=40)
    assert q.ids() in (ids, ids[::-1])


@pytest.mark.contract("M155")
def test_equal_publishes_in_opposite_order_are_stored_once(
    mq: Client, new_queue: NewQueue, topic: str
) -> None:
    """M 155: the same over a topic of two queues, among enqueues to both: no deadlock, each stored once."""
    one, two = new_queue(topics=[topic]), new_queue(topics=[topic])
    ids = [str(number) for number in range(40)]
    items = [{"id": id, "body": "b"} for id in ids]
    paths = [f"/topics/{topic}", two.path, f"/topics/{topic}", one.path] * 2
    orders = [items, items[::-1]] * 4
    answers: list[Answer] = at_once(
        lambda path=path, order=order: mq.post(path + "/messages", order)  # type: ignore[misc]
        for path, order in zip(paths, orders, strict=True)
    )
    assert [answer.status for answer in answers] == [204] * 8
    assert (sorted(one.ids()), sorted(two.ids())) == (sorted(ids), sorted(ids))


@pytest.mark.contract("M156")
def test_one_of_eight_parallel_creates_wins(mq: Client, name: str) -> None:
    """M 156: 8 parallel creates → one 201, seven 409, and the queue is the winner's."""
    answers: list[Answer] = at_once(
        lambda lock=lock: mq.post("/queues", {"name": name, "lock_duration": lock})  # type: ignore[misc]
        for lock in range(1, 9)
    )
    assert sorted(answer.status for answer in answers) == [201] + [409] * 7
    winner = next(lock for lock, answer in enumerate(answers, start=1) if answer.status == 201)
    assert Queue(mq, name).settings()["lock_duration"] == winner


@pytest.mark.contract("M157")
def test_parallel_acks_of_the_same_messages_agree(new_queue: NewQueue) -> None:
    """M 157: 8 parallel mixed acks over 60 m → all 204, all acked."""
    queue = new_queue(lock_duration=600, max_delivery_attempts=100)
    ids = [str(number) for number in range(60)]
    queue.enqueue(*ids)
    assert len(queue.receive(limit=60)) == 60
    dice = random.Random(157)

    def settle(number: int) -> list[dict[str, Any]]:
        """Every message is acked in four of the eight calls and nacked in the others, in some order."""
        items = [{"id": id, "ack": (int(id) + number) % 2 == 0} for id in ids]
        dice.shuffle(items)
        return items

    calls = [settle(number) for number in range(8)]
    answers: list[Answer] = at_once(
        lambda items=items: queue.call("POST", "/ack", json=items)  # type: ignore[misc]
        for items in calls
    )
    assert [answer.status for answer in answers] == [204] * 8
    assert queue.stats() == counts(acked=60)


@pytest.mark.contract("M158")
def test_a_queue_can_be_deleted_under_load(new_queue: NewQueue) -> None:
    """M 158: DELETE q under load → only 200/204/404."""
    queue = new_queue(max_delivery_attempts=100, retry_strategy={"type": "none"})
    queue.enqueue(*(f"start-{number}" for number in range(100)))
    started: list[int] = []

    def work(number: int) -> set[int]:
        """Turns of calls until the queue is gone; all the statuses that were seen."""
        seen: set[int] = set()
        for turn in range(10_000):
            statuses = _one_turn(queue, f"{number}-{turn}")
            seen |= set(statuses)
            started.append(number)
            if statuses[:2] == [404, 404]:
                break
        return seen

    with ThreadPoolExecutor(6) as pool:
        running = [pool.submit(work, number) for number in range(6)]
        eventually(lambda: len(started) >= 60 or any(done.done() for done in running), within=60)
        queue.delete()
        assert [done.result(60) for done in running] == [{200, 204, 404}] * 6
    queue.call("GET").expect(404)
    assert queue.stats() == counts()


def _one_turn(queue: Queue, id: str) -> list[int]:
    """Enqueue, receive, settle, count, read one; the ack and the stats of a missing queue are no 404."""
    sent = queue.send(id)
    received = queue.call("GET", "/messages", query={"limit": 5})
    ids = ids_of(received.json()) if received.status == 200 else [id]
    items = [{"id": id, "ack": number % 2 == 0} for number, id in enumerate(ids)]
    others = [("POST", "/ack", items), ("GET", "/stats", MISSING), ("GET", f"/messages/{id}", MISSING)]
    answers = [queue.call(method, rest, json=json) for method, rest, json in others]
    return [answer.status for answer in (sent, received, *answers)]
