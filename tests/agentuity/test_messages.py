"""Messages: published, found, listed, read as a log, deleted, replayed (section 11, 18 to 38, 53)."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

import msgspec
import pytest

from queues import broker
from queues.api.agentuity import ids
from queues.broker.types import Encoding, NewMessage
from tests.broker.at_once import at_once

from .client import Client, Queue, data
from .conftest import NewQueue

UNKNOWN = "qmsg_01890a5dac96774bbcceb302099a8057"


def seconds_between(one: str, other: str) -> float:
    return (datetime.fromisoformat(other) - datetime.fromisoformat(one)).total_seconds()


@pytest.mark.contract("18")
def test_a_published_message_comes_back_whole(q: Queue) -> None:
    message = q.publish({"a": 1}, metadata={"p": "high"})
    queue = q.get()
    assert message == message | {
        "queue_id": queue["id"],
        "offset": 0,
        "payload": {"a": 1},
        "size": 7,
        "metadata": {"p": "high"},
        "state": "pending",
        "delivery_attempts": 0,
        "max_retries": 5,
        "expires_at": None,
    }
    assert message["published_at"] == message["created_at"]
    assert datetime.fromisoformat(message["published_at"]).tzinfo is not None
    assert q.message(message["id"]) == message


@pytest.mark.contract("19")
def test_offsets_rise_and_are_never_used_again(q: Queue) -> None:
    q.publish()
    second = q.publish()
    assert second["offset"] == 1
    q.call("DELETE", "messages/delete", second["id"]).expect(200)
    assert q.publish()["offset"] == 2


PAYLOADS: list[Any] = [0, False, True, [], {}, "", "x", '{"a":1}', 1.5, [None], {"ä": "\u0000"}]


@pytest.mark.contract("20")
def test_payloads_keep_type_and_value(q: Queue) -> None:
    for payload in PAYLOADS:
        published = q.publish(payload)
        q.take()
        for shown in (published, q.message(published["id"]), q.consume(published["offset"])[0]):
            assert json.dumps(shown["payload"]) == json.dumps(payload)
        q.ack(published["id"])


@pytest.mark.parametrize(
    "text",
    [
        b'{ "b":1.0, "a":[1e2,null],"\\u00e9":"\\u0000\\ud83d\\ude00", "n":12345678901234567890123 }',
        b"0.10",
        b'"\\u00e9"',
    ],
)
def test_payloads_keep_their_very_text(q: Queue, text: bytes) -> None:
    content = b'{"payload":%s}' % text
    answers = [
        q.call("POST", "messages/publish", content=content),
        q.call("GET", "receive"),
        q.call("GET", "messages/offset", 0),
    ]
    for answer in answers:
        found = msgspec.json.decode(answer.expect(200).content, type=dict[str, msgspec.Raw])
        inner = msgspec.json.decode(found["data"], type=dict[str, dict[str, msgspec.Raw]])
        assert bytes(inner["message"]["payload"]) == text


@pytest.mark.contract("21", "22", "23")
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "payload"),
        ({"payload": None}, "payload"),
        ({"payload": 1, "idempotency_key": "k" * 257}, "idempotency_key"),
        ({"payload": 1, "idempotency_key": 5}, "idempotency_key"),
        ({"payload": 1, "idempotency_key": "\0"}, "idempotency_key"),
        ({"payload": 1, "partition_key": "k" * 257}, "partition_key"),
        ({"payload": 1, "ttl_seconds": -1}, "ttl_seconds"),
        ({"payload": 1, "ttl_seconds": "60"}, "ttl_seconds"),
        ({"payload": 1, "ttl_seconds": 1e300}, "ttl_seconds"),
        ({"payload": 1, "metadata": []}, "metadata"),
        ({"payload": 1, "metadata": "x"}, "metadata"),
        ([], "request body"),
        (b'{"payload":1', "request body"),
        (b'{"payload":"\\ud800"}', "request body"),
        (b"", "request body"),
    ],
)
def test_what_cannot_be_published(ag: Client, q: Queue, body: Any, field: str) -> None:
    answer = q.call("POST", "messages/publish", content=body).expect(400)
    assert field in answer.json()["message"]
    assert q.get()["next_offset"] == 0
    if isinstance(body, dict):
        answer = q.call("POST", "messages/batch", content={"messages": [{"payload": 1}, body]}).expect(400)
        assert re.match(rf"messages\[(1|\.\.\.)\]\.{field}: ", answer.json()["message"])
        assert q.get()["next_offset"] == 0
    ag.call("POST", "/queue/messages/publish/none", body).expect(404)


@pytest.mark.contract("22", "23")
def test_sizes(q: Queue) -> None:
    q.publish("x" * 1_000_000)
    q.publish("x" * 1_048_574)  # and its quotes
    too_long = q.try_publish("x" * 1_048_577).expect(413)
    assert too_long.json()["code"] == "PAYLOAD_TOO_LARGE"
    q.try_publish("x" * 1_048_575).expect(413)
    q.try_publish("é" * 600_000).expect(413)
    q.publish(1, metadata={"m": "x" * 65_000})
    q.try_publish(1, metadata={"m": "x" * 65_536}).expect(413)
    q.publish(1, idempotency_key="é" * 256, partition_key="é" * 256)
    blanks = b'{"payload":[' + b" " * 1_048_577 + b"]}"
    assert data(q.call("POST", "messages/publish", content=blanks))["message"]["size"] == 2
    assert q.get()["next_offset"] == 5


@pytest.mark.contract("22", "23")
def test_sizes_are_those_of_the_characters_however_they_are_written(q: Queue) -> None:
    """Python writes what is not ASCII as escapes; that halves no limit."""
    assert q.publish("é")["size"] == q.message(q.publish("é")["id"])["size"] == 4
    published = q.publish("é" * 500_000, metadata={"m": "é" * 30_000})
    assert published["size"] == 1_000_002
    taken = q.consume(2)[0]
    assert (taken["payload"], taken["metadata"]) == ("é" * 500_000, {"m": "é" * 30_000})
    q.try_publish(1, metadata={"m": "é" * 33_000}).expect(413)
    blanks = b'{"payload":1,"metadata":{' + b" " * 70_000 + b"}}"
    q.call("POST", "messages/publish", content=blanks).expect(200)
    assert q.handle().peek()[-1].metadata == "{}"


@pytest.mark.contract("24")
def test_an_idempotency_key_stands_for_one_message(q: Queue, new_queue: NewQueue) -> None:
    first = q.publish("first", idempotency_key="k")
    again = q.publish("second", idempotency_key="k")
    assert again == first
    assert q.get()["message_count"] == 1
    parallel = at_once(lambda: q.publish("x", idempotency_key="six") for _ in range(6))
    assert len({message["id"] for message in parallel}) == 1
    assert q.get()["message_count"] == 2
    assert new_queue().publish("x", idempotency_key="k")["id"] != first["id"]
    taken = q.take()
    assert q.publish("x", idempotency_key="k")["state"] == "leased"
    assert taken["idempotency_key"] == "k"
    batch = q.batch({"payload": 1}, {"payload": 2, "idempotency_key": "k"}, {"payload": 3})
    assert [message["id"] == first["id"] for message in batch] == [False, True, False]


@pytest.mark.contract("25")
def test_a_life_is_the_messages_own_or_the_queues(q: Queue, new_queue: NewQueue) -> None:
    own = q.publish(ttl_seconds=3600)
    assert (own["ttl_seconds"], seconds_between(own["published_at"], own["expires_at"])) == (3600, 3600)
    assert q.publish()["expires_at"] is None
    assert q.publish(ttl_seconds=0)["expires_at"] is None
    queues = new_queue(ttl_seconds=600).publish()
    assert (queues["ttl_seconds"], seconds_between(queues["published_at"], queues["expires_at"])) == (
        600,
        600,
    )


@pytest.mark.contract("26")
def test_an_expired_message_is_not_handed_out(q: Queue) -> None:
    message = q.publish(ttl_seconds=1)
    q.age(1.6)
    assert q.receive() is None
    q.call("GET", "messages/get", message["id"]).expect(404)
    assert q.get()["message_count"] == 0


@pytest.mark.contract("27", "28")
def test_unknown_fields_and_sync_change_nothing(q: Queue) -> None:
    q.publish({"a": 1}, project_id="p", agent_id="a", x={"y": 1})
    for offset, sync in enumerate(("true", "false"), 1):
        answer = q.call("POST", "messages/publish", content={"payload": 1}, sync=sync)
        assert data(answer)["message"]["offset"] == offset


@pytest.mark.contract("29")
def test_a_batch_is_stored_in_its_order(q: Queue) -> None:
    q.publish()
    stored = q.batch({"payload": "a"}, {"payload": "b", "metadata": {"n": 1}}, {"payload": "c"})
    assert [(message["payload"], message["offset"]) for message in stored] == [("a", 1), ("b", 2), ("c", 3)]
    assert [message["id"] for message in stored] == [message["id"] for message in q.consume(1)]


@pytest.mark.contract("29")
def test_a_batch_has_1_to_1000_messages(q: Queue) -> None:
    def send(count: int) -> Any:
        return q.call("POST", "messages/batch", content={"messages": [{"payload": n} for n in range(count)]})

    send(0).expect(400)
    send(1001).expect(400)
    assert len({message["id"] for message in data(send(1000))["messages"]}) == 1000
    q.call("POST", "messages/batch", content={}).expect(400)
    q.call("POST", "messages/batch", content={"messages": {}}).expect(400)


def test_a_batch_is_all_or_nothing(q: Queue) -> None:
    big = {"payload": "x" * 1_048_577}
    q.call("POST", "messages/batch", content={"messages": [{"payload": 1}, big]}).expect(413)
    q.call("POST", "messages/batch", content={"messages": [big, {"payload": None}]}).expect(400)
    assert q.get()["next_offset"] == 0


@pytest.mark.contract("30")
def test_nothing_is_published_to_a_missing_queue(ag: Client) -> None:
    Queue(ag, "none").try_publish(1).expect(404)
    Queue(ag, "none").call("POST", "messages/batch", content={"messages": [{"payload": 1}]}).expect(404)


@pytest.mark.contract("31", "35", "45", "51", "52", "53")
@pytest.mark.parametrize(
    ("method", "action"),
    [
        ("GET", "messages/get"),
        ("DELETE", "messages/delete"),
        ("POST", "messages/replay"),
        ("POST", "ack"),
        ("POST", "nack"),
        ("POST", "dlq/replay"),
        ("DELETE", "dlq/delete"),
    ],
)
def test_an_unknown_id_is_not_found(
    ag: Client, q: Queue, new_queue: NewQueue, method: str, action: str
) -> None:
    elsewhere = new_queue().publish()["id"]
    for message_id in (UNKNOWN, elsewhere, "msg_abc123", "qmsg_", "qmsg_xyz", "qmsg_xff", "%00", "é"):
        answer = q.call(method, action, message_id).expect(404)
        assert "message" in answer.json()["message"]
        assert message_id != UNKNOWN or UNKNOWN in answer.json()["message"]
        Queue(ag, "none").call(method, action, message_id).expect(404)


@pytest.mark.contract("32")
def test_a_message_is_found_by_its_offset(ag: Client, q: Queue) -> None:
    q.publish("a")
    second = q.publish("b")
    assert data(q.call("GET", "messages/offset", 1))["message"] == second
    q.call("GET", "messages/offset", 4242).expect(404)
    q.call("DELETE", "messages/delete", q.message(second["id"])["id"]).expect(200)
    q.publish("c")
    q.call("GET", "messages/offset", 1).expect(404)
    for offset in ("abc", -1, 10**30, "1.5"):
        q.call("GET", "messages/offset", offset).expect(400)
    Queue(ag, "none").call("GET", "messages/offset", "abc").expect(404)


@pytest.mark.contract("33")
def test_messages_are_listed_by_the_page(ag: Client, q: Queue) -> None:
    for payload in range(5):
        q.publish(payload)
    found, total = q.listed(limit=2, offset=2)
    assert ([message["payload"] for message in found], total) == ([2, 3], 5)
    assert q.listed(offset=9) == ([], 5)
    for query in ({"limit": 0}, {"limit": 1001}, {"offset": -1}, {"state": "lost"}):
        q.call("GET", "messages/list", **query).expect(400)
        Queue(ag, "none").call("GET", "messages/list", **query).expect(404)


@pytest.mark.contract("34")
def test_messages_are_listed_by_state(new_queue: NewQueue) -> None:
    q = new_queue(max_retries=2)
    acked, leased, retried, waiting = (q.publish(payload)["id"] for payload in range(4))
    for _ in range(3):
        q.take()
    q.ack(acked)
    q.nack(retried)

    def listed(state: str) -> tuple[list[str], int]:
        found, total = q.listed(state=state)
        return [message["id"] for message in found], total

    assert listed("pending") == ([retried, waiting], 2)
    assert listed("leased") == listed("processing") == ([leased], 1)
    assert listed("delivered") == listed("completed") == ([acked], 1)
    assert listed("failed") == listed("dead") == ([], 0)
    assert [message["state"] for message in q.listed()[0]] == ["delivered", "leased", "pending", "pending"]
    q.call("GET", "messages/list", state="failed").expect(200)


@pytest.mark.contract("35")
def test_a_deleted_message_is_gone(q: Queue) -> None:
    gone, kept = q.publish("gone"), q.publish("kept")
    assert q.call("DELETE", "messages/delete", gone["id"]).expect(200).json() == {"success": True}
    q.call("GET", "messages/get", gone["id"]).expect(404)
    q.call("DELETE", "messages/delete", gone["id"]).expect(404)
    assert q.take()["id"] == kept["id"]
    assert q.receive() is None


@pytest.mark.contract("36", "37")
def test_a_queue_is_read_as_a_log(ag: Client, q: Queue) -> None:
    for payload in range(6):
        q.publish(payload)
    assert [message["payload"] for message in q.consume(2, limit=3)] == [2, 3, 4]
    assert all((one["state"], one["delivery_attempts"]) == ("pending", 0) for one in q.consume(0))
    assert q.consume(6) == q.consume(2**63 - 1) == []
    q.ack(q.take()["id"])
    assert [(one["payload"], one["state"]) for one in q.consume(0, limit=1)] == [(0, "delivered")]
    for query in ({}, {"offset": -1}, {"offset": "x"}, {"offset": 0, "limit": 0}, {"offset": 2**63}):
        q.call("GET", "consume", **query).expect(400)
        Queue(ag, "none").call("GET", "consume", **query).expect(404)


@pytest.mark.contract("38")
def test_the_ends_of_the_log(ag: Client, q: Queue) -> None:
    assert (q.head(), q.tail()) == (0, -1)
    stored = q.batch(*({"payload": n} for n in range(4)))
    assert (q.head(), q.tail()) == (0, 3)
    q.call("DELETE", "messages/delete", stored[0]["id"]).expect(200)
    assert (q.head(), q.tail()) == (1, 3)
    ag.call("GET", "/queue/head/none").expect(404)
    ag.call("GET", "/queue/tail/none").expect(404)


@pytest.mark.contract("53")
def test_any_message_is_replayed(q: Queue) -> None:
    first, second = q.publish("first"), q.publish("second")
    q.ack(q.take()["id"])
    replayed = data(q.call("POST", "messages/replay", first["id"]))["message"]
    assert (replayed["state"], replayed["offset"], replayed["acknowledged_at"]) == ("pending", 0, None)
    assert q.take()["payload"] == "first"
    held = data(q.call("POST", "messages/replay", first["id"]))["message"]
    assert held["state"] == "pending"
    q.call("POST", "ack", first["id"]).expect(404)  # nobody holds it any more
    assert data(q.call("POST", "messages/replay", second["id"]))["message"] == q.message(second["id"])
    assert [q.take()["payload"], q.take()["payload"]] == ["first", "second"]


def test_acknowledged_messages_are_kept_as_long_as_the_queue_says(new_queue: NewQueue) -> None:
    q = new_queue(retention_seconds=60, ttl_seconds=5)
    message = q.publish()
    q.take()
    q.ack(message["id"])
    q.age(50)
    assert q.message(message["id"])["state"] == "delivered"
    q.age(11)
    q.call("GET", "messages/get", message["id"]).expect(404)


def test_messages_of_one_partition_are_handled_in_order(q: Queue) -> None:
    first = q.publish(1, partition_key="k")
    q.publish(2, partition_key="k")
    q.publish(3)
    assert first["partition_key"] == "k"
    assert [q.take()["payload"], q.take()["payload"]] == [1, 3]
    assert q.receive() is None
    q.ack(first["id"])
    assert q.take()["payload"] == 2


@pytest.mark.parametrize("public_id", ["order-1", "é/?#", "01890a5dac96774bbcceb302099a8057", "x", "qmsg_1"])
def test_a_message_another_dialect_named_is_found_by_its_id_here(q: Queue, public_id: str) -> None:
    handle = q.handle()
    broker.publish(handle.account_id, handle.name, [NewMessage('"b"', 3, public_id=public_id)])
    (shown,) = q.consume(0)
    assert ids.public_id(shown["id"]) == public_id
    assert q.take()["id"] == shown["id"] == q.message(shown["id"])["id"]
    q.ack(shown["id"])
    assert q.message(shown["id"])["state"] == "delivered"


@pytest.mark.parametrize(
    ("encoding", "body", "shown"),
    [
        (Encoding.TEXT, "a\n", "a\n"),
        (Encoding.TEXT, '{"a":1}', '{"a":1}'),
        (Encoding.BASE64, "AP8=", "AP8="),
        (Encoding.JSON, "null", None),
    ],
)
def test_bodies_of_other_dialects_are_json_here(q: Queue, encoding: Encoding, body: str, shown: Any) -> None:
    handle = q.handle()
    strange = NewMessage(body, len(body), encoding, metadata="[1]", headers='{"okmq_source": 7}')
    broker.publish(handle.account_id, handle.name, [strange])
    taken = q.take()
    assert (taken["payload"], taken["metadata"], taken["source_id"]) == (shown, None, None)
