"""Time to live, and what else the clock brings about. Contract: okmq.md §6."""

from __future__ import annotations

import pytest

from queues.broker import clock, due
from queues.broker.lanes import in_transaction
from queues.broker.types import ExpiryAction, State
from queues.models import Delivery, DeliveryState

from .conftest import NewQueue
from .handle import Handle
from .rows import age, assert_consistent, counters
from .sweeping import sweep
from .test_bulk import fill

DAY = 86_400


@pytest.mark.parametrize(
    ("settings", "left"),
    [
        ({}, set()),
        ({"preserve_failed": True}, {"failed"}),
        ({"preserve_pending": True}, {"pending", "processing", "scheduled"}),
        (
            {"preserve_failed": True, "preserve_pending": True},
            {"failed", "pending", "processing", "scheduled"},
        ),
    ],
)
def test_the_sweep_spares_what_the_settings_preserve(
    new_queue: NewQueue, settings: dict[str, bool], left: set[str]
) -> None:
    queue = new_queue(ttl_seconds=DAY / 2, **settings)
    fill(queue)
    queue.extend("processing", 10 * DAY)
    age(queue, DAY / 2 + 1)
    sweep()
    assert {view.public_id for view in queue.peek()} == left
    assert counters(queue)["expired_total"] == 5 - len(left)
    assert not queue.publish("acked")[0].duplicate
    assert_consistent(queue)


def test_what_never_expires_or_not_yet_stays(new_queue: NewQueue) -> None:
    queue = new_queue(ttl_seconds=100)
    queue.publish("forever", ttl_seconds=0)
    queue.publish("young", "acked")
    queue.ack("acked")
    age(queue, 99)
    sweep()
    assert queue.ids() == ["forever", "young", "acked"]
    age(queue, 2)
    sweep()
    assert queue.ids() == ["forever"]


def test_a_preserved_message_goes_once_it_is_acked(new_queue: NewQueue) -> None:
    queue = new_queue(ttl_seconds=100, preserve_pending=True, preserve_failed=True)
    queue.publish("m")
    age(queue, 101)
    sweep()
    queue.ack("m")
    sweep()
    assert queue.ids() == []
    assert_consistent(queue)


def test_a_preserved_pending_message_that_dies_is_not_preserved_any_more(new_queue: NewQueue) -> None:
    queue = new_queue(ttl_seconds=100, preserve_pending=True)
    queue.publish("m")
    age(queue, 101)
    queue.kill("m")
    sweep()
    assert queue.ids() == []


@pytest.mark.parametrize("publishes_again", [False, True])
def test_what_failed_before_its_life_was_over_is_preserved_though_nobody_noticed(
    new_queue: NewQueue, *, publishes_again: bool
) -> None:
    """Its last lease ran out while no worker was there; now a sweep comes first, or the same id again."""
    queue = new_queue(ttl_seconds=100, max_attempts=1, preserve_failed=True)
    queue.publish("m")
    queue.take(lease_seconds=10)
    age(queue, 101)
    if publishes_again:
        assert queue.publish("m")[0].duplicate
    else:
        sweep()
    assert (queue.state("m"), queue.get("m").attempts) == (State.FAILED, 1)
    assert counters(queue)["expired_total"] == 0
    assert_consistent(queue)


def test_what_failed_unnoticed_and_is_not_preserved_goes(new_queue: NewQueue) -> None:
    queue = new_queue(ttl_seconds=100, max_attempts=1, preserve_pending=False)
    queue.publish("m")
    queue.take(lease_seconds=10)
    age(queue, 101)
    sweep()
    assert queue.ids() == []
    assert_consistent(queue)


def test_auto_acked_messages_expire(new_queue: NewQueue) -> None:
    queue = new_queue(ttl_seconds=100, auto_ack=True, preserve_pending=True)
    queue.publish("m")
    queue.take()
    age(queue, 101)
    sweep()
    assert queue.ids() == []
    assert_consistent(queue)


