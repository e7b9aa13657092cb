"""Handing messages out: order, leases, attempts, filters, expiry on the way, long polls."""

from __future__ import annotations

import threading

import pytest

from accounts.models import Account
from queues import broker
from queues.broker import clock
from queues.broker.errors import QueueNotFound
from queues.broker.lanes import Transaction
from queues.broker.receive import Receive
from queues.broker.types import ExpiryAction, Outcome, State
from queues.models import Delivery

from .at_once import at_once, eventually, in_background, parked
from .conftest import NewQueue
from .handle import Handle, ids
from .rows import age, assert_consistent, counters

SOON = 0.15
LONG = 20.0


def seconds_from_now(seconds: float) -> int:
    return clock.now() + clock.micros(seconds)


def test_messages_come_in_the_order_of_publication(q: Handle) -> None:
    q.publish("b", "a")
    q.publish("c")
    assert q.take(2) == ["b", "a"]
    assert q.take(2) == ["c"]
    assert q.take(2) == []


def test_a_due_and_a_retried_message_go_before_younger_ones(q: Handle) -> None:
    q.publish("delayed", deliver_at=seconds_from_now(60))
    q.publish("retried")
    q.publish("left")
    assert q.take(2) == ["retried", "left"]
    q.publish("young")
    q.nack("retried", deliver_at=seconds_from_now(30))
    age(q, 61)
    assert q.take(3) == ["delayed", "retried", "young"]


def test_a_lease_that_ran_out_puts_the_message_back_at_its_old_place(q: Handle) -> None:
    q.publish("a", "b")
    assert q.take(1, lease_seconds=10) == ["a"]
    age(q, 11)
    assert q.take() == ["a", "b"]


def test_priority_counts_also_for_what_falls_due(q: Handle) -> None:
    q.publish("high", priority=1, deliver_at=seconds_from_now(60))
    q.publish("low", "lower")
    age(q, 61)
    assert q.take() == ["high", "low", "lower"]


def test_no_more_than_the_limit_is_handed_out(q: Handle) -> None:
    q.publish("a", "b", "c")
    assert q.take(2) == ["a", "b"]
    assert q.stats().processing == 2


def test_a_tag_is_a_filter_that_keeps_the_order(q: Handle) -> None:
    for id, tag in (("a", "x"), ("b", ""), ("c", "y"), ("d", "x")):
        q.publish(id, tag=tag)
    assert q.take(tag="x") == ["a", "d"]
    assert q.take(tag="X") == []
    assert q.take(tag="no\0such") == []
    assert q.take(tag="\ud800") == []
    assert q.take() == ["b", "c"]


def test_a_tagged_message_may_be_due_or_retried_too(q: Handle) -> None:
    q.publish("a", tag="x", deliver_at=seconds_from_now(60))
    q.publish("b", tag="x")
    assert q.take(tag="x") == ["b"]
    q.nack("b")
    age(q, 61)
    assert q.take(tag="x") == ["a", "b"]


def test_a_delivery_says_all_there_is_to_say(q: Handle) -> None:
    q.publish("m", body='"x"', tag="t", partition_key="k", metadata='{"a":1}', headers='{"b":2}')
    before = clock.now()
    (got,) = q.receive(lease_seconds=5)
    view = q.get("m")
    assert (got.public_id, got.offset, got.body, got.tag, got.partition_key) == ("m", 0, '"x"', "t", "k")
    assert (got.metadata, got.headers, got.attempt) == ('{"a":1}', '{"b":2}', 1)
    assert (got.created_at, got.deliver_at) == (view.created_at, view.deliver_at)
    assert got.lease_until is not None
    assert before + clock.micros(5) <= got.lease_until <= clock.now() + clock.micros(5)
    assert (view.state, view.attempts, view.lease_until) == (State.PROCESSING, 1, got.lease_until)
    assert view.receipt == got.receipt
    assert view.updated_at == got.lease_until - clock.micros(5)


