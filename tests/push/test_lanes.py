"""Lanes of destinations beside the pull lane: what each event does to a message's deliveries in both."""

from __future__ import annotations

import msgspec
import pytest

from queues import broker
from queues.broker import housekeeping, push_lanes
from queues.broker.lanes import in_transaction
from queues.broker.types import State
from queues.models import PULL_LANE, ClosedLane, Delivery, Destination, Message, Queue
from queues.push import claims, destinations
from queues.push.attempts import decided, failed
from queues.push.claims import Haul, look
from queues.push.sender import Answer
from queues.push.settlements import settle
from tests.broker.at_once import at_once
from tests.broker.conftest import NewQueue
from tests.broker.handle import Handle, message
from tests.broker.rows import age, assert_consistent, assert_rows_fit
from tests.broker.sweeping import purge, sweep

from .conftest import NewDestination


def in_lane(queue: Handle, lane: int) -> list[int]:
    """Offsets of what waits in the lane."""
    rows = Delivery.objects.filter(queue_id=queue.id, lane=lane).order_by("offset")
    return list(rows.values_list("offset", flat=True))


def states(queue: Handle, lane: int) -> list[int]:
    rows = Delivery.objects.filter(queue_id=queue.id, lane=lane).order_by("offset")
    return list(rows.values_list("state", flat=True))


def claim(queue: Handle) -> Haul:
    return look([queue.id], {})


def push(queue: Handle, status: int = 200, lane: int | None = None) -> list[str]:
    """Claim what the lanes (or one) have, as a worker does, and settle it as answered with ``status``."""
    done: list[str] = []
    for destination, messages in claim(queue).claimed:
        if lane in (None, destination.lane):
            settle([decided(destination, one, Answer(at=1, http_status=status)) for one in messages])
            done += [one.public_id for one in messages]
    return done


@pytest.fixture
def pushed(q: Handle, new_destination: NewDestination) -> Handle:
    """A queue with two destinations, in lanes 1 and 2."""
    new_destination(q)
    new_destination(q)
    return q


def test_each_open_lane_gets_a_delivery_and_closed_ones_none(
    pushed: Handle, new_destination: NewDestination
) -> None:
    pushed.publish("m0")
    off = new_destination(pushed)
    destinations.set_enabled(pushed.account_id, pushed.name, off.public_id, False)
    pushed.publish("m1", "m1", priority=3, tag="t")
    assert [in_lane(pushed, lane) for lane in range(4)] == [[0, 1], [0, 1], [0, 1], []]
    row = Delivery.objects.get(queue_id=pushed.id, lane=2, offset=1)
    assert (row.rank, row.tag, row.attempts, row.max_attempts) == (-3, "t", 0, push_lanes.NO_LIMIT)
    assert_consistent(pushed)


def test_topics_and_batches_reach_destinations(new_queue: NewQueue, new_destination: NewDestination) -> None:
    one, two = new_queue(topics=("news",)), new_queue(topics=("news",))
    new_destination(one)
    broker.publish_topic(one.account_id, "news", [message("m0"), message("m1")])
    assert in_lane(one, 1) == [0, 1]
    assert in_lane(two, 1) == []


def test_receivers_and_destinations_do_not_know_of_each_other(pushed: Handle) -> None:
    pushed.publish("m0", "m1")
    assert pushed.take(1) == ["m0"]
    pushed.ack("m0")
    assert in_lane(pushed, 1) == [0, 1]
    assert sorted(push(pushed)) == ["m0", "m0", "m1", "m1"]
    assert pushed.state("m0") is State.ACKED
    assert pushed.take() == ["m1"]
    assert_consistent(pushed)


def test_what_is_given_up_in_a_lane_is_not_dead(pushed: Handle) -> None:
    pushed.publish("m0")
    for haul_destination, messages in claim(pushed).claimed:
        policy = haul_destination.config.retry_policy
        last = [msgspec.structs.replace(one, attempt=policy.max_attempts) for one in messages]
        settle([decided(haul_destination, one, failed("no")) for one in last])
    assert in_lane(pushed, 1) == in_lane(pushed, 2) == []
    assert pushed.state("m0") is State.PENDING
    assert_consistent(pushed)


