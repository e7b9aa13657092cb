"""Acks and nacks, with receipts as clients of Forq 1 send them and without as older ones do (forq.md sections
4.3 and 4.4)."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from queues import broker
from queues.broker.types import Encoding, NewMessage, QueueSettings, State

from .client import Queue, code_of

NOT_FOUND = (404, "not_found.message")
MISSING = (400, "bad_request.receipt.missing")
INVALID = (400, "bad_request.receipt.invalid")
BAD_ID = (400, "bad_request.messageId.invalid")
VERBS = ("ack", "nack")


def raised(receipt: str, by: int = 1) -> str:
    return str(int(receipt) + by)


@pytest.mark.contract("8")
def test_an_ack_deletes_and_is_good_once(q: Queue) -> None:
    q.produce("x").expect(204)
    message = q.take()
    q.ack(message).expect(204)
    assert q.ids() == []
    assert code_of(q.ack(message)) == NOT_FOUND
    assert code_of(q.nack(message)) == NOT_FOUND


@pytest.mark.contract("9")
def test_without_a_receipt_an_ack_may_be_repeated(q: Queue) -> None:
    for _ in range(2):  # no queue of that name, and one without the message
        q.settle("ack", str(uuid4())).expect(204)
        assert code_of(q.settle("nack", str(uuid4()))) == NOT_FOUND
        q.produce("x").expect(204)
    message = q.take()
    for _ in range(2):
        q.settle("ack", message["id"]).expect(204)
    assert code_of(q.settle("nack", message["id"])) == NOT_FOUND
    assert len(q.ids()) == 1


def test_without_a_receipt_only_what_is_in_flight_is_settled(q: Queue) -> None:
    q.produce("x").expect(204)
    message = q.take()
    q.settle("nack", message["id"]).expect(204)
    q.settle("ack", message["id"]).expect(204)
    assert code_of(q.settle("nack", message["id"])) == NOT_FOUND
    assert q.ids() == [message["id"]]
    q.age(1)
    assert q.take()["id"] == message["id"]
    q.age(301)
    q.settle("ack", message["id"]).expect(204)
    assert q.ids() == [message["id"]]


@pytest.mark.contract("10")
@pytest.mark.parametrize("verb", VERBS)
def test_a_receipt_may_be_required(q: Queue, settings: Any, verb: str) -> None:
    q.produce("x").expect(204)
    message = q.take()
    for empty in ("", "  "):
        assert code_of(q.settle(verb, message["id"], empty)) == MISSING
    settings.OKMQ_FORQ_REQUIRE_RECEIPT = True
    assert code_of(q.settle(verb, message["id"])) == MISSING
    assert q.view(message["id"]).state is State.PROCESSING
    q.settle(verb, message["id"], message["receipt"]).expect(204)


@pytest.mark.contract("11")
@pytest.mark.parametrize("verb", VERBS)
def test_a_receipt_is_a_64_bit_integer(q: Queue, verb: str) -> None:
    q.produce("x").expect(204)
    message = q.take()
    for receipt in (
        "abc",
        "1_000",
        "1.5",
        "1 0",
        "0x10",
        "--1",
        "+",
        "9223372036854775808",
        "-9223372036854775809",
        "1" * 5000,
        "\xb2",
        "\xd9\xa1",
    ):
        assert code_of(q.settle(verb, message["id"], receipt)) == INVALID
    for receipt in ("9223372036854775807", "-9223372036854775808", "0", "-0", "+1"):
        assert code_of(q.settle(verb, message["id"], receipt)) == NOT_FOUND
    q.settle(verb, message["id"], f" +00{message['receipt']} ").expect(204)


@pytest.mark.contract("12")
@pytest.mark.parametrize("verb", VERBS)
def test_another_receipt_is_no_receipt(q: Queue, verb: str) -> None:
    q.produce("x").expect(204)
    message = q.take()
    for by in (1, -1):
        assert code_of(q.settle(verb, message["id"], raised(message["receipt"], by))) == NOT_FOUND
    q.settle(verb, message["id"], message["receipt"]).expect(204)


@pytest.mark.contract("13")
@pytest.mark.parametrize("verb", VERBS)
def test_another_queue_is_another_queue(q: Queue, verb: str) -> None:
    q.produce("x").expect(204)
    message = q.take()
    for other in (Queue(q.client, f"{q.name}2"), q.dlq()):
        assert code_of(other.settle(verb, message["id"], message["receipt"])) == NOT_FOUND
    q.settle(verb, message["id"], message["receipt"]).expect(204)


@pytest.mark.contract("14")
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("made", [False, True])
def test_an_id_is_looked_at_before_the_receipt(q: Queue, verb: str, made: bool) -> None:
    if made:
        q.produce("x").expect(204)
    for id in ("not-a-uuid", "0199164b-4dea-78d9-9b4c-c699d503796", "a/b", "\0", "é", "{}"):
        for receipt in (None, "", "abc", "1"):
            assert code_of(q.settle(verb, id, receipt)) == BAD_ID


@pytest.mark.parametrize("verb", VERBS)
def test_any_way_to_write_a_uuid_is_one_but_only_the_message_s_own_finds_it(q: Queue, verb: str) -> None:
    q.produce("x").expect(204)
    message = q.take()
    own = message["id"]
    for id in (own.upper(), own.replace("-", ""), f"{{{own}}}", f"urn:uuid:{own}"):
        assert code_of(q.settle(verb, id, message["receipt"])) == NOT_FOUND
        assert code_of(q.settle(verb, id, "abc")) == INVALID
    q.settle(verb, own, message["receipt"]).expect(204)


@pytest.mark.contract("15")
def test_a_nack_brings_the_message_again_after_a_second(q: Queue) -> None:
    q.produce("x").expect(204)
    first = q.take()
    q.nack(first).expect(204)
    view = q.view(first["id"])
    assert (view.state, view.deliver_at - view.updated_at) == (State.SCHEDULED, 1_000_000)
    q.consume().expect(204)
    q.age(1)
    second = q.take()
    assert (second["id"], second["content"]) == (first["id"], "x")
    assert int(second["receipt"]) > int(first["receipt"])


@pytest.mark.contract("16")
def test_a_receipt_is_spent_by_a_nack(q: Queue) -> None:
    q.produce("x").expect(204)
    message = q.take()
    q.nack(message).expect(204)
    assert code_of(q.nack(message)) == NOT_FOUND
    assert code_of(q.ack(message)) == NOT_FOUND
    q.age(1)
    again = q.take()
    assert code_of(q.ack(message)) == NOT_FOUND
    q.ack(again).expect(204)


def test_receipts_rise_even_within_a_moment(q: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    q.produce("x").expect(204)
    receipts = []
    for wait in (1, 5, 15, 30):
        message = q.take()
        receipts.append(int(message["receipt"]))
        q.nack(message).expect(204)
        q.age(wait)
    assert receipts == sorted(set(receipts))


@pytest.mark.parametrize("id", ["m1", "order/17", "ünï %41 {}", "a.b~c;d,e:f@g=h&i+j"])
def test_ids_that_other_dialects_gave_can_be_settled(q: Queue, id: str) -> None:
    account_id = q.client.account.pk
    broker.create_queue(account_id, q.name, settings=QueueSettings(max_attempts=3))
    broker.publish(account_id, q.name, [NewMessage("x", 1, Encoding.TEXT, id)])
    message = q.take()
    assert message["id"] == id
    assert code_of(q.settle("ack", id, raised(message["receipt"]))) == NOT_FOUND
    assert code_of(q.settle("ack", id, "abc")) == INVALID
    q.nack(message).expect(204)
    q.age(10)
    q.ack(q.take()).expect(204)
    assert q.view(id).state is State.ACKED  # that queue keeps what is done


def test_what_its_queue_acked_already_has_nothing_left_to_settle(q: Queue) -> None:
    account_id = q.client.account.pk
    broker.create_queue(account_id, q.name, settings=QueueSettings(auto_ack=True))
    broker.publish(account_id, q.name, [NewMessage("x", 1, Encoding.TEXT)])
    message = q.take()
    assert message["receipt"] == "0"
    assert code_of(q.ack(message)) == NOT_FOUND
    q.settle("ack", message["id"]).expect(204)