def test_attempts_are_counted_when_the_message_is_handed_out(q: Handle) -> None:
    q.publish("m")
    for attempt in (1, 2, 3):
        (got,) = q.receive(lease_seconds=10)
        assert got.attempt == q.get("m").attempts == attempt
        age(q, 11)
    assert q.take() == []
    assert q.state("m") is State.FAILED


def test_receipts_rise_with_every_delivery(q: Handle) -> None:
    q.publish("m")
    receipts: list[int] = []
    for _ in range(3):
        receipts.append(q.receive()[0].receipt or 0)
        q.nack("m", deliver_at=0)
    assert receipts == sorted(set(receipts))


def test_receipts_rise_although_the_clock_was_set_back(q: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    q.publish("m")
    (first,) = q.receive(lease_seconds=0.001)
    monkeypatch.setattr(clock, "_offset", clock._offset - clock.micros(3600))
    age(q, 7200)
    (second,) = q.receive()
    assert first.receipt is not None
    assert second.receipt is not None
    assert second.receipt > first.receipt


@pytest.mark.parametrize("auto_delete", [False, True])
def test_auto_ack_acknowledges_on_delivery(new_queue: NewQueue, auto_delete: bool) -> None:
    queue = new_queue(auto_ack=True, auto_delete=auto_delete)
    queue.publish("m", "n")
    (got,) = queue.receive(1)
    assert (got.attempt, got.lease_until, got.receipt) == (1, None, None)
    assert queue.ids(State.ACKED) == ([] if auto_delete else ["m"])
    assert queue.ids(State.PENDING) == ["n"]
    if not auto_delete:
        view = queue.get("m")
        assert (view.attempts, view.acked_at) == (1, view.updated_at)
    assert counters(queue)["acked_total"] == counters(queue)["received_total"] == 1
    assert_consistent(queue)


@pytest.mark.parametrize("auto_delete", [False, True])
def test_a_receiver_may_ask_for_auto_ack(new_queue: NewQueue, auto_delete: bool) -> None:
    queue = new_queue(auto_delete=auto_delete)
    queue.publish("m")
    (got,) = queue.receive(auto_ack=True)
    assert got.lease_until is None
    assert queue.ids() == ([] if auto_delete else ["m"])
    assert queue.receive() == []
    assert_consistent(queue)


def test_a_receiver_may_ask_for_a_lease_of_its_own(new_queue: NewQueue) -> None:
    queue = new_queue(lease_seconds=5)
    queue.publish("m", "n")
    (own,) = queue.receive(1, lease_seconds=70)
    (given,) = queue.receive(1)
    assert own.lease_until is not None
    assert given.lease_until is not None
    assert clock.micros(64) < own.lease_until - given.lease_until <= clock.micros(65)


def test_the_consumer_is_noted(q: Handle) -> None:
    q.publish("m")
    q.take(consumer="me")
    assert Delivery.objects.get(queue_id=q.id).consumer == "me"


@pytest.mark.parametrize("keep", [False, True])
def test_an_expired_message_is_removed_instead_of_handed_out(new_queue: NewQueue, keep: bool) -> None:
    queue = new_queue(ttl_seconds=10, preserve_pending=keep)
    queue.publish("old", "older")
    age(queue, 11)
    queue.publish("young")
    assert queue.take(2) == (["old", "older"] if keep else ["young"])
    assert queue.info().next_offset == 3
    assert counters(queue)["expired_total"] == (0 if keep else 2)
    assert_consistent(queue)


def test_an_expired_message_is_dead_lettered_instead_of_handed_out(new_queue: NewQueue) -> None:
    target = new_queue()
    queue = new_queue(ttl_seconds=10, on_expiry=ExpiryAction.DEAD_LETTER, dead_letter_queue=target.name)
    queue.publish("old")
    age(queue, 11)
    assert queue.take() == []
    assert (queue.ids(), target.ids()) == ([], ["old"])
    assert target.get("old").dead_reason == "message_expired"


def test_a_paused_queue_hands_out_nothing_but_takes_everything(q: Handle) -> None:
    q.publish("m", "n")
    q.take(1)
    q.pause()
    assert q.take() == []
    q.publish("o")
    assert q.ack("m") == [Outcome.DONE]
    assert q.info().paused_at is not None
    q.resume()
    assert q.take() == ["n", "o"]


def test_what_is_no_queue_of_the_account_is_refused(q: Handle, account: Account, stranger: Account) -> None:
    for owner, name in ((account, "no such"), (account, "\0"), (account, "\ud800"), (stranger, q.name)):
        with pytest.raises(QueueNotFound):
            broker.receive(owner.pk, name, wait_seconds=LONG)


def test_a_receiver_waits_for_a_publication(q: Handle) -> None:
    waiting = in_background(q.take, wait_seconds=LONG)
    parked(q.id, 1)
    q.publish("m")
    assert waiting.result(10) == ["m"]


def test_a_receiver_waits_for_a_delivery_time(q: Handle) -> None:
    q.publish("m", deliver_at=seconds_from_now(SOON))
    assert in_background(q.take, wait_seconds=LONG).result(10) == ["m"]


def test_a_receiver_waits_for_a_delivery_time_told_while_it_is_parked(q: Handle) -> None:
    waiting = in_background(q.take, wait_seconds=LONG)
    parked(q.id, 1)
    q.publish("later", deliver_at=seconds_from_now(3600))
    q.publish("m", deliver_at=seconds_from_now(SOON))
    assert waiting.result(10) == ["m"]


def test_a_delivery_time_at_the_end_of_all_days_harms_no_other(q: Handle) -> None:
    from queues.broker.types import MAX_INSTANT

    q.publish("never", deliver_at=MAX_INSTANT)
    waiting = in_background(q.take, wait_seconds=LONG)
    parked(q.id, 1)
    q.publish("m", deliver_at=seconds_from_now(SOON))
    assert waiting.result(10) == ["m"]


def test_a_receiver_waits_for_a_lease_to_run_out(q: Handle) -> None:
    """A killed consumer's message comes back after its lease."""
    q.publish("m")
    assert q.take(lease_seconds=SOON) == ["m"]
    assert in_background(q.take, wait_seconds=LONG).result(10) == ["m"]


def test_a_receiver_waits_for_a_nack(q: Handle) -> None:
    q.publish("m")
    q.take()
    waiting = in_background(q.receive, wait_seconds=LONG)
    parked(q.id, 1)
    q.nack("m")
    (got,) = waiting.result(10)
    assert got.attempt == 2


def test_a_receiver_waits_for_a_replay(q: Handle) -> None:
    q.publish("m")
    q.kill("m")
    waiting = in_background(q.take, wait_seconds=LONG)
    parked(q.id, 1)
    q.replay()
    assert waiting.result(10) == ["m"]


def test_a_receiver_waits_for_a_resumption(q: Handle) -> None:
    q.publish("m")
    q.pause()
    waiting = in_background(q.take, wait_seconds=LONG)
    parked(q.id, 1)
    q.resume()
    assert waiting.result(10) == ["m"]


def test_a_receiver_waits_for_a_dead_letter(new_queue: NewQueue) -> None:
    target = new_queue()
    queue = new_queue(dead_letter_queue=target.name)
    waiting = in_background(target.take, wait_seconds=LONG)
    parked(target.id, 1)
    queue.publish("m")
    queue.kill("m")
    assert waiting.result(10) == ["m"]


def test_a_receiver_that_waits_is_told_that_its_queue_is_gone(q: Handle) -> None:
    waiting = in_background(q.take, wait_seconds=LONG)
    parked(q.id, 1)
    q.delete()
    with pytest.raises(QueueNotFound):
        waiting.result(10)


def test_a_receiver_without_patience_answers_empty(q: Handle) -> None:
    assert q.take(wait_seconds=0) == []
    assert q.take(wait_seconds=0.01) == []


def test_each_of_many_parked_receivers_gets_its_message(q: Handle) -> None:
    waiting = [in_background(q.take, 1, wait_seconds=LONG) for _ in range(8)]
    parked(q.id, 8)
    q.publish(*(str(n) for n in range(8)))
    assert sorted(one.result(10)[0] for one in waiting) == [str(n) for n in range(8)]


def test_messages_due_at_one_instant_wake_one_receiver_after_the_other(q: Handle) -> None:
    waiting = [in_background(q.take, 1, wait_seconds=LONG) for _ in range(4)]
    parked(q.id, 4)
    q.publish("a", "b", "c", "d", deliver_at=seconds_from_now(SOON))
    assert sorted(one.result(10)[0] for one in waiting) == ["a", "b", "c", "d"]


def test_a_message_due_finds_the_receiver_of_its_tag_behind_others(q: Handle) -> None:
    wrong = [in_background(q.take, tag="x", wait_seconds=LONG) for _ in range(2)]
    parked(q.id, 2)
    right = in_background(q.take, tag="y", wait_seconds=LONG)
    parked(q.id, 3)
    q.publish("m", tag="y", deliver_at=seconds_from_now(SOON))
    assert right.result(10) == ["m"]
    q.delete()
    for one in wrong:
        with pytest.raises(QueueNotFound):
            one.result(10)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the queues looked into since the test began."""
    names: list[str] = []
    run = Receive.run

    def counted(tx: Transaction, operations: list[Receive]) -> None:
        names.extend(name for operation in operations for name in operation.queues)
        run(tx, operations)

    monkeypatch.setattr(Receive, "run", counted)
    return names


@pytest.mark.parametrize("paused", [False, True])
def test_a_parked_receiver_does_not_keep_looking(q: Handle, looks: list[str], paused: bool) -> None:
    """Neither while something is leased or scheduled, nor while what is due may not be handed out."""
    q.publish("leased")
    q.take(1)
    q.publish("later", deliver_at=seconds_from_now(3600))
    if paused:
        q.pause()
        age(q, 7200)
    looks.clear()
    waiting = in_background(q.take, wait_seconds=LONG)
    parked(q.id, 1)
    other = in_background(q.take, tag="none", wait_seconds=0.2)
    assert other.result(10) == []
    assert len(looks) <= 10  # a few, with the slow looks of a busy machine
    q.delete()
    with pytest.raises(QueueNotFound):
        waiting.result(10)


def test_a_client_that_hung_up_is_handed_nothing_and_the_next_one_gets_it(q: Handle) -> None:
    hung_up = threading.Event()
    first = in_background(q.take, wait_seconds=LONG, gone=hung_up.is_set)
    parked(q.id, 1)
    second = in_background(q.take, wait_seconds=LONG)
    parked(q.id, 2)
    hung_up.set()
    q.publish("m")
    assert second.result(10) == ["m"]
    assert q.get("m").attempts == 1
    q.delete()
    assert first.result(10) == []


def test_past_the_cap_a_receiver_answers_empty_at_once(q: Handle, settings: object) -> None:
    settings.OKMQ_MAX_PARKED = 0  # type: ignore[attr-defined]
    assert in_background(q.take, wait_seconds=LONG).result(10) == []
    q.publish("m")
    assert q.take(wait_seconds=LONG) == ["m"]


def test_parallel_receivers_share_what_there_is(q: Handle) -> None:
    q.publish(*(str(n) for n in range(40)))
    got = at_once([lambda: ids(q.receive(10))] * 8)
    assert sorted(id for part in got for id in part) == sorted(str(n) for n in range(40))
    eventually(lambda: q.stats().processing == 40)