@pytest.mark.parametrize("auto_ack", [False, True])
def test_a_message_that_is_to_go_stays_until_the_last_destination_had_it(
    new_queue: NewQueue, new_destination: NewDestination, auto_ack: bool
) -> None:
    queue = new_queue(auto_delete=True, auto_ack=auto_ack)
    new_destination(queue)
    new_destination(queue)
    queue.publish("m0")
    assert queue.take() == ["m0"]
    if not auto_ack:
        queue.ack("m0")
    assert queue.state("m0") is State.ACKED
    assert_rows_fit(queue)
    push(queue, lane=1)
    assert queue.ids() == ["m0"]
    age(queue, 3600)
    push(queue, lane=2)
    assert not Message.objects.filter(queue_id=queue.id).exists()
    assert_consistent(queue)


def test_pushed_before_it_is_acked_it_goes_with_the_ack(
    new_queue: NewQueue, new_destination: NewDestination
) -> None:
    queue = new_queue(auto_delete=True)
    new_destination(queue)
    queue.publish("m0")
    push(queue)
    queue.take()
    queue.ack("m0")
    assert not Message.objects.filter(queue_id=queue.id).exists()
    assert_consistent(queue)


def test_of_two_destinations_done_at_once_one_removes_the_message(
    new_queue: NewQueue, new_destination: NewDestination
) -> None:
    queue = new_queue(auto_delete=True)
    new_destination(queue)
    new_destination(queue)
    for n in range(20):
        queue.publish(f"m{n}")
    queue.take()
    queue.ack(*(f"m{n}" for n in range(20)))
    one, two = (
        [decided(destination, m, Answer(at=1, http_status=200)) for m in messages]
        for destination, messages in claim(queue).claimed
    )
    at_once([lambda s=s: settle([s]) for s in (*one, *two)])  # type: ignore[misc]
    assert not Message.objects.filter(queue_id=queue.id).exists()
    assert_consistent(queue)


def test_acked_while_it_is_pushed_it_goes_in_the_end(
    new_queue: NewQueue, new_destination: NewDestination
) -> None:
    queue = new_queue(auto_delete=True)
    new_destination(queue)
    queue.publish(*(f"m{n}" for n in range(20)))
    queue.take()
    ((destination, messages),) = claim(queue).claimed
    pushes = [lambda m=m: settle([decided(destination, m, Answer(at=1, http_status=200))]) for m in messages]
    acks = [lambda m=m: queue.ack(m.public_id) for m in messages]
    at_once([*pushes, *acks])
    assert not Message.objects.filter(queue_id=queue.id).exists()
    assert_consistent(queue)


def test_a_message_that_moves_to_a_dead_letter_queue_is_still_pushed(
    new_queue: NewQueue, new_destination: NewDestination
) -> None:
    letters = new_queue()
    queue = new_queue(dead_letter_queue=letters.name)
    new_destination(queue)
    new_destination(letters)
    queue.publish("m0")
    queue.kill("m0")
    assert letters.ids() == ["m0"]
    assert in_lane(letters, 1) == [0], "it is a message of that queue like any other"
    assert push(queue) == ["m0"]
    assert not Message.objects.filter(queue_id=queue.id).exists()
    assert_consistent(queue)
    assert_consistent(letters)


def test_dead_messages_that_are_dropped_are_still_pushed(
    new_queue: NewQueue, new_destination: NewDestination
) -> None:
    queue = new_queue(drop_dead=True)
    new_destination(queue)
    queue.publish("m0")
    queue.kill("m0")
    assert_rows_fit(queue)
    assert push(queue) == ["m0"]
    assert not Message.objects.filter(queue_id=queue.id).exists()
    assert_consistent(queue)


def test_what_is_deleted_is_pushed_to_nobody(pushed: Handle) -> None:
    pushed.publish("m0", "m1")
    pushed.delete_messages(ids=["m0"])
    assert in_lane(pushed, 1) == in_lane(pushed, 2) == [1]
    ((_, held), *_) = claim(pushed).claimed
    pushed.delete_messages()
    assert [in_lane(pushed, lane) for lane in range(3)] == [[], [], []]
    assert [one.public_id for one in held] == ["m1"]
    assert_consistent(pushed)


