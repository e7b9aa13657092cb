"""Messages that their holders give back as new ones, and the acks that come too late."""

from __future__ import annotations

from typing import Any

import pytest

from queues import broker
from queues.broker import clock
from queues.broker.errors import QueueNotFound
from queues.broker.types import Encoding, NewMessage, Outcome, State

from .conftest import NewQueue
from .handle import Handle, message
from .rows import age, assert_consistent

DONE, NOT_HELD, UNKNOWN = Outcome.DONE, Outcome.NOT_HELD, Outcome.UNKNOWN


def give_back(queue: Handle, public_id: str, to: str = "", **fields: Any) -> None:
    broker.give_back(queue.account_id, queue.name, message(public_id, **fields), to=to)


def ack(queue: Handle, public_id: str = "m", *, may_be_late: bool = False) -> Outcome:
    return queue.ack(public_id, once=True, may_be_late=may_be_late)[0]


@pytest.fixture
def held(new_queue: NewQueue) -> Handle:
    """A queue that deletes what is acked; somebody holds ``m``, and ``later`` waits."""
    queue = new_queue(auto_delete=True)
    queue.publish("m", "later")
    queue.take(1)
    return queue


def test_it_goes_to_the_end_with_what_its_holder_says(held: Handle) -> None:
    then = clock.now() - clock.micros(3600)
    give_back(
        held, "m", retries=1, created_at=then, expires_at=then + clock.micros(7200), headers='{"a":"b"}'
    )
    later, back = held.receive()
    assert (later.public_id, back.public_id) == ("later", "m")
    assert (back.retries, back.created_at, back.expires_at) == (1, then, then + clock.micros(7200))
    assert back.headers == '{"a":"b"}'
    assert back.attempt == 1
    assert later.retries == 0
    assert_consistent(held)


def test_what_its_holder_cannot_know_is_kept(q: Handle) -> None:
    q.publish("m", body="42", tag="t", metadata='{"x":1}')
    q.take()
    broker.give_back(q.account_id, q.name, NewMessage("42", 2, Encoding.TEXT, "m"))
    view = q.get("m")
    assert (view.tag, view.metadata, view.encoding) == ("t", '{"x":1}', Encoding.JSON)


def test_a_message_nobody_knows_is_stored(q: Handle) -> None:
    give_back(q, "new", retries=2)
    assert [(m.public_id, m.retries) for m in q.receive()] == [("new", 2)]


def test_it_can_move_to_another_queue(held: Handle, new_queue: NewQueue) -> None:
    dead = new_queue()
    give_back(held, "m", to=dead.name, retries=3)
    assert held.ids() == ["later"]
    assert ack(held) is UNKNOWN
    (moved,) = dead.receive()
    assert (moved.public_id, moved.retries) == ("m", 3)
    assert ack(dead) is DONE
    for queue in (held, dead):
        assert_consistent(queue)


def test_moving_twice_leaves_one(held: Handle, new_queue: NewQueue) -> None:
    dead = new_queue()
    for _ in range(2):
        give_back(held, "m", to=dead.name)
    assert dead.ids() == ["m"]


def test_a_queue_that_is_missing_is_told_and_nothing_changes(held: Handle) -> None:
    with pytest.raises(QueueNotFound):
        give_back(held, "m", to="missing")
    with pytest.raises(QueueNotFound):
        broker.give_back(held.account_id, "missing", message("m"))
    assert held.ids(State.PROCESSING) == ["m"]


def test_the_former_holders_ack_changes_nothing_while_it_waits(held: Handle) -> None:
    give_back(held, "m", retries=1)
    assert ack(held) is DONE
    assert held.ids() == ["later", "m"]
    assert held.take() == ["later", "m"]
    assert [ack(held), ack(held)] == [DONE, UNKNOWN]
    assert_consistent(held)


def test_the_former_holders_ack_changes_nothing_when_the_next_one_has_it(held: Handle) -> None:
    give_back(held, "m")
    held.take()
    assert ack(held, may_be_late=True) is DONE
    assert held.state("m") is State.PROCESSING
    assert ack(held, may_be_late=True) is DONE
    assert held.ids() == ["later"]


def test_clients_that_send_no_late_acks_end_it_at_once(held: Handle) -> None:
    give_back(held, "m", retries=1)
    held.take()
    assert [ack(held), ack(held)] == [DONE, UNKNOWN]


def test_a_late_ack_is_expected_for_a_moment_only(held: Handle) -> None:
    give_back(held, "m")
    _pass_late_ack(held)
    held.take()
    assert [ack(held, may_be_late=True), ack(held, may_be_late=True)] == [DONE, UNKNOWN]


def test_who_acked_before_giving_back_is_expected_to_say_no_more(held: Handle) -> None:
    assert ack(held) is DONE
    give_back(held, "m", retries=1)
    held.take()
    assert [ack(held, may_be_late=True), ack(held)] == [DONE, UNKNOWN]


def test_giving_back_twice_expects_one_late_ack(held: Handle) -> None:
    give_back(held, "m", retries=1)
    give_back(held, "m", retries=1)
    assert held.ids() == ["later", "m"]
    assert ack(held) is DONE
    assert held.ids() == ["later", "m"]
    assert ack(held) is DONE
    assert held.ids() == ["later"]


def test_two_acks_in_one_call_are_two(held: Handle) -> None:
    give_back(held, "m")
    held.take()
    assert held.ack("m", "m", "m", once=True, may_be_late=True) == [DONE, DONE, UNKNOWN]
    assert held.ids() == ["later"]


def test_acks_of_other_dialects_are_what_they_were(q: Handle) -> None:
    q.publish("m")
    q.take()
    give_back(q, "m")
    assert q.ack("m") == [DONE]
    assert q.state("m") is State.ACKED


def test_an_ack_that_counts_once_does_so_where_messages_are_kept(q: Handle) -> None:
    q.publish("m")
    q.take()
    assert [ack(q), ack(q)] == [DONE, NOT_HELD]


def test_what_waits_may_be_acked(q: Handle) -> None:
    q.publish("m")
    assert ack(q) is DONE


def test_it_fits_into_a_full_queue_and_is_not_copied(new_queue: NewQueue) -> None:
    full, copy = new_queue(max_backlog=1), new_queue()
    full.publish("m")
    full.take()
    full.publish("other")
    broker.follow(full.account_id, full.name, copy.name)
    give_back(full, "m")
    assert full.ids() == ["other", "m"]
    assert copy.peek() == []


def test_it_keeps_its_place_in_its_partition_key(q: Handle) -> None:
    q.publish("a", "b", partition_key="k")
    assert q.take() == ["a"]
    give_back(q, "a")
    assert q.take() == ["b"]  # it is a new message: the last of its key
    q.ack("b")
    assert q.take() == ["a"]
    assert_consistent(q)


def test_one_that_is_over_is_taken_and_never_delivered(q: Handle) -> None:
    give_back(q, "m", expires_at=clock.now() - 1)
    assert q.take() == []
    age(q, 1)
    assert_consistent(q)


def _pass_late_ack(queue: Handle) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("UPDATE queues_message SET late_ack_until = 1 WHERE queue_id = %s", [queue.id])
