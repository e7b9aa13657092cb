"""E. Waiting for messages. The server under test waits for a few seconds only, not for the default twenty."""

import time

import pytest

from .client import Client, Pending, Queue, counts, first_answered, ids_of
from .clock import from_now
from .conftest import NewQueue

PROMPT = 2.0  # seconds; far below the time a poll waits for nothing


def ids_in(poll: Pending, within: float = PROMPT) -> list[str]:
    return ids_of(poll.answer(within).expect(200).json())


@pytest.mark.contract("E79")
def test_a_poll_waits_for_a_message(q: Queue) -> None:
    """E 79: poll an empty queue: still open after 1.2 s; enqueue → answer < 2 s."""
    poll = q.poll()
    assert not poll.is_answered(within=1.2)
    q.enqueue("m")
    assert ids_in(poll) == ["m"]


@pytest.mark.contract("E80")
def test_a_poll_wakes_when_a_message_is_due(q: Queue) -> None:
    """E 80: poll with m due in 1.2 s → answered then."""
    start = time.monotonic()
    q.enqueue({"id": "m", "body": "b", "delivery_time": from_now(1.2)})
    poll = q.poll()
    assert ids_in(poll, within=3) == ["m"]
    assert 1.1 < time.monotonic() - start < 1.2 + PROMPT


@pytest.mark.contract("E80")
def test_a_poll_learns_of_an_earlier_due_time(q: Queue) -> None:
    """E 80: a message due sooner than the one the poll waits for ends it in time."""
    q.enqueue({"id": "tomorrow", "body": "b", "delivery_time": from_now(86400)})
    poll = q.poll()
    assert not poll.is_answered(within=0.2)
    q.enqueue({"id": "soon", "body": "b", "delivery_time": from_now(0.5)})
    assert ids_in(poll, within=0.5 + PROMPT) == ["soon"]


@pytest.mark.contract("E81")
def test_a_poll_is_not_ended_by_another_tag(q: Queue) -> None:
    """E 81: poll with tag a is not ended by tag b."""
    poll = q.poll(tag="a")
    q.enqueue({"id": "b", "body": "b", "tag": "b"}, "untagged")
    assert not poll.is_answered(within=0.7)
    assert q.stats() == counts(pending=2)
    q.enqueue({"id": "a", "body": "a", "tag": "a"})
    assert ids_in(poll) == ["a"]


@pytest.mark.contract("E82")
def test_a_poll_ends_on_a_publish(mq: Client, new_queue: NewQueue, topic: str) -> None:
    """E 82: poll ends on publish to a topic."""
    poll = new_queue(topics=[topic]).poll()
    assert not poll.is_answered(within=0.2)
    mq.post(f"/topics/{topic}/messages", [{"id": "m", "body": "b"}]).expect(204)
    assert ids_in(poll) == ["m"]


@pytest.mark.contract("E82")
def test_a_poll_ends_on_a_nack(new_queue: NewQueue) -> None:
    """E 82: poll ends on nack."""
    queue = new_queue(max_delivery_attempts=2, retry_strategy={"type": "none"})
    queue.enqueue("m")
    queue.receive()
    poll = queue.poll()
    assert not poll.is_answered(within=0.2)
    queue.nack("m")
    assert ids_in(poll) == ["m"]


@pytest.mark.contract("E82")
def test_a_poll_ends_on_a_reset(q: Queue) -> None:
    """E 82: poll ends on resetfailed."""
    q.enqueue("m")
    q.receive()
    q.nack("m")
    poll = q.poll()
    assert not poll.is_answered(within=0.2)
    q.call("POST", "/resetfailed").expect(204)
    assert ids_in(poll) == ["m"]


@pytest.mark.contract("E82")
def test_a_poll_ends_when_a_lock_runs_out(new_queue: NewQueue) -> None:
    """E 82: poll ends when a lock runs out with attempts left (§5.3)."""
    queue = new_queue(lock_duration=1, max_delivery_attempts=2)
    queue.enqueue("m")
    poll = queue.poll()
    assert ids_in(poll) == ["m"]
    again = queue.poll()
    assert ids_in(again, within=1 + PROMPT) == ["m"]


@pytest.mark.contract("E83")
def test_one_message_ends_one_poll(q: Queue) -> None:
    """E 83: two polls, one m → one answers; second m → the other."""
    polls = [q.poll(), q.poll()]
    assert first_answered(polls, within=0.3) == []
    q.enqueue("one")
    (served,) = first_answered(polls, within=PROMPT)
    assert ids_in(served) == ["one"]
    polls.remove(served)
    assert first_answered(polls, within=0.4) == []
    q.enqueue("two")
    assert ids_in(polls[0]) == ["two"]


@pytest.mark.contract("E84")
def test_idle_polls_do_not_hold_up_other_calls(mq: Client, q: Queue) -> None:
    """E 84: 16 idle polls: GET /queues + enqueue < 3 s; 16 messages reach 16 polls once each."""
    polls = [q.poll(limit=1) for _ in range(16)]
    assert first_answered(polls, within=0.3) == []
    start = time.monotonic()
    mq.get("/queues").expect(200)
    sent = [f"{number}" for number in range(16)]
    q.enqueue(*sent[:4])
    for id in sent[4:]:
        q.enqueue(id)
    assert time.monotonic() - start < 3
    assert sorted(id for poll in polls for id in ids_in(poll)) == sorted(sent)
    assert q.stats() == counts(processing=16)


@pytest.mark.slow
@pytest.mark.contract("E85")
def test_a_poll_ends_empty(q: Queue, new_queue: NewQueue) -> None:
    """E 85: empty queue, foreign tag, strange tag → 200 [] after 3 … 60 s."""
    full = new_queue()
    full.enqueue(
        {"id": "m", "body": "b", "tag": "t"}, {"id": "later", "body": "b", "delivery_time": from_now(3600)}
    )
    start = time.monotonic()
    polls = [q.poll(), full.poll(tag="foreign"), full.poll(tag="x" * 500), full.poll(tag="\x00")]
    first_answered(polls, within=60)
    assert time.monotonic() - start > 3
    assert [poll.answer(within=60).expect(200).json() for poll in polls] == [[], [], [], []]
    assert full.stats() == counts(pending=1, scheduled=1)
