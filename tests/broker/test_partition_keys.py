"""Strict order within a partition key: one at a time, whatever becomes of it."""

from __future__ import annotations

import random
import threading

import pytest

from queues.broker import clock
from queues.broker.types import ExpiryAction, State
from queues.models import Delivery, DeliveryState

from .at_once import at_once, in_background, parked
from .conftest import NewQueue
from .handle import Handle
from .rows import age, assert_consistent
from .sweeping import sweep

DAY = clock.micros(86_400)
OUT = (DeliveryState.READY, DeliveryState.LEASED)


def publish(q: Handle, *public_ids: str, key: str = "k", **fields: object) -> None:
    q.publish(*public_ids, partition_key=key, **fields)


def test_of_each_key_one_message_is_out_at_a_time(q: Handle) -> None:
    publish(q, "a1", "a2", key="a")
    publish(q, "b1", "b2", key="b")
    q.publish("free", "freer")
    assert q.take() == ["a1", "b1", "free", "freer"]
    assert q.take() == []
    assert q.stats().pending == 2
    q.ack("a1")
    assert q.take() == ["a2"]
    q.ack("b1", delete=True)
    assert q.take() == ["b2"]
    assert_consistent(q)


def test_a_message_published_while_its_key_is_out_waits(q: Handle) -> None:
    publish(q, "1")
    q.take()
    publish(q, "2", "3")
    assert q.take() == []
    q.ack("1")
    assert q.take() == ["2"]


def test_a_retry_comes_before_the_next_of_its_key(q: Handle) -> None:
    publish(q, "1", "2")
    q.take()
    q.nack("1")
    assert q.take() == ["1"]
    q.nack("1", deliver_at=clock.now() + DAY)
    assert q.take() == []
    age(q, 86_401)
    assert q.take() == ["1"]


def test_a_lease_that_ran_out_keeps_the_order(q: Handle) -> None:
    publish(q, "1", "2")
    q.take(lease_seconds=10)
    age(q, 11)
    assert q.take() == ["1"]
    assert q.take() == []


@pytest.mark.parametrize("how", ["nack", "lease", "moved"])
def test_death_frees_the_key(new_queue: NewQueue, how: str) -> None:
    target = new_queue()
    queue = new_queue(max_attempts=1, dead_letter_queue=target.name if how == "moved" else None)
    publish(queue, "1", "2")
    queue.take(lease_seconds=10)
    if how == "lease":
        age(queue, 11)
    else:
        queue.nack("1")
    assert queue.take() == ["2"]
    assert_consistent(queue)


@pytest.mark.parametrize("lease", [False, True])
def test_deletion_frees_the_key(q: Handle, lease: bool) -> None:
    publish(q, "1", "2", "3")
    if lease:
        q.take()
    assert q.delete_messages(ids=["1"]) == 1
    assert q.take() == ["2"]
    q.delete_messages(state=State.PROCESSING)
    assert q.take() == ["3"]


def test_auto_ack_hands_out_one_after_the_other(new_queue: NewQueue) -> None:
    queue = new_queue(auto_ack=True)
    publish(queue, "1", "2", "3")
    assert [queue.take(), queue.take(), queue.take(), queue.take()] == [["1"], ["2"], ["3"], []]
    assert_consistent(queue)


@pytest.mark.parametrize("action", list(ExpiryAction))
@pytest.mark.parametrize("by_sweep", [False, True])
def test_expiry_frees_the_key(new_queue: NewQueue, action: ExpiryAction, by_sweep: bool) -> None:
    queue = new_queue(on_expiry=action)
    publish(queue, "1", ttl_seconds=10)
    publish(queue, "2")
    age(queue, 11)
    if by_sweep:
        sweep()
    assert queue.take() == ["2"]
    assert_consistent(queue)


def test_a_scheduled_message_holds_nobody_up_until_it_is_due(q: Handle) -> None:
    publish(q, "1", deliver_at=clock.now() + DAY)
    publish(q, "2", "3")
    assert q.take(lease_seconds=1_000_000) == ["2"]
    age(q, 86_401)
    assert q.take() == []
    q.ack("2")
    assert q.take() == ["1"]
    q.ack("1")
    assert q.take() == ["3"]


