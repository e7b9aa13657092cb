"""Consuming under a pattern, and broadcasts (tinymq.md sections 4.3, 4.7)."""

from __future__ import annotations

from typing import Any

import pytest

from queues.broker.wakes import HUB
from tests.broker.at_once import in_background, parked

from .client import Client, Topic, text

LONG = 25.0


def wait(topic: Topic, **query: Any) -> Any:
    topic.consume()
    before = HUB.waiting(topic.handle.id)
    poll = in_background(topic.consume, **{"timeout": "20s", **query})
    parked(topic.handle.id, before + 1)
    return poll


@pytest.mark.contract("26")
def test_a_pattern_is_served_from_one_topic_at_a_time(t: Topic) -> None:
    t.sub(".a").publish("1")
    t.sub(".b").publish("2")
    pattern = t.sub(".*")
    found = [pattern.consume(limit=10).expect(200).json() for _ in range(2)]
    assert sorted(text(m) for messages in found for m in messages) == ["1", "2"]
    assert sorted(messages[0]["topic"] for messages in found) == [f"{t.name}.a", f"{t.name}.b"]
    assert pattern.is_empty()


@pytest.mark.contract("27")
def test_what_a_pattern_brought_is_acknowledged_under_its_topic(t: Topic) -> None:
    t.sub(".a").publish("1")
    message = t.sub(".*").take()
    t.sub(".*").ack(message["id"]).expect(404)
    t.sub(".a").ack(message["id"]).expect(200)


def test_a_pattern_may_acknowledge_on_delivery(t: Topic) -> None:
    t.sub(".a").publish("1")
    t.sub(".*").take(auto_ack="true")
    assert t.sub(".a").stored() == 0


@pytest.mark.contract("28")
def test_a_parked_pattern_gets_new_messages_first(t: Topic) -> None:
    topic, pattern = t.sub(".x.y"), t.sub(".*")
    exact, poll = wait(topic), wait(pattern)
    topic.publish("1")
    assert poll.result(LONG).expect(200).json()["topic"] == topic.name
    assert not exact.done()
    topic.publish("2")
    assert text(exact.result(LONG).json()) == "2"


@pytest.mark.contract("28")
def test_stars_cross_dots_slashes_dead_letters_and_groups(t: Topic) -> None:
    for rest in (".dlq", "/eu", "::g", "-x"):
        t.sub(rest).publish("1")
    assert t.sub(".*").take()["topic"] == f"{t.name}.dlq"
    assert t.sub(".*").is_empty(), "a dot is a dot"
    everything = [t.sub("*").take()["topic"] for _ in range(3)]
    assert sorted(everything) == sorted(t.name + rest for rest in ("/eu", "::g", "-x"))
    t.publish("exactly")
    assert t.sub("*").take()["topic"] == t.name


@pytest.mark.contract("28")
def test_a_star_alone_is_every_topic_of_the_account(mq: Client, t: Topic) -> None:
    t.publish("1")
    found = mq.call("GET", "/consume/*").expect(200).json()
    assert found["topic"] == t.name
    mq.call("POST", f"/publish/{t.name}.*", b"x").expect(400)


def test_a_pattern_that_is_consumed_from_is_listed(t: Topic) -> None:
    poll = wait(t.sub(".*"))
    assert t.client.stats()[f"{t.name}.*"]["WaitingConsumers"] == 1
    t.sub(".a").publish("x")
    poll.result(LONG).expect(200)
    assert t.client.stats()[f"{t.name}.*"]["WaitingConsumers"] == 0


@pytest.mark.contract("29")
def test_a_broadcast_reaches_everybody_who_waits_and_nobody_else(t: Topic) -> None:
    """The original, in 3.1.6, keeps it as well (section 0.1)."""
    polls = [wait(t), wait(t, limit=5), wait(t.sub("*"))]
    assert t.send(b"x", broadcast="true").expect(202).json()["status"] == "accepted"
    first, many, watching = (poll.result(LONG).expect(200).json() for poll in polls)
    assert len({first["id"], many[0]["id"], watching["id"]}) == 1
    assert first["topic"] == watching["topic"] == t.name
    assert (text(first), first["retry_count"]) == ("x", 0)
    assert t.is_empty()
    t.ack(first["id"]).expect(404)


@pytest.mark.contract("29")
def test_a_broadcast_to_nobody_is_gone(t: Topic) -> None:
    t.publish("x", broadcast="true")
    assert t.is_empty()
    t.publish("kept", broadcast="1")
    assert t.take_all() == ["kept"]


