"""``max_in_flight``: what one consumer may hold of a queue at a time."""

from __future__ import annotations

import pytest

from queues.broker import settings_rules
from queues.broker.types import State
from queues.broker.wakes import HUB, of_room

from .at_once import at_once, in_background, parked
from .conftest import NewQueue
from .handle import Handle
from .rows import age, assert_consistent

LONG = 20.0


@pytest.fixture
def narrow(new_queue: NewQueue) -> Handle:
    return new_queue(max_in_flight=2)


def test_a_consumer_gets_no_more_than_it_may_hold(narrow: Handle) -> None:
    narrow.publish("a", "b", "c", "d", "e")
    assert narrow.take(5, consumer="one") == ["a", "b"]
    assert narrow.take(5, consumer="one") == []
    assert narrow.take(1, consumer="other") == ["c"]
    assert narrow.take(5, consumer="other") == ["d"]
    assert_consistent(narrow)


def test_who_has_no_name_has_no_limit_and_neither_has_who_holds_nothing(narrow: Handle) -> None:
    narrow.publish("a", "b", "c", "d", "e", "f")
    assert narrow.take(3) == ["a", "b", "c"]
    assert narrow.take(3, consumer="one", auto_ack=True) == ["d", "e", "f"]


def test_every_way_out_of_its_hands_makes_room(narrow: Handle) -> None:
    narrow.publish("a", "b", "c", "d", "e", "f", "g")
    narrow.take(2, consumer="one", lease_seconds=5)
    narrow.ack("a")
    assert narrow.take(5, consumer="one") == ["c"]
    narrow.nack("c", dead=True)
    assert narrow.take(5, consumer="one") == ["d"]
    narrow.delete_messages(ids=["d"])
    assert narrow.take(5, consumer="one") == ["e"]
    age(narrow, 6)
    assert narrow.take(5, consumer="one") == ["b"]


def test_the_limit_of_the_queue_counts_and_not_that_of_older_messages(narrow: Handle) -> None:
    narrow.publish("a", "b", "c")
    narrow.update(lambda old: old.but(max_in_flight=1))
    assert narrow.take(5, consumer="one") == ["a"]
    narrow.update(lambda old: old.but(max_in_flight=None))
    assert narrow.take(5, consumer="one") == ["b", "c"]


def test_the_limit_holds_for_many_at_once(narrow: Handle) -> None:
    narrow.publish(*(f"{n}" for n in range(10)))
    taken = at_once(lambda: narrow.take(1, consumer="one") for _ in range(8))
    assert sorted(id for ids in taken for id in ids) == ["0", "1"]


def test_a_parked_receiver_wakes_when_its_consumer_has_room(narrow: Handle) -> None:
    narrow.publish("a", "b", "c")
    narrow.take(2, consumer="one")
    waiting = in_background(narrow.take, 1, consumer="one", wait_seconds=LONG)
    parked(of_room(narrow.id), 1)
    narrow.ack("b")
    assert waiting.result(LONG) == ["c"]


def test_a_parked_receiver_wakes_when_a_lease_of_its_consumer_runs_out(narrow: Handle) -> None:
    narrow.publish("a", "b")
    narrow.take(2, consumer="one", lease_seconds=0.3)
    waiting = in_background(narrow.take, 1, consumer="one", wait_seconds=LONG)
    assert waiting.result(LONG) == ["a"]


def test_who_has_no_room_swallows_no_signal(narrow: Handle) -> None:
    narrow.publish("a", "b")
    narrow.take(1, consumer="one")
    full = in_background(narrow.take, 1, consumer="one", wait_seconds=LONG)
    assert full.result(LONG) == ["b"]
    again = in_background(narrow.take, 1, consumer="one", wait_seconds=LONG)
    parked(of_room(narrow.id), 1)
    other = in_background(narrow.take, 1, consumer="other", wait_seconds=LONG)
    parked(narrow.id, 1)
    narrow.publish("c")
    assert other.result(LONG) == ["c"]
    narrow.publish("d")
    assert narrow.state("d") is State.PENDING
    narrow.ack("a")
    assert again.result(LONG) == ["d"]


def test_a_signal_that_meets_one_who_became_full_goes_to_the_next(
    narrow: Handle, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = in_background(narrow.take, 1, consumer="one", wait_seconds=LONG)
    parked(narrow.id, 1)
    second = in_background(narrow.take, 1, consumer="other", wait_seconds=LONG)
    parked(narrow.id, 2)
    monkeypatch.setattr(settings_rules, "RANGES", {})
    narrow.update(lambda old: old.but(max_in_flight=0))  # from now on nobody has room
    narrow.publish("a")
    parked(of_room(narrow.id), 2)
    narrow.update(lambda old: old.but(max_in_flight=2))
    narrow.publish("b")
    HUB.wake_everyone(of_room(narrow.id))
    assert sorted(first.result(LONG) + second.result(LONG)) == ["a", "b"]
