"""Queues that follow another one get copies of what is published there."""

from __future__ import annotations

import pytest

from queues import broker
from queues.broker.errors import QueueNotFound, QuotaExceeded
from queues.broker.types import QueueSettings

from .conftest import NewQueue
from .handle import Handle, message
from .rows import assert_consistent


@pytest.fixture
def copy(q: Handle, new_queue: NewQueue) -> Handle:
    made = new_queue(f"{q.name}::copy")
    broker.follow(q.account_id, q.name, made.name)
    return made


def test_a_follower_gets_what_is_published_from_then_on(q: Handle, copy: Handle) -> None:
    q.publish("a", body='"of a"')
    (copied,) = copy.receive()
    assert copied.body == '"of a"'
    assert copied.public_id != "a"
    assert q.ids() == ["a"]
    for queue in (q, copy):
        assert_consistent(queue)


def test_what_was_there_before_is_not_copied(q: Handle, new_queue: NewQueue) -> None:
    q.publish("before")
    late = new_queue()
    broker.follow(q.account_id, q.name, late.name)
    q.publish("after")
    assert len(late.peek()) == 1


def test_following_twice_is_following_once(q: Handle, copy: Handle) -> None:
    broker.follow(q.account_id, q.name, copy.name)
    q.publish("a")
    assert len(copy.peek()) == 1
    assert broker.followers_of(q.account_id, q.name) == [copy.name]


def test_a_duplicate_is_not_copied(q: Handle, copy: Handle) -> None:
    q.publish("a", "a")
    assert [p.duplicate for p in q.publish("a", "b")] == [True, False]
    assert len(copy.peek()) == 2


def test_a_copy_lives_under_the_followers_settings_and_wakes_its_receivers(
    q: Handle, new_queue: NewQueue
) -> None:
    other = new_queue(auto_delete=True)
    broker.follow(q.account_id, q.name, other.name)
    own = QueueSettings(max_attempts=9)
    q.send(message("a", settings=own, tag="t", priority=3))
    (view,) = other.peek()
    assert view.settings == other.info().settings
    assert (view.tag, view.priority) == ("t", 3)


def test_a_copy_is_not_copied_on(q: Handle, copy: Handle, new_queue: NewQueue) -> None:
    third = new_queue()
    broker.follow(q.account_id, copy.name, third.name)
    q.publish("a")
    assert third.peek() == []
    copy.publish("direct")
    assert len(third.peek()) == 1


def test_publishing_to_both_in_one_call_stores_all(q: Handle, new_queue: NewQueue) -> None:
    follower = new_queue(topics=(q.name,))
    broker.update_queue(q.account_id, q.name, topics=[q.name])
    broker.follow(q.account_id, q.name, follower.name)
    broker.publish_topic(q.account_id, q.name, [message("a"), message("b")])
    assert q.ids() == ["a", "b"]
    assert len(follower.peek()) == 4
    assert_consistent(follower)


def test_a_follower_that_is_gone_gets_nothing(q: Handle, copy: Handle) -> None:
    copy.delete()
    q.publish("a")
    assert q.ids() == ["a"]
    assert broker.followers_of(q.account_id, q.name) == []


def test_both_queues_must_exist(q: Handle) -> None:
    for leader, follower in ((q.name, "missing"), ("missing", q.name)):
        with pytest.raises(QueueNotFound):
            broker.follow(q.account_id, leader, follower)
    with pytest.raises(QueueNotFound):
        broker.followers_of(q.account_id, "missing")


def test_copies_count_against_the_quota(q: Handle, copy: Handle) -> None:
    from accounts.models import Account

    Account.objects.filter(pk=q.account_id).update(max_messages=3)
    q.publish("a")
    with pytest.raises(QuotaExceeded):
        q.publish("b")
    assert len(copy.peek()) == 1
    assert q.ids() == ["a"]
