"""Topics, figures, and what the dashboard calls (tinymq.md sections 4.9 to 4.12, 5.2)."""

from __future__ import annotations

from typing import Any

import pytest

from queues.api.tinymq import topics
from tests.broker.at_once import in_background, parked

from .client import Client, Topic, text


@pytest.mark.contract("33")
def test_a_topic_is_made_once(mq: Client, t: Topic) -> None:
    assert mq.post("/api/topics", {"name": t.name}).expect(201).content == b'{"status": "topic_created"}'
    again = mq.post("/api/topics", {"name": t.name}).expect(409)
    assert again.content == b"The Topic already exists\n"
    mq.post("/api/queues", {"name": t.name}).expect(409)
    mq.post("/api/queues", {"name": f"{t.name}/2"}).expect(201)
    assert t.stat() == {
        "Name": t.name,
        "MessageCount": 0,
        "WaitingConsumers": 0,
        "IsDLQ": False,
        "HasWebhooks": False,
    }


@pytest.mark.contract("33")
@pytest.mark.parametrize(
    "body",
    [
        {"name": ""},
        {"name": "a" * 256},
        {"name": "a b"},
        {"name": "a\n"},
        {"name": "a*"},
        {"name": ".."},
        {},
        {"name": None},
        {"name": 5},
        [],
        {"name": "t", "policy": "maybe"},
        {"name": "t", "retain": "1d"},
        {"name": "t", "retain": "-1s"},
        {"name": "t", "retain": 5},
    ],
)
def test_what_is_wrong_with_a_topic_is_told(mq: Client, body: Any) -> None:
    mq.post("/api/topics", body).expect(400)
    assert mq.call("POST", "/api/topics", b"{").expect(400).content.startswith(b"Invalid JSON")
    mq.call("POST", "/api/topics").expect(400)
    assert mq.stats() == {}


@pytest.mark.contract("34")
def test_what_was_consumed_from_exists(mq: Client, t: Topic) -> None:
    t.consume().expect(404)
    mq.post("/api/topics", {"name": t.name}).expect(409)


def test_a_topic_may_say_how_long_its_messages_live(mq: Client, t: Topic) -> None:
    mq.post("/api/topics", {"name": t.name, "retain": "1m", "policy": "reject"}).expect(201)
    t.publish("short", ttl="1s")
    t.publish("retained")
    t.publish("long", ttl="1h")
    t.age(2)
    assert [text(m) for m in t.peek()] == ["retained", "long"]
    t.age(60)
    assert t.take_all() == ["long"]


@pytest.mark.contract("35")
def test_figures(mq: Client, t: Topic, stranger: Any) -> None:
    assert mq.call("GET", "/api/stats").expect(200).json() == {"stats": [], "total_webhooks": 0}
    t.publish("1")
    t.publish("2", delay="1h")
    other, dead = t.sub("-other"), t.sub(".dlq")
    dead.publish("x")
    dead.take()
    other.consume()
    poll = in_background(other.consume, timeout="20s")
    parked(other.handle.id, 1)
    hooked = {"url": "https://example.com/hook"}
    mq.post(f"/webhook/{t.name}", hooked).expect(201)
    found = mq.stats()
    assert found[t.name] == {
        "Name": t.name,
        "MessageCount": 2,
        "WaitingConsumers": 0,
        "IsDLQ": False,
        "HasWebhooks": True,
    }
    assert found[other.name]["WaitingConsumers"] == 1
    assert (found[dead.name]["IsDLQ"], found[dead.name]["MessageCount"]) == (True, 0)
    assert mq.call("GET", "/api/stats").json()["total_webhooks"] == 1
    assert mq.call("GET", "/api/queues").json() == mq.call("GET", "/api/stats").json()["stats"]
    other.publish("end")
    poll.result(25).expect(200)


@pytest.mark.contract("37")
def test_looking_at_what_waits(mq: Client, t: Topic) -> None:
    t.publish(*map(str, range(12)))
    first = t.peek()
    assert [text(m) for m in first] == [str(n) for n in range(10)]
    assert t.peek() == first
    assert t.stat()["MessageCount"] == 12
    assert len(t.peek(limit=3)) == 3
    assert len(t.peek(limit=100)) == 12
    assert len(t.peek(limit="x")) == len(t.peek(limit=-1)) == 10
    assert not {"payload_text", "payload_encoding"} & first[0].keys()
    assert t.sub("x").peek() == []
    assert mq.call("GET", "/api/queues/peek").json() == []
    t.take()
    assert text(t.peek()[0]) == "1"


@pytest.mark.contract("45")
def test_purging_and_deleting(mq: Client, t: Topic) -> None:
    t.publish("1", "2", "3")
    held = t.take()
    t.publish("later", delay="1h")
    assert mq.call("DELETE", "/api/queues/purge", queue=t.name).expect(200).content == b""
    assert t.is_empty()
    assert t.peek() == []
    t.ack(held["id"]).expect(404)
    assert mq.call("DELETE", "/api/queues/delete", queue=t.name).expect(200).content == b""
    assert t.name not in mq.stats()
    for verb in ("purge", "delete"):
        for path in (f"/api/queues/{verb}?queue={t.name}", f"/api/queues/{verb}"):
            answer = mq.call("DELETE", path).expect(404)
            assert answer.content == b"queue not found\n"


