"""What becomes of messages nobody could handle: dead in place, or in their dead-letter queue."""

from __future__ import annotations

import pytest

from accounts.models import Account
from queues.broker import clock
from queues.broker.lanes import in_transaction
from queues.broker.types import Ack, Encoding, ExpiryAction, Nack, Outcome, State

from . import sweeping
from .conftest import NewQueue
from .handle import Handle, message
from .rows import age, assert_consistent, counters


@pytest.fixture
def graves(new_queue: NewQueue) -> Handle:
    return new_queue(max_attempts=7, ttl_seconds=5000)


@pytest.fixture
def mortal(new_queue: NewQueue, graves: Handle) -> Handle:
    return new_queue(max_attempts=1, dead_letter_queue=graves.name)


def test_a_last_lease_that_ran_out_is_dead_by_the_clock_alone(new_queue: NewQueue) -> None:
    queue = new_queue(max_attempts=1)
    queue.publish("m")
    (got,) = queue.receive(lease_seconds=10)
    assert got.lease_until is not None
    age(queue, 11)
    view = queue.get("m")
    assert (view.state, view.lease_until) == (State.FAILED, None)
    assert view.dead_at == got.lease_until - clock.micros(11)
    assert queue.stats().failed == 1
    assert queue.take() == []  # which writes it down
    after = queue.get("m")
    assert (after.state, after.dead_at, after.dead_reason) == (
        State.FAILED,
        view.dead_at,
        "max_attempts_reached",
    )
    assert counters(queue)["dead_total"] == 1
    assert_consistent(queue)


def test_a_dead_message_moves_with_all_it_has(mortal: Handle, graves: Handle) -> None:
    mortal.publish(
        "m",
        body='{"a":1.0}',
        encoding=Encoding.TEXT,
        tag="t",
        partition_key="k",
        priority=3,
        metadata='{"m":1}',
        headers='{"h":1}',
    )
    before = mortal.get("m")
    mortal.take()
    assert mortal.nack("m", reason="no good") == [Outcome.DEAD]
    assert mortal.ids() == []
    view = graves.get("m")
    for name in (
        "body",
        "encoding",
        "size",
        "tag",
        "partition_key",
        "priority",
        "metadata",
        "headers",
        "created_at",
    ):
        assert getattr(view, name) == getattr(before, name)
    assert (view.state, view.attempts, view.offset, view.dead_reason) == (State.PENDING, 0, 0, "no good")
    assert view.settings.max_attempts == 7
    assert view.expires_at == view.deliver_at + clock.micros(5000)
    assert_consistent(mortal)
    assert_consistent(graves)


def test_the_move_is_counted_on_both_sides(mortal: Handle, graves: Handle) -> None:
    mortal.publish("m", "n")
    mortal.kill("m", "n")
    assert counters(mortal)["messages"] == counters(mortal)["bytes"] == counters(mortal)["dead"] == 0
    assert counters(mortal)["dead_total"] == 2
    assert (counters(graves)["messages"], counters(graves)["bytes"]) == (2, 6)


def test_those_that_die_together_keep_their_order(mortal: Handle, graves: Handle) -> None:
    names = ["9", "1", "5", "a", "0"]
    mortal.publish(*names)
    mortal.take()
    mortal.nack(*reversed(names))
    assert graves.ids() == names
    assert graves.take() == names


def test_those_whose_last_lease_ran_out_move_in_order_too(mortal: Handle, graves: Handle) -> None:
    names = ["9", "1", "5", "a", "0"]
    mortal.publish(*names)
    mortal.take(lease_seconds=10)
    age(mortal, 11)
    assert mortal.take() == []
    assert graves.ids() == names
    assert graves.get("9").dead_reason == "max_attempts_reached"


def test_an_id_the_dead_letter_queue_holds_is_replaced_by_a_new_one(mortal: Handle, graves: Handle) -> None:
    for body in ('"1"', '"2"'):
        mortal.publish("m", body=body)
        mortal.kill("m")
    first, second = graves.peek()
    assert (first.public_id, first.body, second.body) == ("m", '"1"', '"2"')
    assert second.public_id != "m"
    assert not mortal.publish("m")[0].duplicate


