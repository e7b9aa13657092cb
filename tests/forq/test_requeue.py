"""Dead letters brought back from ``-dlq`` (forq.md section 7.9): the console does it, by replaying them."""

from __future__ import annotations

from typing import Any

from queues import broker
from queues.broker import letters
from queues.broker.letters import Wanted
from queues.broker.types import State
from tests.broker.rows import assert_consistent

from .client import Queue, code_of
from .test_life import DAY, fail


def requeue(queue: Queue, **wanted: Any) -> int:
    return letters.replay(queue.client.account.pk, queue.dlq().name, Wanted(**wanted)).done


def test_a_dead_letter_returns_to_its_place_with_a_new_life(q: Queue) -> None:
    q.produce("old").expect(204)
    dead = fail(q)
    q.produce("young").expect(204)
    q.age(3600)
    assert requeue(q, ids=(dead["id"],)) == 1
    view = q.view(dead["id"])
    assert (view.state, view.attempts, view.dead_reason) == (State.PENDING, 0, "")
    assert view.expires_at is not None
    assert view.expires_at - view.deliver_at == DAY * 1_000_000
    assert q.dlq().ids() == []
    for queue in (q, q.dlq()):
        assert_consistent(queue.handle())
    assert q.taken() == ["old", "young"]


def test_it_may_fail_and_return_again(q: Queue) -> None:
    q.produce("x").expect(204)
    dead = fail(q)
    assert requeue(q) == 1
    assert fail(q)["id"] == dead["id"]
    assert q.dlq().ids() == [dead["id"]]
    assert requeue(q) == 1
    q.ack(q.take()).expect(204)
    assert q.ids() == q.dlq().ids() == []


def test_all_return_in_the_order_in_which_they_were_produced(q: Queue) -> None:
    for content in "ABC":
        q.produce(content).expect(204)
    q.age(DAY + 1)
    q.let_clock_work()
    q.produce("D").expect(204)
    assert requeue(q) == 3
    assert q.taken() == ["A", "B", "C", "D"]


def test_what_somebody_holds_stays_where_it_is(q: Queue) -> None:
    q.produce("x").expect(204)
    fail(q)
    letter = q.dlq().take()
    assert requeue(q) == 0
    q.dlq().nack(letter).expect(204)
    assert requeue(q) == 1
    assert code_of(q.dlq().ack(letter)) == (404, "not_found.message")
    q.ack(q.take()).expect(204)


def test_it_stays_when_its_queue_is_gone(q: Queue) -> None:
    q.produce("x").expect(204)
    dead = fail(q)
    broker.delete_queue(q.client.account.pk, q.name)
    assert requeue(q) == 0
    assert q.dlq().ids() == [dead["id"]]
