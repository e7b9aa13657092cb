"""Looking without touching. Contract: okmq.md §5.1, §5.7, §5.8."""

from __future__ import annotations

import pytest

from accounts.models import Account
from queues import broker
from queues.broker import clock
from queues.broker.errors import MessageNotFound, QueueNotFound
from queues.broker.types import QueueStats, State
from queues.models import Delivery, Message

from .conftest import NewQueue
from .handle import Handle
from .rows import age, assert_consistent, assert_states_add_up
from .test_bulk import fill

HOUR = clock.micros(3600)


def test_peek_shows_every_state_in_order_of_arrival(q: Handle) -> None:
    fill(q)
    assert q.ids() == ["failed", "acked", "processing", "scheduled", "pending"]
    assert [view.public_id for view in q.peek()] == [view.state for view in q.peek()]


def test_peek_pages_and_filters(q: Handle) -> None:
    q.publish("a", "b", "c", tag="x")
    q.publish("d", tag="y")
    q.ack("b")
    assert q.ids(limit=2) == ["a", "b"]
    assert q.ids(limit=2, skip=2) == ["c", "d"]
    assert q.ids(skip=4) == q.ids(skip=2**63 - 1) == []
    assert q.ids(tag="x", skip=1) == ["b", "c"]
    assert q.ids(State.PENDING, tag="x") == ["a", "c"]
    assert q.ids(State.PENDING, tag="x", skip=1) == ["c"]
    assert q.ids(tag="X") == q.ids(tag="\0") == q.ids(tag="\ud800") == []


def test_looking_changes_nothing(new_queue: NewQueue) -> None:
    queue = new_queue(auto_ack=True, auto_delete=True)
    queue.publish("m", "n")

    def rows() -> list[object]:
        return [
            list(Message.objects.filter(queue_id=queue.id).order_by("offset").values()),
            list(Delivery.objects.filter(queue_id=queue.id).order_by("offset").values()),
        ]

    before = rows()
    for _ in range(3):
        queue.peek()
        queue.get("m")
        queue.stats()
        queue.stats("t")
    assert rows() == before


def test_one_message_is_found_by_its_exact_id(q: Handle, account: Account, stranger: Account) -> None:
    q.publish("a/b\n", "A")
    assert q.get("a/b\n").offset == 0
    for id in ("a", "", "A ", "x" * 500, "\0", "\ud800"):
        with pytest.raises(MessageNotFound):
            q.get(id)
    for owner, name in ((account, "no such"), (account, "\0"), (stranger, q.name)):
        with pytest.raises(QueueNotFound):
            broker.get_message(owner.pk, name, "A")
        with pytest.raises(QueueNotFound):
            broker.peek(owner.pk, name)
        with pytest.raises(QueueNotFound):
            broker.stats(owner.pk, name)


def test_stats_count_each_state_also_by_tag(q: Handle) -> None:
    assert q.stats() == QueueStats()
    fill(q, tag="t")
    q.publish("untagged")
    assert q.stats() == QueueStats(pending=2, processing=1, scheduled=1, failed=1, acked=1)
    assert q.stats("t") == QueueStats(pending=1, processing=1, scheduled=1, failed=1, acked=1)
    assert q.stats("t").total == 5
    assert q.stats("T") == q.stats("\0") == q.stats("\ud800") == QueueStats()


def test_states_change_by_the_clock_alone(new_queue: NewQueue) -> None:
    queue = new_queue(max_attempts=2)
    queue.publish("twice")
    queue.take(lease_seconds=0.001)
    age(queue, 1)
    queue.take(lease_seconds=10)
    queue.publish("once")
    queue.take(lease_seconds=20)
    queue.publish("later", deliver_at=clock.now() + clock.micros(30))
    assert queue.stats() == QueueStats(processing=2, scheduled=1)
    age(queue, 11)
    assert queue.stats() == QueueStats(failed=1, processing=1, scheduled=1)
    age(queue, 10)
    assert queue.stats() == QueueStats(failed=1, pending=1, scheduled=1)
    age(queue, 10)
    assert queue.stats() == QueueStats(failed=1, pending=2)
    assert queue.ids(State.FAILED) == ["twice"]
    assert queue.ids(State.PENDING) == ["once", "later"]


def test_figures_and_messages_agree_at_every_step(new_queue: NewQueue) -> None:
    queue = new_queue(max_attempts=2)
    steps = [
        lambda: queue.publish(*"abcdefgh"),
        lambda: queue.publish("later", deliver_at=clock.now() + HOUR),
        lambda: queue.take(5, lease_seconds=10),
        lambda: queue.ack("a", "h"),
        lambda: queue.ack("b", delete=True),
        lambda: queue.nack("c"),
        lambda: queue.nack("d", deliver_at=clock.now() + HOUR),
        lambda: age(queue, 11),
        lambda: queue.take(2, lease_seconds=10),
        lambda: queue.nack("c", "e"),
        lambda: age(queue, 11),
        lambda: queue.take(2, lease_seconds=10),
        lambda: age(queue, 11),
        lambda: queue.delete_messages(ids=["f"]),
        queue.replay,
        lambda: age(queue, 3600),
        queue.take,
        lambda: queue.delete_messages(state=State.ACKED),
    ]
    for step in steps:
        step()  # type: ignore[no-untyped-call]
        assert_states_add_up(queue)
    assert_consistent(queue)


@pytest.mark.parametrize("tag", ["", "t"])
def test_an_expired_message_is_gone_for_every_reader_before_any_sweep(new_queue: NewQueue, tag: str) -> None:
    queue = new_queue(ttl_seconds=10)
    queue.publish("old", tag="t")
    age(queue, 11)
    queue.publish("young", tag="t")
    assert queue.ids(tag=tag) == ["young"]
    assert queue.stats(tag=tag) == QueueStats(pending=1)
    with pytest.raises(MessageNotFound):
        queue.get("old")
