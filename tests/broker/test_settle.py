"""Saying how a delivery went. Contract: okmq.md §5.6, and receipts, which that dialect does not have."""

from __future__ import annotations

import pytest

from accounts.models import Account
from queues import broker
from queues.broker import clock
from queues.broker.errors import QueueNotFound
from queues.broker.types import Ack, Extend, Nack, Outcome, RetryStrategy, State

from .at_once import at_once
from .conftest import NewQueue
from .handle import Handle
from .rows import age, assert_consistent, counters
from .test_publish import bring_into

DONE, UNKNOWN, NOT_HELD, DEAD = Outcome.DONE, Outcome.UNKNOWN, Outcome.NOT_HELD, Outcome.DEAD
HOUR = clock.micros(3600)


@pytest.mark.parametrize("state", [s for s in State if s is not State.ACKED])
def test_an_ack_counts_in_every_state(q: Handle, state: State) -> None:
    bring_into(q, state)
    attempts = q.get("m").attempts
    assert q.ack("m") == [DONE]
    view = q.get("m")
    assert (view.state, view.lease_until, view.dead_at, view.dead_reason) == (State.ACKED, None, None, "")
    assert view.acked_at == view.updated_at
    assert view.attempts == attempts
    assert q.take() == []
    assert_consistent(q)


def test_a_second_ack_changes_nothing(q: Handle) -> None:
    q.publish("m")
    q.ack("m")
    before = q.get("m")
    assert q.ack("m") == [DONE]
    assert q.get("m") == before
    assert counters(q)["acked_total"] == 1


@pytest.mark.parametrize("state", list(State))
def test_an_ack_with_delete_removes_in_every_state(q: Handle, state: State) -> None:
    bring_into(q, state)
    assert q.ack("m", delete=True) == [DONE]
    assert q.ids() == []
    assert q.ack("m") == [UNKNOWN]
    assert not q.publish("m")[0].duplicate
    assert_consistent(q)


@pytest.mark.parametrize(
    ("auto_delete", "delete", "kept"),
    [
        (True, None, False),
        (True, False, True),
        (True, True, False),
        (False, None, True),
        (False, True, False),
    ],
)
def test_delete_overrides_the_messages_auto_delete(
    new_queue: NewQueue, auto_delete: bool, delete: bool | None, kept: bool
) -> None:
    queue = new_queue(auto_delete=auto_delete)
    queue.publish("m")
    queue.take()
    assert queue.ack("m", delete=delete) == [DONE]
    assert queue.ids() == (["m"] if kept else [])
    assert_consistent(queue)


def test_a_nack_waits_for_the_strategys_delay(new_queue: NewQueue) -> None:
    queue = new_queue(retry=RetryStrategy("exponential", 100, None, 3), max_attempts=4)
    queue.publish("m")
    for delay in (100, 300, 900):
        assert queue.take() == ["m"]
        assert queue.nack("m") == [DONE]
        view = queue.get("m")
        assert view.deliver_at - view.updated_at == clock.micros(delay)
        assert (view.state, view.lease_until) == (State.SCHEDULED, None)
        age(queue, delay)
        assert queue.state("m") is State.PENDING
    assert queue.take() == ["m"]
    assert queue.nack("m") == [DEAD]


def test_a_nack_without_delay_is_pending_at_once(q: Handle) -> None:
    q.publish("m")
    q.take()
    assert q.nack("m") == [DONE]
    assert q.state("m") is State.PENDING
    assert [one.attempt for one in q.receive()] == [2]


def test_a_nack_may_name_the_next_delivery(q: Handle) -> None:
    q.publish("m", "n")
    q.take()
    later, past = clock.now() + HOUR, clock.now() - HOUR
    assert q.settle(Nack("m", deliver_at=later), Nack("n", deliver_at=past)) == [DONE, DONE]
    assert (q.get("m").deliver_at, q.state("m")) == (later, State.SCHEDULED)
    assert (q.get("n").deliver_at, q.state("n")) == (past, State.PENDING)