def test_what_is_over_is_pushed_to_nobody(new_queue: NewQueue, new_destination: NewDestination) -> None:
    queue = new_queue(ttl_seconds=100)
    new_destination(queue)
    queue.publish("m0")
    queue.take()
    queue.ack("m0")
    queue.publish("m1")
    age(queue, 101)
    assert claim(queue).claimed == []
    sweep()
    assert in_lane(queue, 1) == []
    assert not Message.objects.filter(queue_id=queue.id).exists()
    assert_consistent(queue)


def test_what_a_closed_lane_had_is_removed_in_chunks(
    new_queue: NewQueue, new_destination: NewDestination
) -> None:
    queue = new_queue(auto_delete=True)
    made = new_destination(queue)
    queue.publish(*(f"m{n}" for n in range(5)))
    queue.take(3)
    queue.ack("m0", "m1", "m2")
    destinations.delete(queue.account_id, queue.name, made.public_id)
    assert claim(queue).claimed == []
    assert push_lanes.remove_closed in housekeeping.PURGES
    while ClosedLane.objects.filter(queue_id=queue.id).exists():
        assert in_transaction(lambda tx: push_lanes.remove_closed(tx, 2)) <= 2
    assert in_lane(queue, 1) == []
    assert queue.ids() == ["m3", "m4"], "the others had waited for that lane alone"
    assert_consistent(queue)


def test_enabled_again_a_destination_begins_with_new_messages(
    q: Handle, new_destination: NewDestination
) -> None:
    made = new_destination(q)
    q.publish("m0")
    destinations.set_enabled(q.account_id, q.name, made.public_id, False)
    q.publish("m1")
    destinations.set_enabled(q.account_id, q.name, made.public_id, True)
    q.publish("m2")
    assert push(q) == ["m2"]


def test_a_deleted_queue_leaves_nothing(pushed: Handle) -> None:
    pushed.publish("m0", "m1")
    pushed.delete()
    assert claim(pushed).claimed == []
    purge()
    for table in (Destination, Delivery, ClosedLane):
        assert not table.objects.filter(queue_id=pushed.id).exists()
    assert not Queue.objects.filter(pk=pushed.id).exists()


def test_a_lease_that_ran_out_is_sent_again_and_the_late_answer_counts_for_nothing(
    q: Handle, new_destination: NewDestination
) -> None:
    new_destination(q)
    q.publish("m0", "m1", partition_key="k")
    ((destination, first),) = claim(q).claimed
    assert [one.public_id for one in first] == ["m0"]
    assert claim(q).claimed == []
    age(q, 3600)
    ((_, again),) = claim(q).claimed
    assert [(one.public_id, one.attempt) for one in again] == [("m0", 2)]
    settle([decided(destination, first[0], failed("late"))])
    assert states(q, 1) == [2, 3], "still in the other one's hands"
    settle([decided(destination, again[0], Answer(at=1, http_status=200))])
    assert states(q, 1) == [1]
    assert push(q) == ["m1"]
    assert_consistent(q)


def test_a_look_that_took_enough_leaves_the_rest_to_the_next(
    pushed: Handle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "CLAIMED_AT_ONCE", 2)
    pushed.publish("m0", "m1")
    first = claim(pushed)
    assert [destination.lane for destination, _ in first.claimed] == [1]
    assert first.unseen == {pushed.id}
    second = claim(pushed)
    assert [destination.lane for destination, _ in second.claimed] == [2]
    assert second.unseen == set()


def test_keys_are_kept_in_order_in_each_lane_by_itself(pushed: Handle) -> None:
    pushed.publish("a0", "a1", partition_key="a")
    assert states(pushed, 1) == states(pushed, 2) == [1, 3]
    push(pushed, lane=1)
    assert states(pushed, 1) == [1]
    assert states(pushed, 2) == [2, 3]
    assert states(pushed, PULL_LANE) == [1, 3]
