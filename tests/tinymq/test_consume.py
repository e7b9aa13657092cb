"""Consuming: what is there, and waiting for it (tinymq.md section 4.2)."""

from __future__ import annotations

import time
from typing import Any

import pytest

from queues import broker
from queues.api.tinymq import consuming
from queues.broker.errors import QueueNotFound
from queues.broker.wakes import HUB
from tests.broker.at_once import eventually, in_background, parked

from .client import Client, Topic, text

LONG = 25.0
"""Seconds that no test waits to the end."""


def wait(topic: Topic, **query: Any) -> Any:
    """A poll that is parked."""
    topic.consume()  # makes it
    before = HUB.waiting(topic.handle.id)
    poll = in_background(topic.consume, **{"timeout": "20s", **query})
    parked(topic.handle.id, before + 1)
    return poll


@pytest.mark.contract("4")
def test_nothing_there_is_404_with_a_json_body(t: Topic) -> None:
    answer = t.consume().expect(404)
    assert answer.content == b'{"status": "empty", "message": "No messages in topic"}'


@pytest.mark.contract("5")
def test_empty_polls_leave_nobody_behind(t: Topic) -> None:
    """The original handed the next message to a waiter that was gone (section 0.2, 1)."""
    for _ in range(3):
        t.consume().expect(404)
    assert t.stat()["WaitingConsumers"] == 0
    t.publish("x")
    assert t.stat()["WaitingConsumers"] == 0
    assert text(t.take()) == "x"


@pytest.mark.contract("11")
def test_a_limit_of_one_is_an_object_and_more_a_list(t: Topic) -> None:
    t.publish("1", "2", "3")
    assert [text(m) for m in t.consume(limit=2).json()] == ["1", "2"]
    assert [text(m) for m in t.consume(limit=5).json()] == ["3"]
    for odd in ("0", "-1", "x", "", "1.5", "1_0", " 2", "99999999999999999999"):
        t.publish(odd or "nothing")
        assert text(t.take(limit=odd)) == (odd or "nothing")
    t.publish("signed")
    assert len(t.consume(limit="+2").json()) == 1


@pytest.mark.contract("12")
def test_a_thousand_at_a_time_at_the_most(t: Topic) -> None:
    from queues.broker.types import Encoding, NewMessage

    t.consume()
    many = [NewMessage(str(n), 4, Encoding.TEXT, random_id=True) for n in range(1001)]
    broker.publish(t.client.account.pk, t.name, many)
    assert len(t.consume(limit=5000, auto_ack="true").json()) == 1000
    assert t.take_all() == ["1000"]


@pytest.mark.contract("13")
def test_a_poll_ends_when_its_time_is_up(t: Topic) -> None:
    begin = time.monotonic()
    t.consume(timeout="300ms").expect(404)
    assert time.monotonic() - begin >= 0.3


@pytest.mark.contract("13")
def test_a_poll_ends_with_a_message(t: Topic) -> None:
    poll = wait(t)
    t.publish("x")
    assert text(poll.result(LONG).expect(200).json()) == "x"


@pytest.mark.contract("14")
def test_one_message_ends_one_poll(t: Topic) -> None:
    polls = [wait(t), wait(t)]
    t.publish("x")
    eventually(lambda: sum(poll.done() for poll in polls) == 1)
    eventually(lambda: t.stat()["WaitingConsumers"] == 1)
    t.publish("y")
    taken = sorted(text(poll.result(LONG).expect(200).json()) for poll in polls)
    assert taken == ["x", "y"]


@pytest.mark.contract("15")
def test_a_poll_for_several_does_not_wait_for_more_than_one(t: Topic) -> None:
    poll = wait(t, limit=5)
    t.publish("x")
    assert [text(m) for m in poll.result(LONG).expect(200).json()] == ["x"]


@pytest.mark.contract("16")
def test_timeouts(t: Topic) -> None:
    for bad in ("5", "1d", "5 s", "x", "-", "+5s "):
        answer = t.consume(timeout=bad).expect(400)
        assert answer.content == b"Invalid timeout format. Example: 5s, 500ms\n", bad
    for good in ("0", "10ms", "0.01s", ".01s", "1us1ns", "-5s", ""):
        t.consume(timeout=good).expect(404)
    t.publish("x")
    t.client.call("GET", f"/consume/{t.name}?timeout=+5s").expect(400)  # a plus is a blank there
    assert text(t.take(timeout="876000h")) == "x"


def test_no_poll_is_longer_than_a_quarter_of_an_hour() -> None:
    assert consuming.read("timeout=1h").wait_seconds == consuming.LONGEST_POLL_SECONDS == 900


