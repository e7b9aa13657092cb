"""Idempotency keys: one message a key in a queue, however often and by however many it is published."""

from __future__ import annotations

import pytest

from queues import broker
from queues.broker.errors import QuotaExceeded
from queues.models import Message

from .at_once import at_once
from .conftest import NewQueue
from .handle import Handle, message
from .rows import age, assert_consistent
from .usage import set_quotas


def test_the_same_key_is_the_same_message(q: Handle) -> None:
    (first,) = q.publish(None, body='"first"', idempotency_key="k")
    (again,) = q.publish(None, body='"second"', idempotency_key="k")
    assert (again.public_id, again.offset, again.created_at, again.duplicate) == (
        first.public_id,
        first.offset,
        first.created_at,
        True,
    )
    assert q.get(first.public_id).body == '"first"'
    assert q.get(first.public_id).idempotency_key == "k"
    assert q.info().next_offset == 1
    assert_consistent(q)


def test_a_key_twice_in_one_call_is_one_message(q: Handle) -> None:
    published = q.send(
        message(idempotency_key="k"),
        message(),
        message(idempotency_key="k"),
        message("m", idempotency_key="l"),
    )
    assert [one.offset for one in published] == [0, 1, 0, 2]
    assert [one.duplicate for one in published] == [False, False, True, False]


def test_an_id_and_a_key_are_told_apart(q: Handle) -> None:
    q.publish("k")
    assert not q.publish(None, idempotency_key="k")[0].duplicate
    assert q.publish("k", idempotency_key="other")[0].duplicate


def test_many_at_once_make_one_message(q: Handle) -> None:
    answers = at_once(lambda: q.publish(None, idempotency_key="k")[0] for _ in range(8))
    assert len({answer.public_id for answer in answers}) == 1
    assert sum(not answer.duplicate for answer in answers) == 1
    assert_consistent(q)


def test_each_queue_has_its_own_keys(new_queue: NewQueue) -> None:
    one, other = new_queue(topics=("t",)), new_queue(topics=("t",))
    one.publish(None, idempotency_key="k")
    assert not other.publish(None, idempotency_key="k")[0].duplicate
    broker.publish_topic(one.account_id, "t", [message(idempotency_key="k"), message(idempotency_key="l")])
    assert len(one.peek()) == len(other.peek()) == 2


def test_a_key_is_free_when_its_message_is_gone(q: Handle) -> None:
    (first,) = q.publish(None, idempotency_key="k", ttl_seconds=10)
    age(q, 11)
    (second,) = q.publish(None, idempotency_key="k")
    assert (second.duplicate, second.offset) == (False, 1)
    q.delete_messages(ids=[second.public_id])
    assert not q.publish(None, idempotency_key="k")[0].duplicate
    assert first.public_id not in q.ids()


def test_a_key_lasts_as_long_as_its_message_whatever_its_state(q: Handle) -> None:
    (first,) = q.publish("m", idempotency_key="k")
    q.kill("m")
    assert q.publish(None, idempotency_key="k")[0].public_id == first.public_id
    q.ack("m")
    assert q.publish(None, idempotency_key="k")[0].public_id == first.public_id


def test_what_is_a_duplicate_by_its_key_costs_no_quota(q: Handle) -> None:
    set_quotas(q.account_id, max_messages=1)
    q.publish(None, idempotency_key="k")
    assert q.publish(None, None, idempotency_key="k")[1].duplicate
    with pytest.raises(QuotaExceeded):
        q.send(message(idempotency_key="k"), message(idempotency_key="l"))


def test_a_copy_in_a_dead_letter_queue_leaves_the_key_behind(new_queue: NewQueue) -> None:
    grave = new_queue()
    q = new_queue(dead_letter_queue=grave.name)
    q.publish("m", idempotency_key="k")
    q.kill("m")
    assert grave.get("m").idempotency_key is None
    assert Message.objects.filter(queue_id=q.id).count() == 0
    assert not q.publish("n", idempotency_key="k")[0].duplicate