def test_a_missing_dead_letter_queue_loses_no_message(mortal: Handle, graves: Handle) -> None:
    graves.delete()
    mortal.publish("m")
    mortal.take()
    assert mortal.nack("m", reason="why") == [Outcome.DEAD]
    view = mortal.get("m")
    assert (view.state, view.dead_reason, view.attempts) == (State.FAILED, "why", 1)
    assert counters(mortal)["dead_total"] == 1
    assert_consistent(mortal)


def test_a_strangers_queue_of_that_name_takes_no_dead_letters(
    mortal: Handle, graves: Handle, stranger: Account
) -> None:
    from queues import broker
    from queues.broker.types import QueueSettings

    graves.delete()
    broker.create_queue(stranger.pk, graves.name, settings=QueueSettings())
    mortal.publish("m")
    mortal.kill("m")
    assert mortal.ids(State.FAILED) == ["m"]
    assert broker.peek(stranger.pk, graves.name) == []


def test_a_settlement_after_the_death_in_the_same_call_finds_nothing(mortal: Handle, graves: Handle) -> None:
    mortal.publish("m")
    mortal.take()
    assert mortal.settle(Nack("m"), Ack("m")) == [Outcome.DEAD, Outcome.UNKNOWN]
    assert graves.state("m") is State.PENDING


def test_a_queue_may_be_its_own_dead_letter_queue(new_queue: NewQueue) -> None:
    queue = new_queue("ouroboros", max_attempts=1, dead_letter_queue="ouroboros")
    queue.publish("m", "n")
    queue.kill("m", "n")
    assert [view.state for view in queue.peek()] == [State.PENDING] * 2
    assert queue.info().next_offset == 4
    queue.publish("o")
    assert len(queue.take()) == 3
    assert_consistent(queue)


def test_dead_letters_pass_along_a_chain(new_queue: NewQueue) -> None:
    last = new_queue()
    middle = new_queue(max_attempts=1, dead_letter_queue=last.name)
    first = new_queue(max_attempts=1, dead_letter_queue=middle.name)
    first.publish("m", tag="t")
    first.kill("m")
    middle.kill("m")
    assert last.take(tag="t") == ["m"]
    for queue in (first, middle, last):
        assert_consistent(queue)


def test_a_dead_message_of_a_key_lives_on_in_its_dead_letter_queue(mortal: Handle, graves: Handle) -> None:
    for id in ("a", "b"):
        mortal.publish(id, partition_key="k")
        mortal.kill(id)
    assert graves.take(1) == ["a"]
    assert graves.nack("a") == [Outcome.DONE]
    assert "b" in graves.take()


def test_expiry_may_dead_letter(new_queue: NewQueue, graves: Handle) -> None:
    queue = new_queue(ttl_seconds=10, on_expiry=ExpiryAction.DEAD_LETTER, dead_letter_queue=graves.name)
    queue.publish("pending", "acked", "leased")
    queue.ack("acked")
    queue.publish("scheduled", deliver_at=clock.now() + clock.micros(3600))
    age(queue, 11)
    sweeping.sweep()
    assert queue.ids() == []
    assert sorted(graves.ids()) == ["leased", "pending", "scheduled"]
    assert {view.dead_reason for view in graves.peek()} == {"message_expired"}
    assert counters(queue)["expired_total"] == 4
    assert_consistent(queue)
    assert_consistent(graves)


def test_a_dead_letter_wakes_and_counts_only_after_the_commit(mortal: Handle, graves: Handle) -> None:
    """What fails with its transaction leaves nothing in either queue."""
    mortal.send(message("m"))
    mortal.take()

    def nack_and_fail(tx: object) -> None:
        from queues.broker.settle import Settle

        Settle.run(tx, [Settle(mortal.account_id, mortal.name, [Nack("m")])])  # type: ignore[arg-type]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        in_transaction(nack_and_fail)
    assert (mortal.state("m"), graves.ids()) == (State.PROCESSING, [])
    assert_consistent(mortal)
    assert_consistent(graves)