def test_the_last_nack_is_death_whatever_time_it_names(new_queue: NewQueue) -> None:
    queue = new_queue(max_attempts=1)
    queue.publish("m")
    queue.take()
    assert queue.nack("m", deliver_at=clock.now() + HOUR) == [DEAD]
    view = queue.get("m")
    assert (view.state, view.lease_until, view.attempts, view.dead_reason) == (
        State.FAILED,
        None,
        1,
        "max_attempts_reached",
    )
    assert view.dead_at == view.updated_at
    assert queue.take() == []
    assert_consistent(queue)


def test_a_nack_may_give_up_early_and_say_why(q: Handle) -> None:
    q.publish("m")
    q.take()
    assert q.nack("m", dead=True, reason="r" * 300) == [DEAD]
    view = q.get("m")
    assert (view.state, view.attempts, view.dead_reason) == (State.FAILED, 1, "r" * 256)


@pytest.mark.parametrize("state", [s for s in State if s is not State.PROCESSING])
def test_a_nack_of_what_is_not_processing_changes_nothing(q: Handle, state: State) -> None:
    bring_into(q, state)
    before = q.get("m")
    assert q.settle(Nack("m"), Nack("m", dead=True)) == [NOT_HELD, NOT_HELD]
    assert q.get("m") == before


def test_a_nack_after_the_lease_changes_nothing(q: Handle) -> None:
    q.publish("m")
    q.take(lease_seconds=10)
    age(q, 11)
    assert q.nack("m", dead=True) == [NOT_HELD]
    assert q.state("m") is State.PENDING


def test_an_ack_after_the_lease_counts(new_queue: NewQueue) -> None:
    queue = new_queue(max_attempts=1)
    queue.publish("m")
    queue.take(lease_seconds=10)
    age(queue, 11)
    assert queue.state("m") is State.FAILED
    assert queue.ack("m") == [DONE]
    assert queue.state("m") is State.ACKED
    assert_consistent(queue)


def test_unknown_ids_are_told_and_the_others_settled(q: Handle) -> None:
    q.publish("m")
    q.take()
    assert q.ack("ghost", "\0", "", "x" * 500, "\ud800", "m") == [UNKNOWN] * 5 + [DONE]
    assert q.state("m") is State.ACKED


def test_no_settlements_settle_nothing(q: Handle) -> None:
    assert q.settle() == []


def test_what_is_no_queue_of_the_account_is_refused(q: Handle, account: Account, stranger: Account) -> None:
    q.publish("m")
    for owner, name in ((account, "no such"), (account, "\0"), (account, "\ud800"), (stranger, q.name)):
        with pytest.raises(QueueNotFound):
            broker.settle(owner.pk, name, [Ack("m")])
    assert q.state("m") is State.PENDING


def test_settlements_of_one_message_apply_one_after_the_other(q: Handle) -> None:
    q.publish("m", "n", "o", "p")
    q.take()
    assert q.settle(Nack("m"), Nack("m"), Ack("m"), Nack("m")) == [DONE, NOT_HELD, DONE, NOT_HELD]
    assert q.settle(Ack("n"), Ack("n", delete=True), Ack("n")) == [DONE, DONE, UNKNOWN]
    assert q.settle(Nack("o", dead=True), Ack("o")) == [DEAD, DONE]
    assert q.settle(Extend("p", 5), Nack("p"), Extend("p", 5)) == [DONE, DONE, NOT_HELD]
    assert [q.state(id) for id in ("m", "o", "p")] == [State.ACKED, State.ACKED, State.PENDING]
    assert counters(q)["nacked_total"] == 3
    assert_consistent(q)


def test_merged_callers_settle_each_message_once(new_queue: NewQueue) -> None:
    queue = new_queue(max_attempts=50)
    names = [str(n) for n in range(20)]
    queue.publish(*names)
    queue.take()
    answers = at_once([lambda: queue.nack(*names)] * 4 + [lambda: queue.nack(*reversed(names))] * 4)
    assert sum(outcome is DONE for answer in answers for outcome in answer) == 20
    assert counters(queue)["nacked_total"] == 20
    assert queue.take() == names
    answers = at_once([lambda: queue.ack(*names)] * 4 + [lambda: queue.ack(*reversed(names))] * 4)
    assert {outcome for answer in answers for outcome in answer} == {DONE}
    assert counters(queue)["acked_total"] == 20
    assert_consistent(queue)


