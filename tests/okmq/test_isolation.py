"""N. Two accounts on one server."""

from json import dumps

import pytest

from . import routes
from .client import MISSING, Client, Queue, counts
from .conftest import NewQueue

PATCHED = {"lock_duration": 99}


@pytest.mark.contract("N160")
def test_a_stranger_finds_nothing(mq: Client, stranger: Client, new_queue: NewQueue, topic: str) -> None:
    """N 160: a second key's calls on the first's objects → 404; ack → 204, stats → zeros; no effect."""
    queue = new_queue(topics=[topic])
    queue.enqueue("m", "n", "o")
    queue.receive(limit=1)
    queue.nack("m")
    queue.receive(limit=1)
    before = queue.settings(), [queue.get(id) for id in "mno"]
    for operation in (*routes.ON_A_QUEUE, routes.PUBLISH):
        path = operation.at(queue.name, "n", topic)
        expected = operation.success if operation in (routes.ACK, routes.STATS) else 404
        stranger.request(operation.method, path, json=operation.json).expect(expected)
    foreign = Queue(stranger, queue.name)
    foreign.call("GET", "/messages", query={"peek": "true"}).expect(404)
    foreign.call("DELETE", "/messages", json={"ids": ["m", "n"]}).expect(404)
    foreign.call("POST", "/resetfailed", json={"ids": ["m"]}).expect(404)
    foreign.settle({"id": "n", "ack": True, "delete": True}, {"id": "o", "ack": True})
    assert foreign.stats() == counts()
    assert (queue.settings(), [queue.get(id) for id in "mno"]) == before


@pytest.mark.contract("N160")
def test_lists_do_not_leak(mq: Client, stranger: Client, q: Queue, name: str) -> None:
    """N 160: each list shows its own account's queues only."""
    Queue(stranger, name).create()
    assert [found["name"] for found in mq.get("/queues").json()] == [q.name]
    assert [found["name"] for found in stranger.get("/queues").json()] == [name]
    assert q.name not in dumps(stranger.get("/queues").json())


@pytest.mark.contract("N161")
def test_equal_names_stay_apart(mq: Client, stranger: Client, name: str, topic: str) -> None:
    """N 161: same names in both accounts stay apart: messages, topics, acks, settings, deletes."""
    mine, theirs = Queue(mq, name), Queue(stranger, name)
    mine.create(topics=[topic], lock_duration=60)
    theirs.create(topics=[topic])
    mine.enqueue({"id": "m", "body": "mine"})
    theirs.enqueue({"id": "m", "body": "theirs"})
    mq.post(f"/topics/{topic}/messages", [{"id": "published", "body": "mine"}]).expect(204)
    assert (mine.stats(), theirs.stats()) == (counts(pending=2), counts(pending=1))
    assert [found["body"] for found in mine.receive()] == ["mine", "mine"]
    mine.ack("m", delete=True)
    assert theirs.stats() == counts(pending=1)
    theirs.patch(**PATCHED)
    assert (mine.settings()["lock_duration"], theirs.settings()["lock_duration"]) == (60, 99)
    assert [found["body"] for found in theirs.receive()] == ["theirs"]
    theirs.nack("m")
    mine.call("POST", "/resetfailed", json=MISSING).expect(204)
    assert theirs.stats() == counts(failed=1)
    mine.call("DELETE", "/messages").expect(204)
    mine.delete()
    assert theirs.get("m")["body"] == "theirs"
    mq.post(f"/topics/{topic}/messages", []).expect(404)
    stranger.post(f"/topics/{topic}/messages", []).expect(204)


@pytest.mark.contract("N161")
def test_a_poll_is_not_ended_by_a_stranger(mq: Client, stranger: Client, name: str) -> None:
    """N 161: a message in the other account's queue of the same name wakes nobody here."""
    mine, theirs = Queue(mq, name).create(), Queue(stranger, name).create()
    poll = mine.poll()
    theirs.enqueue("m")
    assert not poll.is_answered(within=0.5)
    mine.enqueue("n")
    assert [found["id"] for found in poll.answer(within=2).expect(200).json()] == ["n"]
