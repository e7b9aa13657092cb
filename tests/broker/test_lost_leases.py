"""Leases that ran out, attempts that took too long, and how long the ended are kept."""

from __future__ import annotations

from datetime import timedelta

import pytest

from queues.broker import clock, due
from queues.broker.lanes import in_transaction
from queues.broker.types import Extend, Hasten, Kill, Outcome, Remove, RetryStrategy, State
from queues.models import Delivery, Message

from .conftest import NewQueue
from .handle import Handle
from .rows import age, assert_consistent
from .sweeping import sweep

DELAYED = RetryStrategy("fixed", base_delay=60)


def promote(queue: Handle) -> None:
    in_transaction(lambda tx: due.promote(tx, queue.id))


def test_a_lost_lease_may_be_followed_by_the_retry_delay(new_queue: NewQueue) -> None:
    q = new_queue(delay_lost=True, retry=DELAYED, lease_seconds=30)
    q.publish("m")
    q.take()
    before = Delivery.objects.get(queue_id=q.id).due_at
    age(q, 31)
    assert q.take() == []
    found = q.get("m")
    assert (found.state, found.last_error, found.attempts) == (State.SCHEDULED, "lease expired", 1)
    # From the end of the lease, not from when somebody noticed.
    waits = Delivery.objects.get(queue_id=q.id).due_at - (before - timedelta(seconds=31))
    assert waits == timedelta(seconds=60)
    age(q, 60)
    assert q.take() == ["m"]
    assert_consistent(q)


def test_a_lease_that_nobody_missed_for_longer_than_the_delay_is_ready(new_queue: NewQueue) -> None:
    q = new_queue(delay_lost=True, retry=DELAYED, lease_seconds=30)
    q.publish("m")
    q.take()
    age(q, 91)
    assert q.take() == ["m"]


def test_without_it_the_message_is_ready_at_once_and_remembers_why(new_queue: NewQueue) -> None:
    q = new_queue(retry=DELAYED, lease_seconds=30)
    q.publish("m")
    q.take()
    age(q, 31)
    assert q.take() == ["m"]
    assert q.get("m").last_error == "lease expired"


@pytest.mark.parametrize("seconds", [1, 20, 3600])
def test_no_lease_goes_beyond_the_time_an_attempt_may_take(new_queue: NewQueue, seconds: float) -> None:
    q = new_queue(attempt_seconds=20, lease_seconds=seconds)
    q.publish("m")
    (received,) = q.receive()
    claimed_at = q.get("m").claimed_at
    assert claimed_at is not None and received.lease_until is not None
    assert received.lease_until - claimed_at == clock.micros(min(seconds, 20))
    assert q.extend("m", 600, receipt=received.receipt) is Outcome.DONE
    assert q.get("m").lease_until == claimed_at + clock.micros(20)


def test_an_attempt_that_took_too_long_fails_for_that_reason(new_queue: NewQueue) -> None:
    q = new_queue(attempt_seconds=20, max_attempts=2, lease_seconds=30)
    q.publish("m")
    q.take()
    age(q, 21)
    assert q.take() == ["m"]
    assert q.get("m").last_error == "timed out"
    age(q, 21)
    promote(q)
    assert (q.state("m"), q.get("m").last_error) == (State.FAILED, "timed out")


def test_a_lease_that_ended_before_its_attempt_was_lost(new_queue: NewQueue) -> None:
    q = new_queue(attempt_seconds=20, lease_seconds=5)
    q.publish("m")
    q.take()
    age(q, 21)
    q.take()
    assert q.get("m").last_error == "lease expired"


def test_an_extension_need_not_shorten(q: Handle) -> None:
    q.publish("m")
    q.receive(lease_seconds=300)
    until = q.get("m").lease_until
    assert q.settle(Extend("m", 10, shorten=False)) == [Outcome.DONE]
    assert q.get("m").lease_until == until
    q.settle(Extend("m", 10))
    assert q.get("m").lease_until != until


def test_the_acked_and_the_dead_may_be_kept_for_times_of_their_own(new_queue: NewQueue) -> None:
    q = new_queue(retention_seconds=100, dead_retention_seconds=1000, max_attempts=1)
    q.publish("acked", "dead", "open", "auto")
    q.receive(2)
    q.ack("acked")
    q.nack("dead")
    q.receive(1)
    q.receive(1, auto_ack=True)
    assert [q.state(i) for i in ("acked", "dead", "open", "auto")] == [
        State.ACKED, State.FAILED, State.PROCESSING, State.ACKED,
    ]  # fmt: skip
    age(q, 101)
    sweep()
    assert q.ids() == ["dead", "open"]
    age(q, 1000)
    sweep()
    assert q.ids() == ["open"]
    assert_consistent(q)


def test_giving_up_ends_a_message_in_any_state_but_the_last(new_queue: NewQueue) -> None:
    q = new_queue(max_attempts=1)
    q.publish("leased", "lost", "acked")
    leased, _, _ = q.receive(3)
    q.ack("acked")
    q.publish("waiting")
    q.publish("later", deliver_at=clock.now() + clock.micros(600))
    Delivery.objects.filter(
        queue_id=q.id, offset=Message.objects.get(queue_id=q.id, public_id="lost").offset
    ).update(due_at=0)
    wanted = ["leased", "waiting", "later", "acked", "lost", "unknown"]
    assert q.settle(*(Kill(i, "no more") for i in wanted)) == [
        Outcome.DONE, Outcome.DONE, Outcome.DONE, Outcome.NOT_HELD, Outcome.NOT_HELD, Outcome.UNKNOWN,
    ]  # fmt: skip
    for name in ("leased", "waiting", "later"):
        found = q.get(name)
        assert (found.state, found.dead_reason, found.last_error) == (State.FAILED, "no more", "no more")
    assert q.ack("leased", receipt=leased.receipt) == [Outcome.NOT_HELD]
    assert q.get("lost").last_error == "lease expired"
    assert_consistent(q)


def test_removing_spares_what_somebody_holds(q: Handle) -> None:
    q.publish("held", "ready")
    q.receive(1)
    assert q.settle(Remove("held"), Remove("ready"), Remove("ready")) == [
        Outcome.NOT_HELD, Outcome.DONE, Outcome.UNKNOWN,
    ]  # fmt: skip
    assert q.ids() == ["held"]
    assert_consistent(q)


def test_hastening_brings_what_waits_and_what_is_dead(q: Handle) -> None:
    later = clock.now() + clock.micros(600)
    q.publish("dead")
    q.kill("dead")
    q.publish("held")
    q.receive(1)
    q.publish("later", deliver_at=later)
    q.publish("keyed", deliver_at=later, partition_key="k")
    names = ("dead", "held", "later", "keyed", "later")
    assert q.settle(*(Hasten(i) for i in names)) == [
        Outcome.DONE, Outcome.NOT_HELD, Outcome.DONE, Outcome.DONE, Outcome.NOT_HELD,
    ]  # fmt: skip
    assert q.take() == ["dead", "later", "keyed"]
    assert_consistent(q)