@pytest.mark.contract("46")
def test_dead_letters_can_be_published_anew(mq: Client, t: Topic) -> None:
    t.publish("x")
    first = t.take()
    mq.requeue(first, retry_count=2).expect(202)
    answer = mq.call("POST", "/api/queues/redrive", queue=t.name).expect(200)
    assert answer.json() == {"redriven_messages": 1, "status": "success"}
    again = t.take()
    assert again["id"] != first["id"]
    assert (again["topic"], again["retry_count"], text(again)) == (t.name, 0, "x")
    dead = mq.call("POST", "/api/queues/redrive", queue=f"{t.name}.dlq").expect(200)
    assert dead.json()["redriven_messages"] == 0
    missing = mq.call("POST", "/api/queues/redrive", queue="nope").expect(404)
    assert missing.content == b"DLQ topic 'nope.dlq' not found\n"
    mq.call("POST", "/api/queues/redrive").expect(400)


def test_a_name_that_no_text_can_be_is_not_found(mq: Client) -> None:
    """%ED%A0%80 is half a character: nothing can be named so, and no answer can repeat it."""
    mq.call("POST", "/api/queues/redrive?queue=%ED%A0%80").expect(404)
    mq.call("GET", "/api/groups?topic=%ED%A0%80").expect(200)


def test_dead_letters_whose_topic_is_gone_get_it_back(mq: Client, t: Topic) -> None:
    t.sub(".dlq").publish("x")
    mq.call("POST", "/api/queues/redrive", queue=t.name).expect(200)
    assert t.take_all() == ["x"]


def test_a_dead_letter_topic_of_no_topic_has_none_to_go_to(mq: Client) -> None:
    mq.call("POST", "/publish/.dlq", b"x").expect(202)
    mq.call("POST", "/api/queues/redrive", queue=".dlq").expect(404)
    assert mq.stats().keys() == {".dlq"}


def test_bodies_are_read_as_go_reads_them(mq: Client, t: Topic) -> None:
    mq.post("/api/topics", {"Name": t.name, "policy": None, "Retain": None}).expect(201)
    nulls = {"ttl": None, "delay": None, "broadcast": None}
    mq.post("/api/queues/publish", {"QUEUE": t.name, "Payload": "x", **nulls}).expect(202)
    mq.post("/api/queues/publish", {"queue": t.name, "payload": None}).expect(202)
    assert t.take_all() == ["x", ""]
    mq.post(t.path("webhook"), {"Url": "https://example.com/", "secret": None}).expect(201)
    mq.post("/api/groups", {"Topic": t.name, "Group": "g"}).expect(201)
    mq.post("/api/topics", {"name": None}).expect(400)


def test_publishing_and_consuming_by_json(mq: Client, t: Topic) -> None:
    answer = mq.post("/api/queues/publish", {"queue": t.name, "payload": "é", "ttl": "1h"}).expect(202)
    assert answer.json() == {"queue": t.name, "status": "accepted"}
    mq.post("/api/queues/publish", {"queue": t.name}).expect(202)
    mq.post("/api/queues/publish", {"queue": t.name, "payload": "b", "broadcast": True}).expect(202)
    mq.post("/api/queues/publish", {"queue": t.name, "payload": "d", "delay": "1h"}).expect(202)
    first = mq.post("/api/queues/consume", {"queue": t.name}).expect(200).json()
    assert (text(first), first["topic"]) == ("é", t.name)
    assert "expires_at" in first and "payload_text" not in first
    t.ack(first["id"]).expect(404)
    assert mq.post("/api/queues/consume", {"queue": t.name}).expect(200).json()["payload"] == ""
    for _ in range(3):  # the original's leaves a waiter behind (section 0.2, 1)
        mq.post("/api/queues/consume", {"queue": t.name}).expect(204)
    t.publish("next")
    assert text(mq.post("/api/queues/consume", {"queue": f"{t.name}*"}).expect(200).json()) == "next"
    for path in ("publish", "consume"):
        bodies: list[Any] = [{}, {"queue": ""}, {"queue": "a b"}, {"queue": 5}, []]
        for body in bodies:
            mq.post(f"/api/queues/{path}", body).expect(400)
        mq.call("POST", f"/api/queues/{path}", b"{").expect(400)
        mq.call("GET", f"/api/queues/{path}").expect(405)
    mq.post("/api/queues/publish", {"queue": t.name, "broadcast": "true"}).expect(400)


def test_whatever_the_verb_is_405(mq: Client) -> None:
    wrong = [
        ("GET", "/publish/t"),
        ("POST", "/consume/t"),
        ("GET", "/ack/t/i"),
        ("GET", "/requeue"),
        ("GET", "/webhook/t"),
        ("GET", "/api/topics"),
        ("POST", "/api/stats"),
        ("PUT", "/api/queues"),
        ("POST", "/api/queues/peek"),
        ("GET", "/api/queues/purge"),
        ("GET", "/api/queues/delete"),
        ("GET", "/api/queues/redrive"),
        ("POST", "/api/queues/webhooks"),
        ("DELETE", "/api/groups"),
        ("POST", "/healthz"),
        ("PATCH", "/publish/t"),
        ("HEAD", "/consume/t"),
        ("OPTIONS", "/publish/t"),
        ("POST", "/api/cluster/status"),
    ]
    for method, path in wrong:
        answer = mq.call(method, path).expect(405)
        assert method == "HEAD" or answer.content == b"Method not allowed\n", path
        assert answer.headers["allow"], path


@pytest.mark.contract("49")
def test_health_and_figures_of_the_server(mq: Client) -> None:
    found = mq.call("GET", "/healthz", headers={"Authorization": None}).expect(200).json()
    assert found["status"] == "ok"
    assert found["uptime_seconds"] >= 0
    assert mq.call("GET", "/api/cluster/status").expect(200).json() == {"clustering_enabled": False}


def test_a_topic_is_a_queue_with_settings_of_its_own(t: Topic) -> None:
    t.publish("x")
    made = t.handle.info().settings
    assert (made.lease_seconds, made.auto_delete, made.max_backlog) == (topics.LEASE_SECONDS, True, 100_000)
