"""Receivers that take several tags, from several queues."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

import pytest

from queues.broker import clock
from queues.broker.errors import QueueNotFound
from queues.broker.lanes import LANES
from queues.broker.receive import Look, Receive, look_until

from .at_once import at_once, in_background, parked
from .conftest import NewQueue
from .handle import Handle

LONG = 20.0


def look(queues: Sequence[Handle], tags: Sequence[str], limit: int = 100) -> Look:
    names = tuple(queue.name for queue in queues)
    found: Look = LANES.of("receive").submit(Receive(queues[0].account_id, names, limit, tuple(tags)))
    return found


def take(queues: Sequence[Handle], *tags: str, limit: int = 100) -> list[str]:
    return [message.public_id for message in look(queues, tags, limit).messages]


def wait(queues: Sequence[Handle], *tags: str, limit: int = 1) -> list[str]:
    deadline = time.monotonic() + LONG
    found = look_until(deadline, partial(look, queues, tags, limit), limit, None)
    return [message.public_id for message in found]


def fill(queue: Handle) -> None:
    for number, tag in enumerate(["a", "b", "", "a", "c", "b"]):
        queue.publish(f"{number}{tag}", tag=tag)


def test_several_tags_come_in_the_order_of_publication(q: Handle) -> None:
    fill(q)
    assert take([q], "b", "a", "none", limit=3) == ["0a", "1b", "3a"]
    assert take([q], "a", "b") == ["5b"]
    assert take([q]) == ["2", "4c"]


def test_priority_goes_first_over_all_tags(q: Handle) -> None:
    q.publish("low", tag="a")
    q.publish("high", tag="b", priority=5)
    assert take([q], "a", "b") == ["high", "low"]


def test_queues_are_emptied_in_the_order_given(new_queue: NewQueue) -> None:
    one, two = new_queue(), new_queue()
    one.publish("1", "2", tag="a")
    two.publish("3", "4", tag="b")
    assert take([two, one], "a", "b", limit=3) == ["3", "4", "1"]
    assert take([two, one], "a", "b", limit=3) == ["2"]


def test_a_queue_that_does_not_exist_is_passed_over(q: Handle) -> None:
    gone = Handle(q.account_id, "no such queue", 0)
    q.publish("m")
    assert take([gone, q]) == ["m"]
    with pytest.raises(QueueNotFound):
        take([gone])


def test_a_queue_named_twice_is_one(q: Handle) -> None:
    q.publish("m", "n")
    assert take([q, q], limit=1) == ["m"]


def test_what_falls_due_in_any_of_them_is_promoted(new_queue: NewQueue) -> None:
    one, two = new_queue(), new_queue()
    two.publish("m", deliver_at=clock.now() - 1)
    one.publish("later", deliver_at=clock.now() + clock.micros(600))
    found = look([one, two], ())
    assert [message.public_id for message in found.messages] == ["m"]
    assert set(found.next_due) == {one.id}


@pytest.mark.parametrize("nth", [0, 1])
def test_a_parked_receiver_wakes_for_each_of_its_queues_and_tags(new_queue: NewQueue, nth: int) -> None:
    queues = [new_queue(), new_queue()]
    waiting = in_background(wait, queues, "a", "b")
    parked(queues[nth].id, 1)
    queues[nth].publish("other", tag="c")
    assert not waiting.done()
    queues[nth].publish("m", tag="ab"[nth])
    assert waiting.result(LONG) == ["m"]


def test_a_parked_receiver_wakes_when_something_falls_due_in_its_second_queue(new_queue: NewQueue) -> None:
    queues = [new_queue(), new_queue()]
    waiting = in_background(wait, queues, "a", "b")
    parked(queues[1].id, 1)
    queues[1].publish("m", tag="b", deliver_at=clock.now() + clock.micros(0.2))
    assert waiting.result(LONG) == ["m"]


def test_one_message_ends_one_wait_and_several_end_as_many(new_queue: NewQueue) -> None:
    queues = [new_queue(), new_queue()]
    waiting = [in_background(wait, queues, "a") for _ in range(3)]
    parked(queues[0].id, 3)
    queues[0].publish("1", tag="a")
    queues[1].publish("2", "3", tag="a")
    assert sorted(message for done in waiting for message in done.result(LONG)) == ["1", "2", "3"]


def test_a_message_goes_to_one_of_many_that_take_it_by_different_tags(q: Handle) -> None:
    q.publish(*(f"{n}" for n in range(40)), tag="a")
    takers = [partial(take, [q], *tags, limit=5) for tags in [("a",), ("a", "b"), (), ("c", "a")] * 2]
    assert sorted((m for taken in at_once(takers) for m in taken), key=int) == [f"{n}" for n in range(40)]