@pytest.mark.contract("20")
def test_what_is_consumed_is_nobody_elses(t: Topic) -> None:
    t.publish("x")
    t.take()
    assert t.is_empty()
    assert t.stat()["MessageCount"] == 0


@pytest.mark.contract("51")
def test_what_is_consumed_and_not_acknowledged_comes_back_after_an_hour(t: Topic) -> None:
    t.publish("acked", "lost")
    acked, lost = t.take(), t.take()
    t.ack(acked["id"]).expect(200)
    t.age(3590)
    assert t.is_empty()
    for _ in range(4):  # however often
        t.age(3601)
        again = t.take()
        assert (again["id"], again["retry_count"]) == (lost["id"], 0)
        assert t.is_empty()


@pytest.mark.contract("21")
def test_what_is_acknowledged_on_delivery_is_done_with(t: Topic) -> None:
    t.publish("1", "2", "3")
    t.ack(t.take(auto_ack="true")["id"]).expect(404)
    for no in ("1", "TRUE"):
        t.ack(t.take(auto_ack=no)["id"]).expect(200)
    assert t.stored() == 0


def test_consuming_makes_the_topic(t: Topic) -> None:
    t.consume().expect(404)
    assert t.stat()["MessageCount"] == 0


@pytest.mark.parametrize("bad", ["a%20b", "a*b", "**", "a**", "..", "a/../*", "b" * 256, "%FF"])
def test_names_that_no_topic_has_make_none(mq: Client, bad: str) -> None:
    answer = mq.call("GET", f"/consume/{bad}").expect(404)
    assert answer.json() == {"status": "not_found", "message": "Topic does not exist"}
    assert mq.stats() == {}


def test_looking_takes_nothing(t: Topic) -> None:
    t.publish("1", "2")
    t.publish("later", delay="1h")
    for _ in range(2):
        assert text(t.take(peek="true")) == "1"
        seen = t.consume(peek="true", limit=5).json()
        assert [m["payload_text"] for m in seen] == ["1", "2", "later"]
    assert t.sub("x").consume(peek="true").expect(404).json()["status"] == "empty"
    assert f"{t.name}x" not in t.client.stats()


@pytest.mark.contract("44")
def test_what_a_filter_does_not_take_is_thrown_away(t: Topic) -> None:
    paid = {"filter_key": "status", "filter_val": "paid"}
    t.publish('{"status":"new"}')
    t.consume(**paid).expect(404)
    assert t.is_empty()
    assert t.stored() == 0
    t.publish('{"status":"new"}', '{"status":"paid"}', "no json", '["status"]', '{"other":1}')
    assert [m["payload_text"] for m in t.consume(limit=9, **paid).json()] == ['{"status":"paid"}']
    assert t.is_empty()
    assert t.stored() == 1  # held


def test_a_filter_waits_for_what_it_takes(t: Topic) -> None:
    poll = wait(t, filter_key="n", filter_val="42", auto_ack="true")
    t.publish('{"n":41}')
    t.publish('{"n":42}')
    assert poll.result(LONG).expect(200).json()["payload_text"] == '{"n":42}'
    assert t.stored() == 0


def test_a_poll_of_a_deleted_topic_waits_for_the_next_one_of_its_name(t: Topic) -> None:
    poll = wait(t)
    t.client.call("DELETE", "/api/queues/delete", queue=t.name).expect(200)
    t.publish("x")
    assert text(poll.result(LONG).expect(200).json()) == "x"


def test_a_poll_of_a_deleted_topic_is_no_longer_for_it(t: Topic, monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock:
        now = 1000.0

        def monotonic(self) -> float:
            return self.now

    clock = Clock()
    asked: list[float] = []

    def receive(*names: object, wait_seconds: float, **options: object) -> list[Any]:
        asked.append(wait_seconds)
        clock.now += 3
        if len(asked) == 1:
            raise QueueNotFound(t.name)
        return []

    monkeypatch.setattr(consuming, "time", clock)
    monkeypatch.setattr(broker, "receive", receive)
    t.consume(timeout="10s").expect(404)
    assert asked == [10, 7]


def test_go_sdk_3_1_gets_lists_and_204(t: Topic) -> None:
    """Section 9.4: its own server answers what it cannot read."""
    go = {"User-Agent": "Go-http-client/1.1"}
    path = t.path("consume")
    t.client.call("GET", path, b"", go, auto_ack="true").expect(204)
    t.publish("1", "2", "3")
    found = t.client.call("GET", path, b"", go, auto_ack="true").expect(200).json()
    assert [text(m) for m in found] == ["1"]
    assert text(t.client.call("GET", path, b"", go, auto_ack="true", limit=1).json()) == "2"
    assert text(t.client.call("GET", path, b"", go, auto_ack="false", limit=1).json()) == "3"
