"""Expiry and those who hold a message; lives that begin at delivery; the dead who are dropped."""

from __future__ import annotations

import pytest

from queues.broker import clock
from queues.broker.types import Ack, ExpiryAction, Nack, Outcome, State

from . import sweeping
from .conftest import NewQueue
from .handle import Handle, message
from .rows import age, assert_consistent, counters

LIFE = 60


@pytest.fixture
def q(new_queue: NewQueue) -> Handle:
    """Its messages live for a minute, and as long as somebody holds them."""
    return new_queue(ttl_seconds=LIFE, preserve_leased=True)


def test_a_message_somebody_holds_outlives_its_time(q: Handle) -> None:
    q.publish("held", "ready")
    (held,) = q.receive(1)
    age(q, LIFE + 1)
    for _ in range(2):  # before anything met the expired ones, and after
        assert q.state("held") is State.PROCESSING
        assert q.ids() == ["held"]
        assert q.stats().processing == q.stats().total == 1
        sweeping.sweep()
    assert counters(q)["expired_total"] == 1
    assert_consistent(q)
    assert q.settle(Ack("held", receipt=held.receipt)) == [Outcome.DONE]


def test_it_ends_with_its_lease(q: Handle) -> None:
    q.publish("m")
    q.take(lease_seconds=LIFE + 30)
    age(q, LIFE + 1)
    sweeping.sweep()
    age(q, 30)
    assert q.ids() == []
    assert q.stats().total == 0
    assert q.take() == []
    sweeping.sweep()
    assert counters(q)["messages"] == 0
    assert_consistent(q)


@pytest.mark.parametrize("swept", [False, True])
def test_given_back_it_ends_at_once(q: Handle, swept: bool) -> None:
    q.publish("m")
    q.take()
    age(q, LIFE + 1)
    if swept:
        sweeping.sweep()
    assert q.nack("m") == [Outcome.DONE]
    assert q.ids() == []
    assert q.take() == []
    assert_consistent(q)


def test_held_longer_it_lives_longer(q: Handle) -> None:
    q.publish("m")
    q.take(lease_seconds=LIFE + 30)
    age(q, LIFE + 1)
    assert q.extend("m", 600) is Outcome.DONE
    age(q, 60)
    sweeping.sweep()
    assert q.state("m") is State.PROCESSING
    assert_consistent(q)


def test_its_id_is_not_free_while_somebody_holds_it(q: Handle) -> None:
    q.publish("m")
    q.take()
    age(q, LIFE + 1)
    assert [published.duplicate for published in q.publish("m")] == [True]


def test_without_the_setting_expiry_takes_it_from_its_holder(new_queue: NewQueue) -> None:
    queue = new_queue(ttl_seconds=LIFE)
    queue.publish("m")
    queue.take()
    age(queue, LIFE + 1)
    assert queue.ids() == []
    sweeping.sweep()
    assert queue.ack("m") == [Outcome.UNKNOWN]


def test_an_ack_may_ask_that_somebody_holds_the_message(q: Handle) -> None:
    q.publish("m")
    held = Ack("m", only_leased=True)
    assert q.settle(held) == [Outcome.NOT_HELD]
    q.take()
    assert q.settle(Nack("m"), held) == [Outcome.DONE, Outcome.NOT_HELD]
    q.take()
    assert q.settle(held, held) == [Outcome.DONE, Outcome.NOT_HELD]


def test_a_life_may_begin_with_the_delivery_time(new_queue: NewQueue) -> None:
    queue = new_queue(ttl_seconds=LIFE, ttl_from_delivery=True)
    tomorrow = clock.now() + clock.micros(86_400)
    queue.send(message("later", deliver_at=tomorrow), message("now"), message("past", deliver_at=1))
    assert queue.get("later").expires_at == tomorrow + clock.micros(LIFE)
    for id in ("now", "past"):
        view = queue.get(id)
        assert view.expires_at == view.created_at + clock.micros(LIFE)
    age(queue, 86_400 + LIFE - 1)
    assert queue.take() == ["later"]


def test_a_life_that_begins_at_the_end_of_all_days_is_no_error(new_queue: NewQueue) -> None:
    from queues.broker.types import MAX_INSTANT

    queue = new_queue(ttl_seconds=LIFE, ttl_from_delivery=True)
    queue.send(message("m", deliver_at=MAX_INSTANT))
    assert queue.get("m").expires_at == MAX_INSTANT


def test_the_dead_may_be_dropped(new_queue: NewQueue) -> None:
    queue = new_queue(max_attempts=1, drop_dead=True)
    queue.publish("rejected", "forgotten")
    assert queue.take() == ["rejected", "forgotten"]
    assert queue.nack("rejected") == [Outcome.DEAD]
    age(queue, 601)
    assert queue.take() == []
    assert queue.ids() == []
    assert counters(queue)["dead_total"] == 2
    assert counters(queue)["dead"] == counters(queue)["messages"] == 0
    assert_consistent(queue)


def test_expired_messages_that_are_to_be_dead_letters_say_so(new_queue: NewQueue) -> None:
    graves = new_queue()
    queue = new_queue(
        ttl_seconds=LIFE,
        preserve_leased=True,
        on_expiry=ExpiryAction.DEAD_LETTER,
        dead_letter_queue=graves.name,
    )
    queue.publish("held", "ready")
    queue.take(1)
    age(queue, LIFE + 1)
    sweeping.sweep()
    assert (queue.ids(), graves.ids()) == (["held"], ["ready"])
    assert graves.get("ready").dead_reason == "message_expired"
    for one in (queue, graves):
        assert_consistent(one)
