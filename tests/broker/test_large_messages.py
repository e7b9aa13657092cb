"""What is handed out at once is bounded in bytes, too: it is all in memory together."""

from __future__ import annotations

import pytest

from queues.broker import claim
from queues.broker.lanes import LANES
from queues.broker.receive import Receive

from .at_once import in_background, parked
from .conftest import NewQueue
from .handle import Handle, ids
from .rows import assert_consistent

LONG = 20.0


@pytest.fixture(autouse=True)
def _little_is_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claim, "MAX_BYTES", 1_000)
    monkeypatch.setattr(claim, "STEP", 4)


def test_large_messages_come_a_few_at_a_time(q: Handle) -> None:
    names = [f"m{number}" for number in range(7)]
    q.publish(*names, body="x" * 400)
    assert q.take(100) == names[:3]
    assert q.take(100) == names[3:6]
    assert q.take(100) == names[6:]
    assert_consistent(q)


def test_one_that_is_too_large_comes_alone(q: Handle) -> None:
    q.publish("huge", body="x" * 5_000)
    q.publish("next", body="x" * 10)
    assert q.take(100) == ["huge"]
    assert q.take(100) == ["next"]


@pytest.mark.parametrize("fields", [{}, {"tag": "t"}, {"partition_key": ""}])
def test_small_ones_come_all_at_once(q: Handle, fields: dict[str, str]) -> None:
    names = [f"m{number}" for number in range(50)]
    q.publish(*names, body="x" * 10, **fields)
    assert q.take(100, tag=fields.get("tag", "")) == names
    assert_consistent(q)


def test_small_ones_behind_large_ones_are_not_forgotten(q: Handle) -> None:
    q.publish("a", "b", body="x" * 450)
    names = [f"m{number}" for number in range(20)]
    q.publish(*names, body="x" * 1)
    assert q.take(100) == ["a", "b", *names]


def test_acknowledged_at_once_it_is_the_same(q: Handle) -> None:
    q.publish("a", "b", "c", "d", body="x" * 400)
    assert q.take(100, auto_ack=True) == ["a", "b", "c"]
    assert q.take(100, auto_ack=True) == ["d"]
    assert_consistent(q)


def test_what_one_receiver_leaves_another_one_gets(q: Handle) -> None:
    waiting = [in_background(q.receive, wait_seconds=LONG) for _ in range(2)]
    parked(q.id, 2)
    q.publish("a", "b", "c", "d", body="x" * 400)
    assert sorted(name for one in waiting for name in ids(one.result(LONG))) == ["a", "b", "c", "d"]


def test_several_queues_together_have_the_same_bound(q: Handle, new_queue: NewQueue) -> None:
    other = new_queue()
    q.publish("a", "b", body="x" * 400)
    other.publish("x", "y", body="x" * 400)
    look = LANES.of("receive").submit(Receive(q.account_id, (q.name, other.name), 100, ()))
    assert ids(look.messages) == ["a", "b", "x"]
    assert other.take(100) == ["y"]
