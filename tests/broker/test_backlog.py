"""How many messages may wait in a queue, and what happens to the next one."""

from __future__ import annotations

import pytest

from queues import broker
from queues.broker import clock
from queues.broker.errors import QueueFull
from queues.broker.types import State, WhenFull

from .at_once import at_once
from .conftest import NewQueue
from .handle import Handle
from .rows import assert_consistent


@pytest.fixture
def small(new_queue: NewQueue) -> Handle:
    return new_queue(max_backlog=3)


@pytest.fixture
def rolling(new_queue: NewQueue) -> Handle:
    return new_queue(max_backlog=3, when_full=WhenFull.DROP_OLDEST)


def test_what_does_not_fit_is_refused_whole(small: Handle) -> None:
    small.publish("a", "b")
    with pytest.raises(QueueFull) as refused:
        small.publish("c", "d")
    assert refused.value.limit == 3
    small.publish("c")
    assert small.ids() == ["a", "b", "c"]


def test_what_is_to_come_later_waits_too(small: Handle) -> None:
    small.publish("a", "b", "c", deliver_at=clock.now() + clock.micros(60))
    with pytest.raises(QueueFull):
        small.publish("d")


def test_what_somebody_holds_does_not_count_until_it_comes_back(small: Handle) -> None:
    small.publish("a", "b", "c")
    small.take(2)
    small.publish("d", "e")
    with pytest.raises(QueueFull):
        small.publish("f")
    small.nack("a")  # comes back all the same: it was there before
    assert small.stats().pending == 4
    with pytest.raises(QueueFull):
        small.publish("f")


def test_what_is_done_does_not_count(small: Handle) -> None:
    small.publish("a", "b", "c")
    small.take()
    small.ack("a")
    small.nack("b", dead=True)
    small.publish("d", "e", "f")


def test_a_known_id_needs_no_room(small: Handle) -> None:
    small.publish("a", "b", "c")
    assert [p.duplicate for p in small.publish("a")] == [True]


def test_calls_that_meet_are_judged_one_by_one(small: Handle) -> None:
    def publish(name: str) -> bool:
        try:
            small.publish(name)
        except QueueFull:
            return False
        return True

    done = at_once([lambda name=name: publish(name) for name in "abcdefgh"])  # type: ignore[misc]
    assert sum(done) == 3
    assert_consistent(small)


def test_the_oldest_make_room(rolling: Handle) -> None:
    rolling.publish("a", "b", "c")
    rolling.publish("d", "e")
    assert rolling.ids() == ["c", "d", "e"]
    assert_consistent(rolling)


def test_the_lowest_priority_goes_first(rolling: Handle) -> None:
    rolling.publish("high", priority=1)
    rolling.publish("low", priority=-1)
    rolling.publish("normal")
    rolling.publish("x", priority=1)
    assert rolling.ids() == ["high", "normal", "x"]
    rolling.publish("y", "z", priority=1)
    assert sorted(rolling.ids()) == ["x", "y", "z"]


def test_what_is_to_come_later_goes_last(rolling: Handle) -> None:
    rolling.publish("later", deliver_at=clock.now() + clock.micros(60))
    rolling.publish("a", "b")
    rolling.publish("c")
    assert rolling.ids() == ["later", "b", "c"]
    rolling.publish("d", "e", "f")
    assert rolling.ids() == ["d", "e", "f"]


def test_what_somebody_holds_is_not_dropped(rolling: Handle) -> None:
    rolling.publish("a", "b", "c")
    rolling.take(1)
    rolling.publish("d", "e")
    assert rolling.ids(State.PROCESSING) == ["a"]
    assert rolling.ids(State.PENDING) == ["c", "d", "e"]


def test_a_follower_that_is_full_refuses_for_both(q: Handle, small: Handle) -> None:
    broker.follow(q.account_id, q.name, small.name)
    q.publish("a", "b", "c")
    with pytest.raises(QueueFull):
        q.publish("d")
    assert q.ids() == ["a", "b", "c"]


def test_what_a_follower_refuses_drops_nothing_elsewhere(rolling: Handle, small: Handle) -> None:
    broker.follow(rolling.account_id, rolling.name, small.name)
    rolling.publish("a", "b", "c")
    for _ in range(2):
        with pytest.raises(QueueFull):
            rolling.publish("d")
    assert rolling.ids() == ["a", "b", "c"]
    small.receive(1)
    rolling.publish("d")
    assert rolling.ids() == ["b", "c", "d"]
    for queue in (rolling, small):
        assert_consistent(queue)


def test_what_its_queue_refuses_drops_nothing_of_a_follower(rolling: Handle, small: Handle) -> None:
    rolling.publish("a", "b", "c")
    broker.follow(small.account_id, small.name, rolling.name)
    with pytest.raises(QueueFull):
        small.publish("d", "e", "f", "g")
    assert rolling.ids() == ["a", "b", "c"]
