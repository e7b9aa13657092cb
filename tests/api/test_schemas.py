"""OKMQ's message bodies: what is read from them, how they come back (contract sections 2.6, 2.7, 4, 5.6)."""

import json
import sys
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from queues.api.okmq import schemas
from queues.api.okmq.fields import MAX_BODY_BYTES
from queues.api.problems import BadRequest, TooLarge
from queues.broker.types import Ack, Encoding, Nack, NewMessage, Received

pytestmark = pytest.mark.once

LIMIT = MAX_BODY_BYTES


def enqueue(body: str, **other: Any) -> NewMessage:
    rest = "".join(f',"{name}":{json.dumps(value)}' for name, value in other.items())
    return schemas.read_messages(f'[{{"id":"m","body":{body}{rest}}}]'.encode())[0]


def received(body: str, encoding: Encoding = Encoding.JSON) -> bytes:
    message = Received("m", 1, body, encoding, "", "", None, None, 0, 0, 1, None, None)
    return msgspec.json.encode(schemas.received_json([message])[0])


@pytest.mark.parametrize(
    "body",
    ['"text"', '"\\u00e9\\n\\/"', "1.50", "-0", "1e-7", "1E+2", "9" * 23, "9" * 5000, "null", "true", "[]",
     '{"b":1,"a":2,"b":3}', '"\\u0000"', '"😀"', '"\\ud83d\\ude00"', '{ "a" : [ 1 , 2 ] }'],
)  # fmt: skip
def test_a_body_comes_back_byte_for_byte(body: str) -> None:
    stored = enqueue(body)
    assert (stored.body, stored.encoding) == (body, Encoding.JSON)
    assert f'"body":{body},'.encode() in received(stored.body)


@pytest.mark.parametrize(
    ("body", "size"),
    [('""', 0), ('"abc"', 3), ('"é"', 2), ('"\\u00e9"', 2), ('"\\n"', 1), ('"\\ud83d\\ude00"', 4),
     ('"a b"', 3), ("1", 1),
     ("null", 4), ("{}", 2), ('{ "a" : 1 }', 7), ('{"a":"b c"}', 11), ("[ 1,\n2 ]", 5)],
)  # fmt: skip
def test_size_is_utf8_of_a_string_and_compact_json_of_all_else(body: str, size: int) -> None:
    assert enqueue(body).size == size