def test_a_broadcast_has_a_key_like_any_message(t: Topic) -> None:
    key = {"Idempotency-Key": "k"}
    t.send(b"x", key, broadcast="true").expect(202)
    t.send(b"x", key, broadcast="true").expect(200)


@pytest.mark.contract("43")
def test_a_group_gets_copies_from_its_first_use_on(t: Topic) -> None:
    t.consume(group="g").expect(404)
    t.publish("M")
    t.consume(group="h").expect(404)
    copy = t.take(group="g")
    assert (copy["topic"], text(copy)) == (f"{t.name}::g", "M")
    original = t.take()
    assert original["topic"] == t.name
    assert original["id"] != copy["id"]
    t.sub("::g").ack(copy["id"]).expect(200)
    assert t.client.call("GET", "/api/groups", topic=t.name).json() == {"topic": t.name, "groups": ["g", "h"]}
    t.client.requeue(original).expect(202)
    assert t.consume(group="g").status == 404, "what is requeued is no new message"


def test_a_groups_dead_letters_are_its_own(t: Topic) -> None:
    t.consume(group="g")
    t.publish("M")
    t.client.requeue(t.take(group="g"), retry_count=2).expect(202)
    assert t.sub("::g.dlq").take()["topic"] == f"{t.name}::g.dlq"
    t.publish("N")
    assert t.sub("::g.dlq").is_empty()


def test_a_group_lives_on_when_its_topic_is_deleted_and_made_again(t: Topic) -> None:
    t.consume(group="g")
    t.client.call("DELETE", "/api/queues/delete", queue=t.name).expect(200)
    t.publish("M")
    assert text(t.take(group="g")) == "M"


def test_groups_can_be_made_beforehand(mq: Client, t: Topic) -> None:
    answer = mq.post("/api/groups", {"topic": t.name, "group": "g"}).expect(201)
    assert answer.json() == {"status": "created", "virtual_topic": f"{t.name}::g"}
    mq.post("/api/groups", {"topic": t.name, "group": "g"}).expect(201)
    t.publish("M")
    assert text(t.take(group="g")) == "M"
    assert {t.name, f"{t.name}::g"} == mq.stats().keys()


def test_what_is_wrong_with_a_group_is_told(mq: Client, t: Topic) -> None:
    for bad in ("a b", "a/b", "a:b", "*", "é", "g" * 250):
        answer = t.consume(group=bad).expect(400)
        assert answer.content == b"invalid group name format\n", bad
    t.sub(".*").consume(group="g").expect(400)
    bodies: list[Any] = [{}, {"topic": t.name}, {"group": "g"}, {"topic": "a b", "group": "g"}, []]
    for body in bodies:
        mq.post("/api/groups", body).expect(400)
    mq.call("GET", "/api/groups").expect(400)
    assert mq.call("GET", "/api/groups", topic=t.name).json() == {"topic": t.name, "groups": []}
    assert mq.stats() == {}


def test_a_full_group_holds_up_its_topic_and_loses_nothing(t: Topic, settings: Any) -> None:
    settings.OKMQ_TINYMQ_MAX_MESSAGES = 1
    t.consume(group="g")
    t.publish("1")
    t.take(auto_ack="true")
    t.send(b"2").expect(429)
    t.take(group="g", auto_ack="true")
    t.publish("2")


def test_a_pattern_for_groups_is_none_of_them(t: Topic) -> None:
    """It would keep copies that nobody fetches, and hold its topic up when it is full."""
    groups = t.sub("::*")
    groups.consume().expect(404)
    t.publish("M")
    assert groups.is_empty()
    assert t.client.call("GET", "/api/groups", topic=t.name).json()["groups"] == []
    t.consume(group="g").expect(404)
    t.publish("N")
    copy = groups.take()
    assert (copy["topic"], text(copy)) == (f"{t.name}::g", "N")
    assert groups.is_empty()


def test_a_topic_with_colons_has_groups_of_its_own(mq: Client, t: Topic) -> None:
    inner = t.sub("::b")
    inner.consume(group="g").expect(404)
    inner.publish("M")
    copy = inner.take(group="g")
    assert (copy["topic"], text(copy)) == (f"{t.name}::b::g", "M")
    assert text(inner.take()) == "M"
    assert mq.call("GET", "/api/groups", topic=inner.name).json()["groups"] == ["g"]
    mq.call("DELETE", "/api/queues/delete", queue=inner.name).expect(200)
    inner.publish("again")
    assert text(inner.take(group="g")) == "again"


@pytest.mark.parametrize("name", ["::x", "x::", "::"])
def test_colons_around_nothing_make_no_group(mq: Client, name: str) -> None:
    mq.call("POST", f"/publish/{name}", b"x").expect(202)
    assert mq.stats().keys() == {name}
