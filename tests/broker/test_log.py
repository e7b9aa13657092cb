"""A queue as a log: from an offset on, its ends, pages by what people tell apart, and how long it keeps."""

from __future__ import annotations

import pytest

from queues import broker
from queues.broker.browse import Which
from queues.broker.errors import QueueNotFound
from queues.broker.types import State

from .conftest import NewQueue
from .handle import Handle, ids
from .rows import age, assert_consistent
from .test_bulk import fill


def read(queue: Handle, first: int, limit: int = 100) -> list[str]:
    return ids(broker.read_log(queue.account_id, queue.name, first, limit=limit))


def ends(queue: Handle) -> tuple[int, int]:
    return broker.log_ends(queue.account_id, queue.name)


def test_the_log_shows_messages_in_every_state_from_an_offset_on(q: Handle) -> None:
    fill(q)
    assert read(q, 0) == ["failed", "acked", "processing", "scheduled", "pending"]
    assert read(q, 3) == ["scheduled", "pending"]
    assert read(q, 1, limit=2) == ["acked", "processing"]
    assert read(q, 5) == read(q, 2**63 - 1) == []
    assert q.get("pending").attempts == 0


def test_the_ends_are_those_of_what_is_stored(q: Handle) -> None:
    assert ends(q) == (0, -1)
    q.publish("a", "b", "c", "d")
    assert ends(q) == (0, 3)
    q.delete_messages(ids=["a", "d"])
    assert ends(q) == (1, 2)
    q.take()
    q.ack("b")
    assert ends(q) == (1, 2)
    q.delete_messages()
    assert ends(q) == (4, 3)


def test_expired_messages_are_no_part_of_the_log(q: Handle) -> None:
    q.publish("a", ttl_seconds=10)
    q.publish("b")
    q.publish("c", ttl_seconds=10)
    age(q, 11)
    assert (read(q, 0), ends(q)) == (["b"], (1, 1))


def page(queue: Handle, which: Which, limit: int = 100, skip: int = 0) -> tuple[list[str], int]:
    found = broker.page(queue.account_id, queue.name, which, limit=limit, skip=skip)
    return ids(found.messages), found.total


def test_pages_tell_what_waits_from_what_is_held_done_and_dead(q: Handle) -> None:
    fill(q)
    assert page(q, Which.ALL) == (["failed", "acked", "processing", "scheduled", "pending"], 5)
    assert page(q, Which.WAITING) == (["scheduled", "pending"], 2)
    assert page(q, Which.LEASED) == (["processing"], 1)
    assert page(q, Which.ACKED) == (["acked"], 1)
    assert page(q, Which.DEAD) == (["failed"], 1)


def test_a_page_is_a_part_and_its_total_is_not(q: Handle) -> None:
    q.publish("a", "b", "c", "d", "e")
    assert page(q, Which.ALL, 2, 2) == (["c", "d"], 5)
    assert page(q, Which.WAITING, 2, 4) == (["e"], 5)
    assert page(q, Which.DEAD) == ([], 0)
    q.kill("a", "b", "c", "d", "e")
    assert page(q, Which.DEAD, 2, 1) == (["d", "c"], 5)
    assert page(q, Which.DEAD, 2, 2**63 - 1) == ([], 5)


def test_who_died_unnoticed_is_on_the_page_of_the_dead(new_queue: NewQueue) -> None:
    queue = new_queue(max_attempts=1)
    queue.publish("a", "b", "c")
    queue.take(2, lease_seconds=10)
    queue.nack("a")
    age(queue, 11)
    assert page(queue, Which.DEAD) == (["b", "a"], 2)


def test_several_messages_are_found_by_id(q: Handle) -> None:
    q.publish("a", "b", "c")
    found = broker.get_messages(q.account_id, q.name, ["c", "a", "none", "\0", "\ud800"])
    assert sorted(found) == ["a", "c"]
    assert found["c"].offset == 2
    assert broker.get_messages(q.account_id, q.name, []) == {}


def test_a_missing_queue_is_told(q: Handle) -> None:
    account = q.account_id
    for look in (
        lambda: broker.read_log(account, "none", 0, limit=1),
        lambda: broker.log_ends(account, "none"),
        lambda: broker.page(account, "none", Which.ALL, limit=1),
        lambda: broker.get_messages(account, "none", ["m"]),
    ):
        with pytest.raises(QueueNotFound):
            look()


def test_an_acked_message_is_kept_as_long_as_retention_says(new_queue: NewQueue) -> None:
    queue = new_queue(ttl_seconds=60, retention_seconds=1000)
    queue.publish("acked", "waiting")
    queue.publish("at once")
    assert queue.take(1) == ["acked"]
    queue.ack("acked")
    assert queue.receive(1, auto_ack=True)[0].public_id == "waiting"
    age(queue, 100)
    assert queue.ids() == ["acked", "waiting"]
    age(queue, 901)
    assert queue.ids() == []


def test_retention_of_nothing_hides_an_acked_message_at_once(new_queue: NewQueue) -> None:
    queue = new_queue(retention_seconds=0)
    queue.publish("a")
    queue.take()
    queue.ack("a")
    assert queue.ids() == []
    assert queue.stats().acked == 0


def test_any_message_can_be_put_back(q: Handle) -> None:
    fill(q)
    known = ["failed", "acked", "processing", "scheduled", "pending"]
    assert q.replay(ids=[*known, "none"], any_state=True) == 4
    assert all(q.state(id) is State.PENDING for id in known)
    assert q.stats().acked == q.stats().failed == 0
    assert_consistent(q)
    again = q.receive()
    assert [(one.public_id, one.attempt) for one in again] == [(id, 1) for id in known]
    assert_consistent(q)


def test_who_held_a_message_that_is_put_back_loses_it(q: Handle) -> None:
    q.publish("m")
    (held,) = q.receive()
    q.replay(ids=["m"], any_state=True)
    assert q.ack("m", receipt=held.receipt) == ["not_held"]
    assert q.take() == ["m"]


def test_what_is_put_back_keeps_the_order_of_its_key(q: Handle) -> None:
    q.publish("a", "b", partition_key="k")
    assert q.take() == ["a"]
    q.ack("a")
    q.replay(ids=["a"], any_state=True)
    assert q.take() == ["a"]
    q.ack("a")
    assert q.take() == ["b"]


def test_deleting_by_id_and_state_takes_only_what_meets_both(q: Handle) -> None:
    fill(q)
    assert q.delete_messages(ids=["failed", "pending"], state=State.FAILED) == 1
    assert q.ids(State.PENDING) == ["pending"]