@pytest.mark.parametrize(
    "text", ["x" * LIMIT, "é" * (LIMIT // 2), r"\u0041" * LIMIT], ids=["ascii", "utf8", "escapes"]
)
def test_a_string_of_exactly_the_limit_is_taken(text: str) -> None:
    assert enqueue(f'"{text}"').size == LIMIT


@pytest.mark.parametrize(
    ("body", "size"),
    [(r'["\u00e9"]', 6), (r'["\ud83d\ude00"]', 8), (r'["\/"]', 5), (r'["\u002f"]', 5), (r'["\u0041"]', 5),
     (r'["\n"]', 6), (r'["\u000a"]', 6), (r'["\u0000"]', 10), (r'["\u0022"]', 6), (r'["\u005C"]', 6),
     (r'["\\u00e9"]', 11), (r'["\\/"]', 7), (r'["\\\u00e9"]', 8), (r'{"\u00e9": "\u4e2d"}', 12)],
)  # fmt: skip
def test_size_does_not_depend_on_escapes(body: str, size: int) -> None:
    assert enqueue(body).size == size


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=3))
def test_size_is_that_of_compact_utf8_however_a_client_writes(value: Any) -> None:
    try:
        shortest = json.dumps([value], ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return  # a lone surrogate
    assert enqueue(json.dumps([value])).size == len(shortest)


def test_an_object_of_exactly_the_limit_is_taken_in_ascii_too() -> None:
    body = {"a": "é" * ((LIMIT - 8) // 2)}
    assert enqueue(json.dumps(body)).size == LIMIT


def test_an_array_of_exactly_the_limit_is_taken() -> None:
    assert enqueue('["' + "x" * (LIMIT - 4) + '"]').size == LIMIT


@pytest.mark.parametrize(
    "body",
    [
        '"' + "x" * (LIMIT + 1) + '"',
        '"x' + "é" * (LIMIT // 2) + '"',
        '["' + "x" * (LIMIT - 3) + '"]',
        "9" * (LIMIT + 1),
    ],
    ids=["ascii", "utf8", "array", "digits"],
)
def test_a_larger_body_is_too_large(body: str) -> None:
    with pytest.raises(TooLarge, match=r"^\[0\]\.body: must be at most"):
        enqueue(body)


def test_white_space_alone_makes_no_body_too_large() -> None:
    assert enqueue("[1," + " " * LIMIT + "2]").body == "[1,2]"


def test_no_depth_is_too_much_for_one_part_of_the_reading_alone() -> None:
    """What the parser just takes is measured from deeper in the stack."""
    taken = 0
    for depth in range(sys.getrecursionlimit() - 200, sys.getrecursionlimit()):
        try:
            enqueue("[ " * depth + "]" * depth)
            taken += 1
        except BadRequest:
            pass
    assert 0 < taken < 200


def test_a_bad_item_is_told_before_a_large_one() -> None:
    batch = json.dumps([{"id": "a", "body": "x" * (LIMIT + 1)}, {"id": "", "body": 1}])
    with pytest.raises(BadRequest, match=r"^\[1\]\.id: must be 1 to 50 characters$"):
        schemas.read_messages(batch.encode())


@pytest.mark.parametrize("id", ["", "x" * 51, "é" * 51, "a\0b", None, 5, True, [], {}])
def test_a_bad_id_is_refused(id: Any) -> None:
    with pytest.raises(BadRequest, match=r"^\[0\]\.id: "):
        schemas.read_messages(json.dumps([{"id": id, "body": 1}]).encode())


@pytest.mark.parametrize(
    "id", ["a", "é" * 50, "😀" * 50, " padded ", "a/b", "line\nfeed", ".", "http://x/?a=b#c"]
)
def test_an_odd_id_is_kept(id: str) -> None:
    assert schemas.read_messages(json.dumps([{"id": id, "body": 1}]).encode())[0].public_id == id


@pytest.mark.parametrize("tag", ["x" * 51, "a\0b", 5, True, []])
def test_a_bad_tag_is_refused(tag: Any) -> None:
    with pytest.raises(BadRequest, match=r"^\[0\]\.tag: "):
        enqueue("1", tag=tag)


def test_absent_empty_and_null_tags_are_none() -> None:
    assert [enqueue("1").tag, enqueue("1", tag="").tag, enqueue("1", tag=None).tag] == ["", "", ""]


def test_delivery_time_is_read() -> None:
    assert enqueue("1", delivery_time="1970-01-01T00:00:01Z").deliver_at == 1_000_000
    assert enqueue("1", delivery_time=None).deliver_at is None
    for bad in ("", "tomorrow", 5, "2026-01-01T00:00:00"):
        with pytest.raises(BadRequest, match=r"^\[0\]\.delivery_time: "):
            enqueue("1", delivery_time=bad)


def test_a_missing_body_is_refused_and_a_null_one_is_not() -> None:
    with pytest.raises(BadRequest, match=r"^\[0\]\.body: is required$"):
        schemas.read_messages(b'[{"id":"a"}]')
    assert enqueue("null").body == "null"


def test_a_hundred_items_are_the_most() -> None:
    item, ack = b'{"id":"a","body":1},', b'{"id":"a","ack":true},'
    assert len(schemas.read_messages(b"[" + (item * 100)[:-1] + b"]")) == 100
    assert schemas.read_messages(b"[]") == []
    with pytest.raises(BadRequest, match="at most 100"):
        schemas.read_messages(b"[" + (item * 101)[:-1] + b"]")
    with pytest.raises(BadRequest, match="at most 100"):
        schemas.read_settlements(b"[" + (ack * 101)[:-1] + b"]")
    with pytest.raises(BadRequest, match=r"^ids: must hold at most 100"):
        schemas.read_ids(json.dumps({"ids": ["a"] * 101}).encode())


def test_acks_and_nacks_are_read() -> None:
    sent = [
        {"id": "a", "ack": True},
        {"id": "b", "ack": True, "delete": False, "delivery_time": "1970-01-01T00:00:01Z"},
        {"id": "c", "ack": False, "delivery_time": "1970-01-01T00:00:01Z", "delete": True},
        {"id": "d", "ack": False, "delivery_time": None, "delete": None},
    ]
    assert schemas.read_settlements(json.dumps(sent).encode()) == [
        Ack("a"),
        Ack("b", delete=False),
        Nack("c", deliver_at=1_000_000),
        Nack("d"),
    ]


def test_ids_that_can_match_nothing_are_no_mistake() -> None:
    acks = '[{"id":"\\u0000","ack":true},{"id":"\\ud800","ack":false},{"id":"","ack":true}]'
    assert schemas.read_settlements(acks.encode()) == [Ack("\0"), Nack("\0"), Ack("")]
    assert schemas.read_ids(b'{"ids":["a\\u0000","\\udfff","","ok"]}') == ["a\0", "\0", "", "ok"]


@pytest.mark.parametrize(
    "bad", ["1", "null", "[]", "{}", '{"ids":"1"}', '{"ids":[1]}', '{"ids":[null]}', '{"id":[]}']
)
def test_bad_ids_are_refused(bad: str) -> None:
    with pytest.raises(BadRequest):
        schemas.read_ids(bad.encode())


def test_no_ids_and_no_id_differ() -> None:
    found = [schemas.read_optional_ids(text) for text in (b"", b"{}", b'{"ids":null}', b'{"ids":[]}')]
    assert found == [None, None, None, []]


def test_what_is_absent_is_left_out() -> None:
    assert json.loads(received("1")).keys() == {"id", "body", "delivery_time", "delivery_attempt"}


@pytest.mark.parametrize("encoding", [Encoding.TEXT, Encoding.BASE64])
def test_what_is_no_json_comes_out_as_a_string(encoding: Encoding) -> None:
    assert json.loads(received('say "hi"\n', encoding))["body"] == 'say "hi"\n'


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_is_measured_and_returned_exactly(text: str) -> None:
    for body in (json.dumps(text), json.dumps(text, ensure_ascii=False)):
        stored = enqueue(body)
        assert stored.size == len(text.encode())
        assert json.loads(received(stored.body))["body"] == text


@pytest.mark.parametrize(("seconds", "whole"), [(30, 30), (0.5, 1), (1.0, 1), (2.0001, 3), (0, 0)])
def test_fractions_of_seconds_are_rounded_up(seconds: float, whole: int) -> None:
    assert schemas.whole_seconds(seconds) == whole
