"""Calls that are not to be repeated."""

from __future__ import annotations

import pytest
from django.db.models import F

from queues import broker
from queues.broker import seen_keys
from queues.broker.errors import QueueFull
from queues.broker.lanes import in_transaction
from queues.broker.seen_keys import Once
from queues.broker.types import Published
from queues.models import SeenKey

from .at_once import at_once
from .conftest import NewQueue
from .handle import Handle, message
from .rows import query

KEY = Once("k", 300)


def publish(queue: Handle, once: Once = KEY) -> Published:
    return broker.publish(queue.account_id, queue.name, [message()], once=once)[0]


def pass_time(queue: Handle, seconds: float) -> None:
    keys = SeenKey.objects.filter(queue_id=queue.id)
    keys.update(until=F("until") - int(seconds * 1_000_000))


def test_the_same_call_again_is_ignored(q: Handle) -> None:
    assert not publish(q).duplicate
    assert publish(q).duplicate
    assert len(q.peek()) == 1


def test_the_key_outlives_the_message(new_queue: NewQueue) -> None:
    q = new_queue(auto_delete=True)
    publish(q)
    q.receive(auto_ack=True)
    assert publish(q).duplicate


def test_another_key_or_another_queue_is_another_call(q: Handle, new_queue: NewQueue) -> None:
    publish(q)
    assert not publish(q, Once("other", 300)).duplicate
    assert not publish(new_queue()).duplicate


def test_a_key_counts_no_longer_than_its_time(q: Handle) -> None:
    publish(q)
    pass_time(q, 299)
    assert publish(q).duplicate
    pass_time(q, 2)
    assert not publish(q).duplicate
    assert publish(q).duplicate


def test_a_refused_call_leaves_no_key(new_queue: NewQueue) -> None:
    q = new_queue(max_backlog=1)
    q.publish("a")
    with pytest.raises(QueueFull):
        publish(q)
    q.take()
    assert not publish(q).duplicate


def test_a_repeat_is_ignored_by_a_full_queue_too(new_queue: NewQueue) -> None:
    q = new_queue(max_backlog=1)
    publish(q)
    assert publish(q).duplicate


def test_of_calls_that_meet_one_takes_effect(q: Handle) -> None:
    done = at_once([lambda: publish(q).duplicate] * 8)
    assert sorted(done) == [False] + [True] * 7
    assert len(q.peek()) == 1


def test_a_repeat_is_not_copied_to_followers(q: Handle, new_queue: NewQueue) -> None:
    copy = new_queue()
    broker.follow(q.account_id, q.name, copy.name)
    publish(q)
    publish(q)
    assert len(copy.peek()) == 1


def test_keys_that_count_no_more_are_removed(q: Handle) -> None:
    publish(q)
    publish(q, Once("x", 300))
    pass_time(q, 301)
    publish(q)
    while in_transaction(lambda tx: seen_keys.purge(tx, 1)):
        pass
    assert query("SELECT count(*) FROM queues_seenkey WHERE queue_id = %s", q.id) == [(1,)]


def test_a_lone_surrogate_is_a_key_like_any_other(q: Handle) -> None:
    odd = Once("\ud800", 300)
    assert not publish(q, odd).duplicate
    assert publish(q, odd).duplicate