def test_a_sweep_works_in_chunks_over_all_queues(new_queue: NewQueue) -> None:
    queues = [new_queue(ttl_seconds=10) for _ in range(3)]
    for queue in queues:
        queue.publish(*(str(n) for n in range(7)))
        age(queue, 11)
    sweep(chunk=5)
    for queue in queues:
        assert queue.ids() == []
        assert counters(queue)["expired_total"] == 7
        assert_consistent(queue)


def test_an_expired_lease_holder_learns_that_the_message_is_gone(new_queue: NewQueue) -> None:
    queue = new_queue(ttl_seconds=10)
    queue.publish("m")
    receipt = queue.receive()[0].receipt
    age(queue, 11)
    sweep()
    assert queue.ack("m", receipt=receipt) == ["unknown"]


def test_a_message_dead_lettered_in_place_by_expiry_is_there_to_be_seen(new_queue: NewQueue) -> None:
    queue = new_queue(ttl_seconds=10, on_expiry=ExpiryAction.DEAD_LETTER, preserve_failed=True)
    queue.publish("m")
    age(queue, 11)
    sweep()
    sweep()
    view = queue.get("m")
    assert (view.state, view.dead_reason) == (State.FAILED, "message_expired")
    assert_consistent(queue)


@pytest.mark.parametrize("target", [None, "no such queue"])
def test_a_message_dead_lettered_in_place_by_expiry_is_not_lost(
    new_queue: NewQueue, target: str | None
) -> None:
    queue = new_queue(ttl_seconds=10, on_expiry=ExpiryAction.DEAD_LETTER, dead_letter_queue=target)
    queue.publish("m")
    age(queue, 11)
    sweep()
    sweep()
    assert queue.state("m") is State.FAILED


def test_promotion_makes_due_messages_ready_and_nothing_else(q: Handle) -> None:
    q.publish("due", "leased")
    q.publish("later", deliver_at=clock.now() + clock.micros(DAY))
    q.take(1, lease_seconds=10)
    age(q, 11)
    q.take(1)
    assert q.nack("due", deliver_at=clock.now() + clock.micros(10)) == ["done"]
    age(q, 11)
    q.take(1, tag="none")
    rows = Delivery.objects.filter(queue_id=q.id).order_by("offset").values_list("state", flat=True)
    assert list(rows) == [DeliveryState.READY, DeliveryState.READY, DeliveryState.SCHEDULED]


def test_promotion_is_bounded_and_goes_on_where_it_stopped(
    q: Handle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(due, "PROMOTE_AT_ONCE", 2)
    q.publish(*"abcde", deliver_at=clock.now() + clock.micros(10))
    age(q, 11)
    assert in_transaction(lambda tx: due.promote(tx, q.id)) == 2
    assert q.stats().pending == 5
    assert q.take() + q.take() + q.take() == list("abcde")


def test_promotion_of_the_exhausted_is_bounded_too(
    new_queue: NewQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(due, "PROMOTE_AT_ONCE", 2)
    queue = new_queue(max_attempts=1)
    queue.publish(*"abcde")
    queue.take(lease_seconds=10)
    age(queue, 11)
    assert queue.stats().failed == 5
    assert queue.replay() == 5
    assert queue.take() == list("abcde")
    assert_consistent(queue)


def test_the_next_due_time_is_the_earliest_of_delays_and_leases(q: Handle) -> None:
    assert in_transaction(lambda tx: due.next_due(tx.db, q.id)) is None
    at = clock.now() + clock.micros(DAY)
    q.publish("later", deliver_at=at)
    assert in_transaction(lambda tx: due.next_due(tx.db, q.id)) == at
    q.publish("now")
    (got,) = q.receive()
    assert in_transaction(lambda tx: due.next_due(tx.db, q.id)) == got.lease_until


def test_queues_in_which_something_is_due_are_found(q: Handle) -> None:
    q.publish("later", deliver_at=clock.now() + clock.micros(DAY))
    assert q.id not in in_transaction(due.queues_due)
    age(q, DAY + 1)
    assert q.id in in_transaction(due.queues_due)
