"""Creating tasks. Contract: tasks.md §4.1, black-box checks 3 to 18."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.broker.at_once import at_once
from tests.wsgi import Answer

from .client import UUID, Client, Queue, error_of
from .handle import Tasks

INVALID = (400, "INVALID_REQUEST")


def from_now(**delta: float) -> str:
    return (datetime.now(UTC) + timedelta(**delta)).isoformat().replace("+00:00", "Z")


@pytest.mark.contract("3")
def test_a_type_and_a_payload_are_enough(q: Queue) -> None:
    answer = q.client.post("/api/v1/tasks", {"type": q.type, "payload": {}}).expect(201)
    made = answer.json()
    assert UUID.fullmatch(made["task_id"])
    assert made == {"task_id": made["task_id"], "queue": "default", "status": "pending"}
    assert answer.headers["location"] == f"/api/v1/tasks/{made['task_id']}"


@pytest.mark.contract("4")
def test_the_documents_example(q: Queue) -> None:
    made = q.create(
        payload={"message": "Hello", "count": 5},
        max_retries=3,
        timeout="30s",
        process_at=from_now(hours=1),
        unique="1h",
        metadata={"user_id": "123"},
    )
    assert made.expect(201).json()["status"] == "scheduled"
    assert made.json()["queue"] == q.name


@pytest.mark.contract("5")
@pytest.mark.parametrize(
    "text",
    ["2020-01-01T00:00:00Z", "0000-02-29T12:00:00Z", "0001-01-01T00:00:00+23:59", "1969-07-20T20:17:40Z"],
)
def test_a_time_in_the_past_is_now(q: Queue, text: str) -> None:
    assert q.create(process_at=text).expect(201).json()["status"] == "pending"


@pytest.mark.contract("5")
@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2099-06-01T12:00:00+02:30", "2099-06-01T09:30:00Z"),
        ("2099-06-01T12:00:00.123456789Z", "2099-06-01T12:00:00.123456Z"),
        ("2099-06-01T12:00:00.5-00:00", "2099-06-01T12:00:00.500000Z"),
    ],
)
def test_an_offset_and_a_fraction_are_kept(q: Queue, text: str, instant: str) -> None:
    assert q.task(q.made(process_at=text))["next_process_at"] == instant


@pytest.mark.contract("6")
@pytest.mark.parametrize(
    "text",
    [
        "tomorrow", "2099-01-01T00:00:00", "2099-01-01 00:00:00Z", "2099-01-01T00:00:00+0200",
        "2099-02-30T00:00:00Z", "2099-01-01T24:00:00Z", "1737884800", "2099-01-01", "20990101T000000Z",
        "2099-01-01t00:00:00z", "2099-01-01T00:00:60Z", "2099-01-01T00:00:00,5Z", "2099-01-01T0:00:00Z",
        "2099-01-01T00:00:00+24:00", " 2099-01-01T00:00:00Z", "2099-01-01T00:00:00.Z",
        "20990-01-01T00:00:00Z",
        "9999-12-31T23:59:59-23:59", "0001-02-30T00:00:00Z", "٢٠٩٩-01-01T00:00:00Z",
    ],
)  # fmt: skip
def test_a_time_must_be_rfc_3339(q: Queue, text: str) -> None:
    assert error_of(q.create(process_at=text)) == (400, "INVALID_PROCESS_AT")


@pytest.mark.contract("7")
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("30s", "30s"), ("1h30m", "1h30m0s"), ("1.5h", "1h30m0s"), (".5s", "500ms"), ("5.s", "5s"),
        ("500ms", "500ms"), ("1m1m", "2m0s"), ("+5s", "5s"), ("00001s", "1s"), ("0", "30m0s"), ("", "30m0s"),
        ("1s1h", "1h0m1s"), ("1500us", "1.5ms"), ("2µs", "2µs"), ("2μs", "2µs"), ("1ns", "1µs"),
    ],
)  # fmt: skip
def test_a_timeout_is_a_go_duration(q: Queue, text: str, shown: str) -> None:
    assert q.task(q.made(timeout=text))["timeout"] == shown


@pytest.mark.contract("7")
@pytest.mark.parametrize(
    "text",
    [
        "5",
        "1d",
        "1w",
        "5 s",
        " 5s",
        "abc",
        "1h-5m",
        "1H",
        "3000000h",
        "PT5S",
        "1e3s",
        "٣s",
        "-5s",
        "s",
        ".s",
        "5s\n",
        pytest.param("1" * 1_000_000, id="a million digits"),
    ],
)
def test_any_other_timeout_is_refused(q: Queue, text: str) -> None:
    assert error_of(q.create(timeout=text)) == (400, "INVALID_TIMEOUT")


@pytest.mark.contract("8")
@pytest.mark.parametrize("text", ["1d", "x", "5", "500ms", "-1h", "8785h"])
def test_a_unique_window_is_a_duration_of_a_second_to_a_leap_year(q: Queue, text: str) -> None:
    assert error_of(q.create(unique=text)) == (400, "INVALID_UNIQUE")


@pytest.mark.contract("8")
@pytest.mark.parametrize("text", ["1s", "8784h", "0", "", None])
def test_the_ends_of_that_are_allowed(q: Queue, text: str | None) -> None:
    q.made(unique=text)


@pytest.mark.contract("9")
@pytest.mark.parametrize("body", [{}, {"type": ""}, {"type": 5}, {"type": None}])
def test_a_type_must_be_there(api: Client, body: dict[str, Any]) -> None:
    assert error_of(api.post("/api/v1/tasks", {"payload": {}, **body})) == INVALID


@pytest.mark.contract("9")
@pytest.mark.parametrize("type", ["nope", "Demo", "x" * 200, "nu\0l"])
def test_a_type_must_be_known(api: Client, type: str) -> None:
    answer = api.post("/api/v1/tasks", {"type": type, "payload": {}})
    assert error_of(answer) == (400, "INVALID_TASK_TYPE")


@pytest.mark.contract("10")
def test_a_payload_must_be_an_object(q: Queue) -> None:
    assert error_of(q.client.post("/api/v1/tasks", {"type": q.type})) == INVALID
    payloads: list[Any] = ["x", 5, [], True]
    for payload in payloads:
        assert error_of(q.create(payload=payload)) == (400, "INVALID_PAYLOAD")
    assert q.create(payload=None).status == 400


@pytest.mark.contract("10")
def test_a_handler_may_refuse_a_payload(api: Client) -> None:
    refused: list[dict[str, Any]] = [{"count": "x"}, {"count": -1}, {"message": 5}, {"message": "a\0b"}]
    for payload in refused:
        answer = api.post("/api/v1/tasks", {"type": "demo", "payload": payload})
        assert error_of(answer) == (400, "INVALID_PAYLOAD")
    api.post(
        "/api/v1/tasks", {"type": "demo", "payload": {"more": 1}, "process_at": from_now(days=1)}
    ).expect(201)


@pytest.mark.contract("10")
def test_a_number_no_handler_can_read_is_refused(api: Client) -> None:
    content = f'{{"type": "demo", "payload": {{"count": {"1" * 5_000}}}}}'.encode()
    answer = api.call("POST", "/api/v1/tasks", content=content)
    assert error_of(answer) == (400, "INVALID_PAYLOAD")


@pytest.mark.contract("11")
@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'"s"', b"null", b"nope", b'{"type":"a","payload":{}} x', b"\xff", b'{"type":NaN}'],
)
def test_a_body_must_be_an_object(api: Client, content: bytes) -> None:
    assert error_of(api.call("POST", "/api/v1/tasks", content=content)) == INVALID


@pytest.mark.contract("12")
@pytest.mark.parametrize("value", ["3", 1.5, 1.0, True, -1, 2**31, 10**30, []])
def test_retries_are_a_number(q: Queue, value: Any) -> None:
    assert error_of(q.create(max_retries=value)) == INVALID


@pytest.mark.contract("12")
def test_retries_written_as_a_float_are_refused(q: Queue) -> None:
    content = json.dumps({"type": q.type, "payload": {}}).replace("}}", '}, "max_retries": 1e2}').encode()
    assert error_of(q.client.call("POST", "/api/v1/tasks", content=content)) == INVALID


@pytest.mark.contract("12")
@pytest.mark.parametrize(("value", "shown"), [(None, 3), (7, 7), (0, 0), (2**31 - 1, 2**31 - 1)])
def test_retries_are_three_if_not_given(q: Queue, value: int | None, shown: int) -> None:
    assert q.task(q.made(max_retries=value))["max_retry"] == shown


@pytest.mark.contract("13")
def test_metadata_is_an_object_of_texts(q: Queue) -> None:
    values: list[Any] = [[], "x", {"a": 1}, {"a": None}]
    for value in values:
        assert error_of(q.create(metadata=value)) == INVALID
    task_id = q.made(metadata={"a": "b\0", "ü": "🎈"}, payload={"deep": [1.50, {"a": None}]}, unknown=1)
    assert q.task(task_id)["metadata"] == {"a": "b\0", "ü": "🎈"}
    assert q.task(task_id)["payload"] == {"deep": [1.5, {"a": None}]}


@pytest.mark.contract("13")
@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_the_content_type_is_not_looked_at(q: Queue, content_type: str | None) -> None:
    body = {"type": q.type, "payload": {}}
    q.client.call("POST", "/api/v1/tasks", body, headers={"Content-Type": content_type}).expect(201)


@pytest.mark.contract("14")
def test_a_body_may_be_a_mebibyte(q: Queue) -> None:
    assert error_of(q.create(payload={"x": "x" * 1_048_576})) == (413, "REQUEST_TOO_LARGE")
    q.made(payload={"x": "x" * 1_000_000})


@pytest.mark.contract("15")
def test_what_is_wrong_is_told_in_one_order(q: Queue) -> None:
    def wrong(**fields: Any) -> str:
        return error_of(q.create(**fields))[1]

    assert wrong(timeout="x", type="nope") == "INVALID_TIMEOUT"
    assert wrong(process_at="x", unique="x") == "INVALID_PROCESS_AT"
    assert wrong(unique="x", type="nope") == "INVALID_UNIQUE"
    assert wrong(type="nope", payload=5) == "INVALID_TASK_TYPE"
    assert wrong(max_retries=-1, timeout="x") == "INVALID_REQUEST"
    assert wrong(queue="bad name", timeout="x") == "INVALID_REQUEST"


@pytest.mark.contract("16")
def test_a_second_one_of_its_like_is_refused(q: Queue) -> None:
    task_id = q.made(unique="1h", payload={"a": 1, "b": 2})
    content = json.dumps(
        {"unique": "1h", "queue": q.name, "payload": {"b": 2, "a": 1}, "type": q.type}, indent=2
    ).encode()
    refusal = q.client.call("POST", "/api/v1/tasks", content=content)
    assert error_of(refusal) == (409, "TASK_ALREADY_EXISTS")
    assert refusal.json()["details"] == {"task_id": task_id}
    q.made(unique="1h", payload={"a": 1})
    q.made(payload={"a": 1, "b": 2})
    Queue(q.client, q.type, f"{q.name}-2").made(unique="1h", payload={"a": 1, "b": 2})


@pytest.mark.contract("16")
@pytest.mark.parametrize(
    "number", [str(2**64), "-" + "9" * 30, "1" * 5_000], ids=["2^64", "30 digits", "5,000 digits"]
)
def test_numbers_of_any_length_make_a_payload_what_it_is(q: Queue, number: str) -> None:
    def create(payload: str) -> Answer:
        content = f'{{"type": "{q.type}", "queue": "{q.name}", "unique": "1h", "payload": {payload}}}'
        return q.client.call("POST", "/api/v1/tasks", content=content.encode())

    create(f'{{"a": {number}, "b": "x"}}').expect(201)
    create(f'{{"a": {number[:-1]}0, "b": "x"}}').expect(201)
    create(f'{{"a": "{number}", "b": "x"}}').expect(201)
    assert error_of(create(f'{{"b":"x","a":{number}}}')) == (409, "TASK_ALREADY_EXISTS")


@pytest.mark.contract("17")
def test_of_eight_at_once_one_is_made(q: Queue) -> None:
    answers = at_once([lambda: q.create(unique="1h")] * 8)
    assert sorted(answer.status for answer in answers) == [201] + [409] * 7


def done(q: Queue) -> None:
    q.say(q.take(), "complete").expect(200)


def cancelled(q: Queue) -> None:
    q.cancel(q.take()["id"]).expect(200)


def deleted(q: Queue) -> None:
    claimed = q.take()
    q.say(claimed, "fail", error="x", retry_in="1h").expect(200)
    q.delete(claimed["id"]).expect(200)


@pytest.mark.contract("18")
@pytest.mark.parametrize("end", [done, cancelled, deleted])
def test_the_lock_is_freed(q: Queue, end: Callable[[Queue], None]) -> None:
    q.made(unique="1h")
    end(q)
    q.made(unique="1h")


def test_a_queue_has_a_plain_name(q: Queue) -> None:
    for name in ("a b", "a/b", "ü", "x" * 129, "nu\0l"):
        assert error_of(q.create(queue=name)) == INVALID
    made = q.create(queue="")
    assert made.expect(201).json()["queue"] == "default"


def test_a_quota_is_told_as_one(q: Queue, behind: Tasks) -> None:
    from tests.broker.usage import set_quotas

    q.made()
    set_quotas(behind.account_id, max_messages=1)
    assert error_of(q.create()) == (413, "QUOTA_EXCEEDED")
