"""Publishing (tinymq.md section 4.1)."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from queues.broker.quotas import MIB
from queues.broker.types import Encoding

from .client import Client, Topic, payload_of, text

MAX = 2 * MIB


@pytest.mark.contract("1", "2")
def test_what_is_published_is_consumed_as_it_was(t: Topic) -> None:
    answer = t.send(b"hello").expect(202)
    assert answer.json() == {"status": "accepted", "topic": t.name}
    found = t.consume().expect(200)
    assert found.headers["content-type"] == "application/json"
    message = found.json()
    assert UUID(message["id"]).version == 4
    assert (message["topic"], message["payload"], message["retry_count"]) == (t.name, "aGVsbG8=", 0)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,9}(Z|[+-]\d\d:\d\d)", message["timestamp"])
    assert datetime.fromisoformat(message["timestamp"]).tzinfo is not None
    assert not {"expires_at", "deliver_at", "headers"} & message.keys()


@pytest.mark.contract("6")
def test_what_lacks_something_is_told_so(mq: Client, t: Topic) -> None:
    assert t.send(b"").expect(400).content == b"Payload is empty\n"
    for path in ("/publish/", "/publish"):
        assert mq.call("POST", path, b"x").expect(400).content.startswith(b"Topic is required")
    assert mq.call("GET", "/consume/").expect(400).content == b"Topic is required\n"
    assert mq.call("GET", f"/publish/{t.name}").expect(405).content == b"Method not allowed\n"
    assert mq.call("POST", f"/consume/{t.name}").expect(405).content == b"Method not allowed\n"
    assert t.name not in mq.stats()


@pytest.mark.contract("7")
def test_two_mebibytes_fit_and_not_a_byte_more(t: Topic) -> None:
    largest = bytes(range(256)) * (MAX // 256)
    t.send(largest).expect(202)
    assert t.take()["payload"] == payload_of(largest)
    refused = t.send(largest + b"x").expect(413)
    assert refused.content == b"Payload too large or unreadable (Max 2MB)\n"
    assert t.is_empty()


@pytest.mark.contract("8")
def test_bytes_are_bytes(t: Topic) -> None:
    t.send(b"\x00\xff\x80").expect(202)
    message = t.take()
    assert message["payload"] == "AP+A"
    assert "payload_text" not in message
    assert message["payload_encoding"] == "base64"


@pytest.mark.contract("8")
@pytest.mark.parametrize("content_type", ["", "application/json", "text/plain", "application/octet-stream"])
@pytest.mark.parametrize(
    "payload", ["é 😀 <&>", '{"a": 1.0,\n "a":2}', "[]", '"x"', "42", "null", "{broken", "a\0b", " \n"]
)
def test_texts_come_back_to_the_letter_whatever_their_media_type(
    t: Topic, payload: str, content_type: str
) -> None:
    t.send(payload.encode(), {"Content-Type": content_type}).expect(202)
    message = t.take()
    assert text(message) == payload
    assert (message["payload_text"], message["payload_encoding"]) == (payload, "base64")


@pytest.mark.parametrize(
    ("payload", "content_type", "encoding"),
    [
        (b'{"a":1}', "application/json; charset=utf-8", Encoding.JSON),
        (b"1.50", "application/json", Encoding.JSON),
        (b'{"a":1}', "", Encoding.TEXT),
        (b'"x"', "application/json", Encoding.TEXT),
        (b'{"a":', "application/json", Encoding.TEXT),
        (b"\xff", "application/json", Encoding.BASE64),
        (b"a\0", "text/plain", Encoding.BASE64),
    ],
)
def test_what_its_sender_calls_json_is_json_for_other_dialects(
    t: Topic, payload: bytes, content_type: str, encoding: Encoding
) -> None:
    t.send(payload, {"Content-Type": content_type}).expect(202)
    (view,) = t.handle.peek()
    assert (view.encoding, view.size) == (encoding, len(payload))


@pytest.mark.contract("9")
def test_names(mq: Client) -> None:
    for name in ("a" * 255, "A.b-c_9", "a:b", "x..y"):
        mq.call("POST", f"/publish/{name}", b"x").expect(202)
    for bad in (
        "bad%20name",
        "a%23b",
        "caf%C3%A9",
        "%FF",
        "a%0A",
        "a*",
        "*",
        "..",
        "a/../b",
        "a/./b",
        "a%25",
    ):
        assert mq.call("POST", f"/publish/{bad}", b"x").expect(400).content == b"invalid topic name\n", bad
    long = mq.call("POST", f"/publish/{'a' * 256}", b"x").expect(400).content
    assert long.startswith(b"invalid topic name length (")
    assert len(mq.stats()) == 4


@pytest.mark.contract("39")
def test_topics_may_have_slashes(mq: Client, t: Topic) -> None:
    for path in (f"{t.name}/eu", f"{t.name}%2Feu", f"{t.name}/eu/"):
        answer = mq.call("POST", f"/publish/{path}", b"x").expect(202)
        assert answer.json()["topic"] == f"{t.name}/eu"
    message = mq.call("GET", f"/consume/{t.name}/eu").expect(200).json()
    assert message["topic"] == f"{t.name}/eu"
    mq.call("POST", f"/ack/{t.name}/eu/{message['id']}").expect(200)
    colon = mq.call("POST", f"/publish/{t.name}%3Ax", b"x").expect(202).json()
    assert colon["topic"] == f"{t.name}:x"


@pytest.mark.contract("10")
def test_first_in_first_out(t: Topic) -> None:
    t.publish("A", "B", "C")
    assert [text(t.take()) for _ in range(3)] == ["A", "B", "C"]


@pytest.mark.contract("17")
def test_what_is_not_consumed_in_time_is_gone_without_a_trace(t: Topic) -> None:
    t.publish("x", ttl="1s")
    assert "expires_at" in t.peek()[0]
    t.age(1.5)
    assert t.is_empty()
    assert f"{t.name}.dlq" not in t.client.stats()


@pytest.mark.contract("17")
def test_a_life_that_is_over_and_one_that_means_nothing(t: Topic) -> None:
    t.publish("over", ttl="-5s")
    assert t.is_empty()
    t.publish("for ever", ttl="banana")
    t.publish("none", ttl="0")
    t.publish("later?", delay="5")
    assert t.take_all() == ["for ever", "none", "later?"]


@pytest.mark.contract("18")
def test_a_delayed_message_is_hidden_until_it_is_due(t: Topic) -> None:
    t.publish("x", delay="2s")
    assert t.is_empty()
    (seen,) = t.peek()
    due, made = (datetime.fromisoformat(seen[name]) for name in ("deliver_at", "timestamp"))
    assert 1.5 < (due - made).total_seconds() <= 2
    t.age(1.8)
    message = t.take(timeout="10s")
    assert text(message) == "x"
    assert datetime.fromisoformat(message["deliver_at"]) <= datetime.now(due.tzinfo)


@pytest.mark.contract("19")
def test_a_delayed_message_keeps_its_place(t: Topic) -> None:
    t.publish("D", delay="1s")
    t.publish("E")
    t.age(1.5)
    assert t.take_all() == ["D", "E"]


def test_a_delay_in_the_past_is_none(t: Topic) -> None:
    t.publish("x", delay="-5s")
    assert "deliver_at" not in t.take()


@pytest.mark.contract("38")
def test_a_full_topic_refuses_and_takes_again_after_a_consume(t: Topic, settings: Any) -> None:
    settings.OKMQ_TINYMQ_MAX_MESSAGES = 3
    t.publish("1", "2", "3")
    refused = t.send(b"4").expect(429)
    assert refused.content == b"queue capacity reached (max 3 messages)\n"
    t.take()
    t.publish("4")
    assert t.take_all() == ["2", "3", "4"]


@pytest.mark.contract("38")
def test_a_full_topic_may_drop_its_oldest(t: Topic, settings: Any) -> None:
    settings.OKMQ_TINYMQ_MAX_MESSAGES = 3
    t.client.post("/api/topics", {"name": t.name, "policy": "drop-oldest"}).expect(201)
    t.publish("1", "2", "3", "4")
    assert t.take_all() == ["2", "3", "4"]


def test_a_refused_message_never_comes_back(t: Topic, settings: Any) -> None:
    """The original wrote it to its log before it looked for room (section 0.2, 4)."""
    settings.OKMQ_TINYMQ_MAX_MESSAGES = 1
    t.publish("1")
    t.send(b"2").expect(429)
    assert t.stored() == 1


@pytest.mark.contract("40")
def test_priorities(t: Topic) -> None:
    for priority in ("low", "normal", "high", "urgent", "HIGH"):
        t.publish(priority, priority=priority)
    assert t.take_all() == ["high", "normal", "urgent", "HIGH", "low"]


@pytest.mark.contract("41")
def test_a_key_is_heeded_once_in_five_minutes(t: Topic) -> None:
    key = {"Idempotency-Key": "k"}
    t.send(b"1", key).expect(202)
    ignored = t.send(b"2", key).expect(200)
    assert ignored.json() == {
        "status": "ignored",
        "reason": "idempotency_key_exists",
        "topic": t.name,
    }
    assert t.take_all() == ["1"]
    t.send(b"3", key).expect(200)  # though the message is gone
    other = t.sub("x")
    other.send(b"4", key).expect(202)
    t.age(301)
    t.send(b"5", key).expect(202)
    assert t.take_all() == ["5"]


@pytest.mark.contract("41")
def test_the_payload_itself_may_be_the_key(t: Topic) -> None:
    t.send(b"same", idempotency="auto").expect(202)
    t.send(b"same", idempotency="auto").expect(200)
    t.send(b"other", idempotency="auto").expect(202)
    t.send(b"same", idempotency="yes").expect(202)
    assert t.take_all() == ["same", "other", "same"]


def test_a_refused_publish_may_be_repeated_with_its_key(t: Topic, settings: Any) -> None:
    """The original remembered the key first (section 0.2, 5)."""
    settings.OKMQ_TINYMQ_MAX_MESSAGES = 1
    t.publish("1")
    key = {"Idempotency-Key": "k"}
    t.send(b"2", key).expect(429)
    t.take()
    t.send(b"2", key).expect(202)
    assert t.take_all() == ["2"]


@pytest.mark.contract("42")
def test_headers_of_its_own_are_kept_as_go_writes_them(t: Topic) -> None:
    t.send(b"x", {"X-MQ-Source": "s", "x-mq-correlation-id": "caf\xc3\xa9", "X-Other": "no"}).expect(202)
    assert (
        t.peek()[0]["headers"] == t.take()["headers"] == {"X-Mq-Source": "s", "X-Mq-Correlation-Id": "café"}
    )


def test_what_fits_no_quota_is_429(t: Topic) -> None:
    account = t.client.account
    account.max_channels = 1
    account.max_messages = 1
    account.save()
    t.publish("1")
    assert b"quota" in t.send(b"2").expect(429).content
    refused = t.sub("x").send(b"1").expect(429)
    assert refused.content == b"broker maximum topic limit reached\n"


def test_bodies_are_read_by_this_dialects_own_limit(mq: Client, t: Topic) -> None:
    """A frameworks' limit of 2.5 MB must not be met first."""
    big = {"queue": t.name, "payload": "x" * (MAX + 1)}
    mq.call("POST", "/api/queues/publish", json.dumps(big).encode()).expect(413)
    big["payload"] = "x" * MAX
    mq.call("POST", "/api/queues/publish", json.dumps(big).encode()).expect(202)
    message = t.take()
    mq.requeue(message).expect(202)
    assert text(t.take()) == big["payload"]
