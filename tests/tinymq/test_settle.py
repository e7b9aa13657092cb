"""Acknowledging and requeueing (tinymq.md sections 4.4 to 4.6)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from queues import broker
from queues.broker.types import Encoding, NewMessage
from tests.broker.at_once import at_once, in_background, parked

from .client import Client, Topic, payload_of, text

ACKED = b'{"status": "success", "message": "Message acknowledged"}'
NOT_ACKED = {"status": "error", "message": "Message not found or already acknowledged"}
GO = {"User-Agent": "Go-http-client/1.1"}


@pytest.mark.contract("3")
def test_an_ack_counts_once(t: Topic) -> None:
    """The original, from 2.5 on, cannot do it at all (section 0.2, 2)."""
    t.publish("x")
    message = t.take()
    assert t.ack(message["id"]).expect(200).content == ACKED
    assert t.ack(message["id"]).expect(404).json() == NOT_ACKED
    assert t.stored() == 0


def test_of_acks_that_meet_one_counts(t: Topic) -> None:
    t.publish("x")
    id = t.take()["id"]
    assert sorted(answer.status for answer in at_once([lambda: t.ack(id)] * 6)) == [200] + [404] * 5


def test_what_is_not_there_cannot_be_acknowledged(mq: Client, t: Topic) -> None:
    t.ack("00000000-0000-4000-8000-000000000000").expect(404)
    t.publish("x")
    for odd in ("nobody", "%00", "%FF", "a" * 2000, "é"):
        assert mq.call("POST", f"/ack/{t.name}/{odd}").expect(404).json() == NOT_ACKED
    for path in ("/ack", "/ack/", f"/ack/{t.name}", f"/ack/{t.name}/"):
        assert mq.call("POST", path).expect(400).content == b"Topic and Message ID required\n"
    mq.call("GET", f"/ack/{t.name}/x").expect(405)
    assert t.stat()["MessageCount"] == 1


@pytest.mark.parametrize("id", ["order/17", "a/b/c", "m1", "ünï %41 {}"])
def test_ids_that_other_dialects_gave_can_be_acknowledged(mq: Client, t: Topic, id: str) -> None:
    t.consume()
    broker.publish(mq.account.pk, t.name, [NewMessage("x", 1, Encoding.TEXT, id)])
    assert t.take()["id"] == id
    mq.call("POST", f"{t.path('ack')}/{quote(id, safe='')}").expect(200)
    assert mq.call("POST", f"{t.path('ack')}/{quote(id)}").expect(404).json() == NOT_ACKED
    assert t.stored() == 0


def test_what_still_waits_may_be_acknowledged(t: Topic) -> None:
    t.publish("x")
    t.ack(t.peek()[0]["id"]).expect(200)
    assert t.is_empty()


@pytest.mark.contract("22")
def test_the_third_retry_is_a_dead_letter(t: Topic) -> None:
    t.publish("x", ttl="1h")
    message = first = t.take()
    for retry in (1, 2):
        answer = t.client.requeue(message).expect(202)
        assert answer.content == b'{"status": "requeued"}'
        message = t.take()
        assert message == {**first, "retry_count": retry}
    t.client.requeue(message).expect(202)
    assert t.is_empty()
    dead = t.sub(".dlq").take()
    assert dead == {**first, "topic": f"{t.name}.dlq", "retry_count": 3}
    t.sub(".dlq").ack(dead["id"]).expect(200)
    assert t.client.stats()[f"{t.name}.dlq"]["IsDLQ"] is True


def test_a_dead_letter_that_fails_three_times_more_goes_further(t: Topic) -> None:
    t.publish("x")
    t.client.requeue(t.take(), retry_count=2).expect(202)
    t.client.requeue(t.sub(".dlq").take()).expect(202)
    assert t.sub(".dlq.dlq").take()["retry_count"] == 4


@pytest.mark.contract("23")
def test_a_message_nobody_knows_is_taken(t: Topic) -> None:
    t.consume()
    theirs = {"id": "a-clients-own", "topic": t.name, "payload": payload_of(b"x"), "retry_count": -1000}
    t.client.requeue(theirs, unknown="ignored").expect(202)
    found = t.take()
    assert (found["id"], found["retry_count"], text(found)) == ("a-clients-own", 1, "x")
    t.client.requeue({"id": "only-what-is-needed", "topic": t.name}).expect(202)
    assert t.take()["payload"] == ""


@pytest.mark.contract("23")
def test_a_topic_nobody_knows_is_told(t: Topic) -> None:
    message = {"id": "12345678", "topic": t.name, "payload": ""}
    assert t.client.requeue(message).expect(404).content == b"Topic not found\n"
    assert t.client.stats() == {}
    t.client.requeue(message, retry_count=2).expect(404)
    assert t.client.stats() == {}


@pytest.mark.contract("23")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"id": ""}, "Invalid or missing topic/id"),
        ({"topic": ""}, "Invalid or missing topic/id"),
        ({"topic": "a b"}, "invalid topic name"),
        ({"id": 7}, "Invalid message format: id: expected string"),
        ({"id": "a\0"}, "Invalid or missing topic/id"),
        ({"id": "a" * 257}, "Invalid message format: id:"),
        ({"payload": "!"}, "Invalid message format: payload:"),
        ({"payload": "AP-A"}, "Invalid message format: payload:"),
        ({"payload": "aGVsbG8"}, "Invalid message format: payload:"),
        ({"payload": "A" * 2_800_000}, "Invalid message format: payload:"),
        ({"timestamp": "yesterday"}, "Invalid message format: timestamp:"),
        ({"timestamp": "2026-01-02T03:04:05"}, "Invalid message format: timestamp:"),
        ({"expires_at": ""}, "Invalid message format: expires_at:"),
        ({"deliver_at": 5}, "Invalid message format: deliver_at:"),
        ({"retry_count": 1.5}, "Invalid message format: retry_count:"),
        ({"retry_count": "1"}, "Invalid message format: retry_count:"),
        ({"headers": {"a": 1}}, "Invalid message format: headers"),
        ({"headers": []}, "Invalid message format: headers"),
    ],
)
def test_what_is_wrong_with_a_requeued_message_is_told(t: Topic, change: dict[str, Any], words: str) -> None:
    t.publish("x")
    message = t.take()
    assert t.client.requeue(message, **change).expect(400).content.decode().startswith(words)
    assert t.is_empty()
    t.ack(message["id"]).expect(200)


@pytest.mark.contract("23")
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b'{"id":"1","topic":"t"}x'])
def test_what_is_no_message_is_told(mq: Client, body: bytes) -> None:
    assert mq.call("POST", "/requeue", body).expect(400).content.startswith(b"Inv")
    mq.call("POST", "/requeue", b" " * (9 * 1024 * 1024)).expect(400)
    mq.call("GET", "/requeue").expect(405)


@pytest.mark.contract("24")
def test_acknowledged_then_requeued(t: Topic) -> None:
    """The order of the older Go SDK (section 9.2)."""
    t.publish("x")
    message = t.take()
    t.ack(message["id"]).expect(200)
    t.client.requeue(message).expect(202)
    again = t.take()
    assert (again["id"], again["retry_count"]) == (message["id"], 1)
    t.ack(message["id"]).expect(200)
    t.ack(message["id"]).expect(404)


@pytest.mark.contract("25")
def test_requeued_then_acknowledged(t: Topic) -> None:
    """The order of Go SDK 3.0, which deletes the message in the original (section 0.2, 3)."""
    t.publish("x")
    message = t.take()
    t.client.requeue(message).expect(202)
    t.ack(message["id"])
    again = t.take()
    assert (again["id"], again["retry_count"]) == (message["id"], 1)
    assert t.is_empty()
    t.ack(message["id"]).expect(200)
    t.ack(message["id"]).expect(404)
    assert t.stored() == 0


@pytest.mark.contract("25")
def test_requeued_then_acknowledged_when_another_worker_has_it_already(t: Topic) -> None:
    t.publish("x")
    message = t.take()
    other = in_background(t.take, timeout="20s")
    parked(t.handle.id, 1)
    t.client.requeue(message).expect(202)
    assert other.result(25)["retry_count"] == 1
    path = f"{t.path('ack')}/{message['id']}"
    t.client.call("POST", path, b"", GO).expect(200)
    assert t.stored() == 1, "it is the other worker's"
    t.client.call("POST", path, b"", GO).expect(200)
    t.client.call("POST", path, b"", GO).expect(404)
    assert t.stored() == 0


def test_who_sends_no_late_acks_ends_a_retry_with_one(t: Topic) -> None:
    t.publish("x")
    t.client.requeue(t.take()).expect(202)
    message = t.take()
    t.ack(message["id"]).expect(200)
    t.ack(message["id"]).expect(404)
    assert t.stored() == 0


def test_what_is_requeued_goes_to_the_end_and_keeps_its_times(t: Topic) -> None:
    t.publish("1", delay="1s", ttl="1h")
    t.age(2)
    first = t.take()
    t.publish("2")
    t.client.requeue(first).expect(202)
    assert text(t.take()) == "2"
    again = t.take()
    assert {**again, "retry_count": 0} == first
    assert {"expires_at", "deliver_at"} <= first.keys()


def test_what_is_requeued_with_a_later_time_waits_for_it(t: Topic) -> None:
    t.publish("x")
    t.client.requeue(t.take(), deliver_at="2999-01-01T00:00:00Z").expect(202)
    assert t.is_empty()
    assert t.stat()["MessageCount"] == 1


def test_what_is_requeued_when_its_life_is_over_is_gone(t: Topic) -> None:
    t.publish("x")
    t.client.requeue(t.take(), expires_at="2001-01-01T00:00:00.123456789+02:00").expect(202)
    assert t.is_empty()


def test_a_requeue_is_not_refused_by_a_full_topic(t: Topic, settings: Any) -> None:
    settings.OKMQ_TINYMQ_MAX_MESSAGES = 1
    t.publish("1")
    message = t.take()
    t.publish("2")
    t.client.requeue(message).expect(202)
    assert t.take_all() == ["2", "1"]


def test_a_topic_too_long_for_a_dead_letter_topic_keeps_its_message(mq: Client) -> None:
    long = Topic(mq, "t" * 255)
    long.publish("x")
    message = long.take()
    mq.requeue(message, retry_count=2).expect(400)
    long.ack(message["id"]).expect(200)


def test_what_is_said_to_be_published_in_the_future_waits_for_nothing(t: Topic) -> None:
    t.publish("x")
    t.client.requeue(t.take(), timestamp="2999-01-01T00:00:00Z").expect(202)
    again = t.take()
    assert again["timestamp"].startswith("2999-01-01T00:00:00")
    assert "deliver_at" not in again


def test_what_a_go_program_does_not_know_is_not_set(t: Topic) -> None:
    """It writes its zero time, and null for what it has none of."""
    zero = "0001-01-01T00:00:00Z"
    t.publish("x")
    unset = {"timestamp": zero, "expires_at": zero, "deliver_at": zero, "headers": None, "retry_count": None}
    t.client.requeue(t.take(), **unset).expect(202)
    again = t.take()
    assert again["retry_count"] == 1
    assert not {"expires_at", "deliver_at"} & again.keys()
    assert not again["timestamp"].startswith("0001")
