"""What OKMQ's views make of a request before and after the broker: order of checks, bodies, error answers."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import OperationalError
from django.http import HttpResponse
from django.test import RequestFactory
from django.urls import resolve

from accounts import services
from queues import broker
from queues.api import body
from queues.api.okmq.serializers import DEFAULT_SETTINGS
from queues.broker.errors import QueueNotFound, QuotaExceeded, ShuttingDown, TopicNotFound, Unavailable

MESSAGES = b'[{"id":"a","body":1}]'
BIG = b'[{"id":"a","body":"' + b"x" * 1_048_577 + b'"}]'
Call = Callable[..., HttpResponse]


@pytest.fixture
def call(api_key: str) -> Call:
    """Sends a request through the URLs to the view, past the WSGI layer."""

    def send(method: str, path: str, data: bytes = b"", *, key: str = api_key, **extra: Any) -> HttpResponse:
        request = RequestFactory().generic(
            method, path, data, "text/plain", headers={"Authorization": key}, **extra
        )
        request.META["RAW_URI"] = path  # as gunicorn gives it
        match = resolve(request.path_info)
        answer: HttpResponse = match.func(request, *match.args, **match.kwargs)
        return answer

    return send


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What reached the broker; its queues all exist."""
    seen: list[Any] = []

    def note(name: str) -> Callable[..., int]:
        def act(*args: Any, **kwargs: Any) -> int:
            seen.append((name, args, kwargs))
            return 1

        return act

    for name in ("publish", "publish_topic", "settle", "delete_messages", "replay"):
        monkeypatch.setattr(broker, name, note(name))
    monkeypatch.setattr(broker, "get_queue", lambda *args: None)
    return seen


def raising(error: Exception) -> Callable[..., Any]:
    def act(*args: Any, **kwargs: Any) -> Any:
        raise error

    return act


def told(answer: HttpResponse) -> str:
    found = json.loads(answer.content)
    assert list(found) == ["error"]
    assert answer.headers["Content-Type"] == "application/json"
    return str(found["error"])


def chunked(data: bytes, *, terminated: bool = True) -> dict[str, Any]:
    """The environ of a request whose length is not declared, as gunicorn gives it."""
    return {
        "CONTENT_LENGTH": "",
        "HTTP_TRANSFER_ENCODING": "chunked",
        "wsgi.input": io.BytesIO(data),
        "wsgi.input_terminated": terminated,
    }


def test_an_answer_without_content_has_no_content_type(call: Call, published: list[Any]) -> None:
    answer = call("POST", "/queues/q/messages", MESSAGES)
    assert (answer.status_code, answer.content) == (204, b"")
    assert "Content-Type" not in answer.headers


def test_a_refused_key_is_challenged_before_anything_is_read(call: Call, published: list[Any]) -> None:
    for key in ("", "wrong", "Basic eDp5", "\xff"):
        answer = call("POST", "/queues/q/messages", b"{not json", key=key)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert told(answer)
    assert published == []


