"""Moving waiting messages to another queue."""

from __future__ import annotations

import pytest

from queues import broker
from queues.broker import clock, moves
from queues.broker.errors import QueueFull, QueueNotFound

from .conftest import NewQueue
from .handle import Handle
from .rows import age, assert_consistent


def move(source: Handle, to: Handle) -> int:
    return broker.move_ready(source.account_id, source.name, to.name)


def test_what_is_ready_moves_in_order_as_new(
    q: Handle, new_queue: NewQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moves, "CHUNK", 2)
    to = new_queue(lease_seconds=7)
    q.publish("a", "b", "c", "d", "e", body='"x"', tag="t", headers='{"h":"1"}', metadata='{"m":1}')
    assert move(q, to) == 5
    assert q.peek() == []
    views = to.peek()
    assert len(views) == 5
    assert {view.public_id for view in views}.isdisjoint("abcde")
    assert {(v.body, v.tag, v.headers, v.metadata, v.settings.lease_seconds) for v in views} == {
        ('"x"', "t", '{"h":"1"}', '{"m":1}', 7)
    }
    for queue in (q, to):
        assert_consistent(queue)


def test_what_is_held_or_to_come_later_stays(q: Handle, new_queue: NewQueue) -> None:
    to = new_queue()
    q.publish("held", "ready")
    q.take(1)
    q.publish("later", deliver_at=clock.now() + clock.micros(60))
    assert move(q, to) == 1
    assert q.ids() == ["held", "later"]
    age(q, 61)
    assert move(q, to) == 1


def test_what_is_over_does_not_move(q: Handle, new_queue: NewQueue) -> None:
    to = new_queue()
    q.publish("over", ttl_seconds=5)
    q.publish("alive")
    age(q, 6)
    assert move(q, to) == 1
    assert len(to.peek()) == 1


def test_it_stops_where_the_other_queue_is_full(q: Handle, new_queue: NewQueue) -> None:
    to = new_queue(max_backlog=2)
    q.publish("a", "b", "c")
    assert move(q, to) == 2
    with pytest.raises(QueueFull):
        move(q, to)
    assert q.ids() == ["c"]
    to.take()
    assert move(q, to) == 1
    assert move(q, to) == 0


def test_both_queues_must_exist(q: Handle) -> None:
    q.publish("a")
    for source, to in ((q.name, "missing"), ("missing", q.name)):
        with pytest.raises(QueueNotFound):
            broker.move_ready(q.account_id, source, to)
    assert q.ids() == ["a"]