def test_a_replayed_message_goes_first_in_its_key_but_waits_for_the_one_that_is_out(q: Handle) -> None:
    publish(q, "1", "2", "3")
    q.kill("1")
    assert q.take() == ["2"]
    q.replay()
    assert q.take() == []
    q.ack("2")
    assert q.take() == ["1"]
    q.ack("1")
    assert q.take() == ["3"]


def test_a_replayed_message_takes_the_place_of_a_ready_one(q: Handle) -> None:
    publish(q, "1", "2")
    q.kill("1")
    q.replay()
    assert q.take() == ["1"]
    assert q.take() == []


def test_priority_does_not_break_the_order_of_a_key(q: Handle) -> None:
    publish(q, "1")
    publish(q, "2", priority=9)
    assert q.take() == ["1"]


def test_an_early_ack_of_a_blocked_message_leaves_the_rest_in_order(q: Handle) -> None:
    publish(q, "1", "2", "3")
    q.ack("2")
    assert q.take() == ["1"]
    q.ack("1")
    assert q.take() == ["3"]


def test_equal_keys_of_two_queues_have_nothing_to_do_with_each_other(new_queue: NewQueue) -> None:
    one, two = new_queue(), new_queue()
    publish(one, "1")
    publish(two, "1")
    assert (one.take(), two.take()) == (["1"], ["1"])


def test_a_freed_key_wakes_a_parked_receiver(q: Handle) -> None:
    publish(q, "1", "2")
    q.take()
    waiting = in_background(q.take, wait_seconds=20)
    parked(q.id, 1)
    q.ack("1")
    assert waiting.result(10) == ["2"]


def test_a_blocked_message_of_a_tag_comes_when_its_key_is_free(q: Handle) -> None:
    publish(q, "1", tag="x")
    publish(q, "2", tag="y")
    assert q.take(tag="y") == []
    assert q.take(tag="x") == ["1"]
    q.ack("1")
    assert q.take(tag="y") == ["2"]


def test_eight_consumers_keep_the_order_of_every_key(new_queue: NewQueue) -> None:
    """Each key's messages are finished in the order of publication, although deliveries fail now and then,
    leases are given up, and publishers go on while consumers work."""
    queue = new_queue(max_attempts=100)
    keys, each = 5, 16
    finished: list[str] = []
    out: set[str] = set()
    guard = threading.Lock()
    done = threading.Event()

    def publish_all(part: int) -> None:
        for n in range(each):
            for key in range(part, keys, 2):
                publish(queue, f"{key}:{n:02}", key=str(key))

    def consume(seed: int) -> None:
        chance = random.Random(seed)
        while not done.is_set():
            for got in queue.receive(3, wait_seconds=0.05, auto_ack=False):
                with guard:
                    assert got.partition_key not in out, "two of one key are out"
                    out.add(got.partition_key)
                fails = chance.random() < 0.2
                with guard:
                    out.remove(got.partition_key)
                    if not fails:
                        finished.append(got.public_id)
                        if len(finished) == keys * each:
                            done.set()
                (queue.nack if fails else queue.ack)(got.public_id, receipt=got.receipt)

    at_once(
        [lambda part=part: publish_all(part) for part in range(2)]
        + [lambda seed=seed: consume(seed) for seed in range(8)]
    )
    for key in range(keys):
        assert [id for id in finished if id.startswith(f"{key}:")] == [f"{key}:{n:02}" for n in range(each)]
    assert queue.stats().acked == keys * each
    assert not Delivery.objects.filter(queue_id=queue.id).exists()
    assert_consistent(queue)


def test_auto_ack_under_four_consumers_keeps_the_order_of_every_key(new_queue: NewQueue) -> None:
    """An auto-acked claim and a publication of one key want each other's locks: neither may get stuck."""
    queue = new_queue(auto_ack=True)
    got: list[str] = []
    done = threading.Event()

    def consume() -> None:
        while not done.is_set():
            got.extend(queue.take(2, wait_seconds=0.05))
            if len(got) == 30:
                done.set()

    def publish_all() -> None:
        for n in range(30):
            publish(queue, f"{n:02}", key=str(n % 2))

    at_once([publish_all] + [consume] * 4)
    assert sorted(got) == [f"{n:02}" for n in range(30)]
    assert_consistent(queue)