def test_a_database_that_is_away_is_503_not_401(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    services.forget_cached_keys()
    monkeypatch.setattr(services._cache, "_look_up", raising(OperationalError("gone")))
    answer = call("GET", "/queues")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert told(answer)


@pytest.mark.parametrize("error", [Unavailable("busy"), ShuttingDown()])
def test_a_broker_that_is_unavailable_asks_to_come_back(
    call: Call, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(broker, "publish", raising(error))
    answer = call("POST", "/queues/q/messages", MESSAGES)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert told(answer)


@pytest.mark.parametrize(
    ("method", "path", "data"),
    [
        ("POST", "/queues/q/messages", b"{"),
        ("POST", "/queues/q/messages", BIG),
        ("GET", "/queues/q/messages?limit=0", b""),
        ("DELETE", "/queues/q/messages?type=x", b""),
        ("DELETE", "/queues/q/messages", b"{}"),
        ("POST", "/queues/q/resetfailed", b"5"),
        ("PATCH", "/queues/q", b"5"),
    ],
)
def test_a_missing_queue_is_told_before_a_bad_request(
    call: Call, monkeypatch: pytest.MonkeyPatch, method: str, path: str, data: bytes
) -> None:
    monkeypatch.setattr(broker, "get_queue", raising(QueueNotFound()))
    assert call(method, path, data).status_code == 404
    monkeypatch.setattr(broker, "get_queue", lambda *args: SimpleNamespace(settings=DEFAULT_SETTINGS))
    assert call(method, path, data).status_code == (413 if data is BIG else 400)


def test_a_missing_topic_is_told_before_a_bad_body(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "publish_topic", raising(TopicNotFound()))
    assert call("POST", "/topics/t/messages", b"{").status_code == 404


def test_topics_have_no_413(call: Call, published: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    assert call("POST", "/queues/q/messages", BIG).status_code == 413
    assert call("POST", "/topics/t/messages", BIG).status_code == 400
    for name in ("publish", "publish_topic"):
        monkeypatch.setattr(broker, name, raising(QuotaExceeded("max_messages")))
    assert call("POST", "/queues/q/messages", MESSAGES).status_code == 413
    answer = call("POST", "/topics/t/messages", MESSAGES)
    assert (answer.status_code, told(answer)) == (400, "the account's max_messages quota is used up")


def test_a_consumer_too_many_is_told_to_come_back(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "receive", raising(QuotaExceeded("max_concurrency")))
    answer = call("GET", "/queues/q/messages")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")


def test_a_wrong_method_is_told_the_right_ones(call: Call) -> None:
    for method, path, allowed in [
        ("PUT", "/queues", "GET, POST"),
        ("OPTIONS", "/queues/q", "GET, PATCH, DELETE"),
        ("HEAD", "/queues/q/messages/", "GET, POST, DELETE"),
        ("GET", "/topics/x/messages", "POST"),
    ]:
        answer = call(method, path)
        assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)
        assert method == "HEAD" or told(answer)


def test_a_head_request_consumes_nothing_and_has_no_body(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "receive", raising(AssertionError("consumed")))
    assert call("HEAD", "/queues/q/messages").content == b""


@pytest.mark.parametrize(
    "path", ["/queues/%FF/messages", "/queues/%F0%9F/messages", "/queues/%ED%A0%80/messages"]
)
def test_a_path_that_can_name_nothing_names_nothing(call: Call, published: list[Any], path: str) -> None:
    assert call("POST", path, MESSAGES).status_code == 404
    assert call("GET", path.replace("messages", "stats")).status_code == 200
    assert call("POST", path.replace("messages", "ack"), b'[{"id":"a","ack":true}]').status_code == 204
    assert published == []


def test_a_name_that_looks_percent_encoded_is_a_name(call: Call, published: list[Any]) -> None:
    call("POST", "/queues/%25FF/messages", MESSAGES)
    assert published[0][1][1] == "%FF"


def test_an_empty_list_of_ids_never_means_all(call: Call, published: list[Any]) -> None:
    for method, path in (("DELETE", "/queues/q/messages"), ("POST", "/queues/q/resetfailed")):
        assert call(method, path, b'{"ids":[]}').status_code == 204
    assert [options["ids"] for _, _, options in published] == [[], []]


def test_a_body_sent_in_chunks_is_read(call: Call, published: list[Any]) -> None:
    answer = call("DELETE", "/queues/q/messages", **chunked(b'{"ids":["a"]}'))
    assert answer.status_code == 204
    assert published[0][2] == {"ids": ["a"]}
    assert call("DELETE", "/queues/q/messages", **chunked(b"")).status_code == 204
    assert published[1][2] == {"state": None, "tag": ""}


def test_chunks_the_server_does_not_decode_are_refused(call: Call, published: list[Any]) -> None:
    answer = call("DELETE", "/queues/q/messages", **chunked(b'{"ids":["a"]}', terminated=False))
    assert answer.status_code == 400
    assert published == []


def test_a_body_cut_short_is_no_absent_body(call: Call, published: list[Any]) -> None:
    cut = {"CONTENT_LENGTH": "13", "wsgi.input": io.BytesIO(b"")}
    assert call("DELETE", "/queues/q/messages", **cut).status_code == 400
    assert published == []


@pytest.mark.parametrize("length", ["x", "-1", "1_0", "٣", "1.0"])
def test_an_odd_content_length_is_refused(call: Call, published: list[Any], length: str) -> None:
    assert call("POST", "/queues/q/messages", MESSAGES, CONTENT_LENGTH=length).status_code == 400


@pytest.mark.parametrize("length", ["1000000000000", "9" * 30])
def test_a_body_declared_far_over_the_cap_is_refused_unread(
    call: Call, published: list[Any], length: str
) -> None:
    source = io.BytesIO(MESSAGES)
    answer = call("POST", "/queues/q/messages", CONTENT_LENGTH=length, **{"wsgi.input": source})
    assert (answer.status_code, source.read()) == (413, MESSAGES)


def test_a_body_over_the_cap_is_refused_and_drained(
    call: Call, published: list[Any], settings: LazySettings
) -> None:
    settings.OKMQ_MAX_REQUEST_BYTES = 100
    for path, status in (("/queues/q/messages", 413), ("/topics/t/messages", 400), ("/queues", 400)):
        source = io.BytesIO(b"x" * 150)
        answer = call("POST", path, CONTENT_LENGTH="150", **{"wsgi.input": source})
        assert (answer.status_code, source.read()) == (status, b"")
    assert call("POST", "/queues/q/messages", **chunked(b"x" * 101)).status_code == 413
    assert call("POST", "/queues/q/messages", MESSAGES.ljust(100)).status_code == 204


def test_an_unwanted_body_is_drained_whole_or_not_at_all(call: Call, settings: LazySettings) -> None:
    settings.OKMQ_MAX_REQUEST_BYTES = body.CHUNK
    for size, left in ((1000, 0), (5 * body.CHUNK, 5 * body.CHUNK)):
        source = io.BytesIO(b"x" * size)
        answer = call("POST", "/queues", key="wrong", CONTENT_LENGTH=str(size), **{"wsgi.input": source})
        assert (answer.status_code, len(source.read())) == (401, left)


def test_no_client_chooses_the_format(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "list_queues", lambda account: [])
    answer = call("GET", "/queues?format=api", HTTP_ACCEPT="text/html")
    assert (answer.status_code, answer.content) == (200, b"[]")
    assert answer.headers["Content-Type"] == "application/json"


def test_what_nobody_foresaw_leaves_the_view(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "list_queues", raising(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        call("GET", "/queues")


def test_an_id_may_end_in_a_slash_or_hold_line_feeds(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def get_message(account: int, queue: str, public_id: str) -> Any:
        asked.append(public_id)
        raise broker.MessageNotFound

    monkeypatch.setattr(broker, "get_message", get_message)
    for path in ("a", "a/", "a%2Fb//", "%2F", "a%0Ab", "a%2F..%2Fb"):
        assert call("GET", f"/queues/q/messages/{path}").status_code == 404
    assert asked == ["a", "a/", "a", "a/b//", "a/b/", "/", "", "a\nb", "a/../b"]