def test_a_receipt_settles_only_its_own_lease(q: Handle) -> None:
    q.publish("m")
    old = q.receive()[0].receipt
    q.nack("m")
    new = q.receive()[0].receipt
    for superseded in (Ack("m", receipt=old), Nack("m", receipt=old), Extend("m", 99, receipt=old)):
        before = q.get("m")
        assert q.settle(superseded) == [NOT_HELD]
        assert q.get("m") == before
    assert q.settle(Ack("m", delete=True, receipt=old)) == [NOT_HELD]
    assert q.settle(Extend("m", 99, receipt=new), Ack("m", receipt=new)) == [DONE, DONE]
    assert q.settle(Ack("m", receipt=new)) == [NOT_HELD]


@pytest.mark.parametrize("make", [Ack, Nack, lambda id, receipt: Extend(id, 9, receipt=receipt)])
def test_a_receipt_is_void_when_its_lease_is_over(q: Handle, make: type[Ack]) -> None:
    q.publish("m")
    receipt = q.receive(lease_seconds=10)[0].receipt
    age(q, 11)
    assert q.settle(make("m", receipt=receipt)) == [NOT_HELD]
    assert q.state("m") is State.PENDING


def test_a_receipt_of_a_nacked_delivery_is_void_at_once(q: Handle) -> None:
    q.publish("m")
    receipt = q.receive()[0].receipt
    assert q.nack("m", receipt=receipt) == [DONE]
    assert q.ack("m", receipt=receipt) == [NOT_HELD]


def test_a_receipt_of_an_earlier_life_is_void_after_a_replay(q: Handle) -> None:
    q.publish("m")
    receipt = q.receive()[0].receipt
    q.nack("m", dead=True)
    q.replay()
    (again,) = q.receive()
    assert again.receipt != receipt
    assert q.ack("m", receipt=receipt) == [NOT_HELD]


def test_an_extension_counts_from_now(q: Handle) -> None:
    q.publish("m")
    q.take(lease_seconds=10)
    assert q.extend("m", 100) is DONE
    age(q, 50)
    assert q.state("m") is State.PROCESSING
    assert q.take() == []
    assert q.extend("m", 0.5) is DONE
    age(q, 1)
    assert q.take() == ["m"]


def test_an_extension_of_what_is_not_leased_changes_nothing(q: Handle) -> None:
    q.publish("m")
    assert q.extend("m", 100) is NOT_HELD
    assert q.extend("ghost", 100) is UNKNOWN
    q.take(lease_seconds=10)
    age(q, 11)
    assert q.extend("m", 100) is NOT_HELD


def test_settling_in_one_queue_leaves_the_same_id_elsewhere_alone(new_queue: NewQueue) -> None:
    one, two = new_queue(), new_queue()
    one.publish("m")
    two.publish("m")
    one.ack("m", delete=True)
    assert two.ids() == ["m"]


def test_what_a_failed_delivery_said_is_kept_and_when_it_was_handed_out(q: Handle) -> None:
    q.publish("a")
    assert q.get("a").claimed_at is None
    q.receive()
    first = q.get("a").claimed_at
    q.nack("a", reason="disk full")
    assert q.get("a").last_error == "disk full"
    q.receive(consumer="me")
    leased = q.get("a")
    assert first is not None and leased.claimed_at is not None and leased.claimed_at > first
    assert (leased.consumer, leased.last_error) == ("me", "disk full")
    q.ack("a")
    done = q.get("a")
    assert (done.claimed_at, done.last_error, done.dead_reason) == (leased.claimed_at, "disk full", "")


def test_a_message_acked_on_delivery_keeps_its_last_error(q: Handle) -> None:
    q.publish("a")
    q.receive()
    q.nack("a", reason="disk full")
    q.receive(auto_ack=True)
    done = q.get("a")
    assert (done.state, done.last_error) == (State.ACKED, "disk full")
    assert done.claimed_at is not None
