"""Receiving and settling (section 11, 39 to 47)."""

from __future__ import annotations

import time
from typing import Any

import pytest

from queues.api.agentuity.messages import read_timeout
from queues.api.problems import BadRequest
from queues.broker.wakes import of_room
from tests.broker.at_once import at_once, in_background, parked

from .client import Client, Queue
from .conftest import NewQueue

LONG = 20.0


@pytest.mark.contract("39")
def test_an_empty_queue_answers_null_at_once_or_when_time_is_up(q: Queue) -> None:
    assert q.call("GET", "receive").json() == {"success": True, "data": {"message": None}, "message": None}
    assert q.receive(0) is None
    begin = time.monotonic()
    assert q.receive(0.4) is None
    assert time.monotonic() - begin > 0.39


@pytest.mark.contract("40")
def test_a_waiting_receiver_gets_a_message_as_it_comes(q: Queue) -> None:
    waiting = in_background(q.receive, 15)
    parked(q.handle().id, 1)
    published = q.publish({"a": 1})
    received = waiting.result(LONG)
    assert received is not None and received["id"] == published["id"]


@pytest.mark.contract("41")
def test_a_long_timeout_is_clamped_and_not_refused(q: Queue) -> None:
    q.publish()
    assert q.receive(60) is not None


@pytest.mark.contract("41")
@pytest.mark.once
@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("2", 2),
        ("2.5", 2.5),
        ("30", 30),
        ("60", 30),
        ("-5", 0),
        (None, 0),
        ("0.30000000000000004", 0.30000000000000004),
        ("1e3", 30),
        ("1e-07", 1e-07),
        ("9" * 400, 30),
        ("-1e999", 0),
    ],
)
def test_timeouts(text: str | None, seconds: float) -> None:
    assert read_timeout({} if text is None else {"timeout": text}) == seconds


@pytest.mark.once
@pytest.mark.parametrize("text", ["", "x", "nan", "inf", "1e", ".", "-", "1_0", "٣"])
def test_what_is_no_timeout(text: str) -> None:
    with pytest.raises(BadRequest, match="timeout"):
        read_timeout({"timeout": text})


def test_a_bad_timeout_or_a_missing_queue_is_told(ag: Client, q: Queue) -> None:
    q.call("GET", "receive", timeout="soon").expect(400)
    ag.call("GET", "/queue/receive/none", timeout="soon").expect(404)
    ag.call("GET", "/queue/receive/none").expect(404)


@pytest.mark.contract("42")
def test_messages_come_in_order_and_are_leased(q: Queue) -> None:
    for payload in range(3):
        q.publish(payload)
    taken = [q.take() for _ in range(3)]
    assert [one["offset"] for one in taken] == [0, 1, 2]
    assert {(one["state"], one["delivery_attempts"]) for one in taken} == {("leased", 1)}
    assert q.receive() is None
    for one in taken:
        assert one["delivered_at"] is not None and one["acknowledged_at"] is None
        assert q.message(one["id"]) == one


@pytest.mark.contract("43")
def test_no_two_receivers_get_one_message(q: Queue) -> None:
    q.batch(*({"payload": n} for n in range(8)))
    taken = at_once(q.take for _ in range(8))
    assert len({one["id"] for one in taken}) == 8


@pytest.mark.contract("44")
def test_an_acknowledged_message_is_done(q: Queue) -> None:
    published = q.publish()
    q.take()
    q.ack(published["id"])
    shown = q.message(published["id"])
    assert shown["state"] == "delivered" and shown["acknowledged_at"] is not None
    q.age(100)
    assert q.receive() is None


@pytest.mark.contract("45")
def test_a_message_is_acknowledged_once_or_more(q: Queue) -> None:
    published = q.publish()
    q.call("POST", "ack", published["id"]).expect(404)  # nobody holds it
    q.take()
    q.ack(published["id"])
    q.ack(published["id"])
    assert q.message(published["id"])["state"] == "delivered"
    q.call("POST", "nack", published["id"]).expect(404)


def test_a_lost_lease_can_be_neither_acknowledged_nor_given_back(new_queue: NewQueue) -> None:
    q = new_queue(visibility_timeout_seconds=10)
    published = q.publish()
    q.take()
    q.age(11)
    q.call("POST", "ack", published["id"]).expect(404)
    q.call("POST", "nack", published["id"]).expect(404)
    assert q.message(published["id"])["state"] == "pending"


@pytest.mark.contract("46")
def test_what_is_given_back_comes_again_after_its_backoff(ag: Client, name: str) -> None:
    q = ag.create(name, settings={"default_retry_backoff_ms": 1500})
    published = q.publish()
    q.take()
    q.nack(published["id"])
    assert q.message(published["id"])["state"] == "pending"
    assert q.receive() is None
    q.age(1.6)
    again = q.take()
    assert (again["id"], again["delivery_attempts"]) == (published["id"], 2)
    q.nack(published["id"])
    q.age(2.9)
    assert q.receive() is None  # twice as long
    q.age(0.2)
    assert q.take()["delivery_attempts"] == 3


@pytest.mark.contract("46")
def test_a_short_backoff_wakes_a_waiting_receiver(ag: Client, name: str) -> None:
    q = ag.create(name, settings={"default_retry_backoff_ms": 50})
    published = q.publish()
    q.take()
    q.nack(published["id"])
    received = q.receive(LONG)
    assert received is not None and received["delivery_attempts"] == 2


@pytest.mark.contract("47")
def test_what_is_not_settled_in_time_comes_again(new_queue: NewQueue) -> None:
    q = new_queue(visibility_timeout_seconds=1)
    published = q.publish()
    q.take()
    again = q.receive(LONG)
    assert again is not None
    assert (again["id"], again["delivery_attempts"]) == (published["id"], 2)


def test_one_key_holds_no_more_than_the_queue_allows(new_queue: NewQueue, account: Any) -> None:
    from accounts.services import create_key

    q = new_queue()
    q.update(settings={"max_in_flight_per_client": 2})
    q.batch(*({"payload": n} for n in range(4)))
    first, _ = q.take(), q.take()
    assert q.receive() is None
    other = Queue(Client(account, create_key(account, "other")), q.name)
    assert other.take()["payload"] == 2
    waiting = in_background(q.receive, 15)
    parked(of_room(q.handle().id), 1)
    q.ack(first["id"])
    received = waiting.result(LONG)
    assert received is not None and received["payload"] == 3


def test_a_queue_that_acks_as_it_hands_out(q: Queue) -> None:
    q.handle().update(lambda old: old.but(auto_ack=True))
    q.publish()
    assert q.take()["state"] == "delivered"
