"""Log lines: their two formats, one for each request, and nothing in them that is nobody's business."""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings

from okmq_site import access, logs, request_ids
from tests.server import Server, ServerFactory
from tests.site import wire

SECRET = "s3cr3t-that-nobody-may-read"


def line(message: str = "done", level: int = logging.INFO, **fields: Any) -> logging.LogRecord:
    record = logging.LogRecord("okmq.test", level, "", 0, message, None, None)
    record.fields = fields
    return record


def failed() -> logging.LogRecord:
    record = line("failed", logging.ERROR)
    try:
        raise ValueError("why")
    except ValueError:
        record.exc_info = sys.exc_info()
    return record


def lines_of(server: Server, request_id: str) -> list[dict[str, Any]]:
    """The log lines of the requests of that id. A line comes after the answer."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        found = [
            text for text in server.output().splitlines() if request_id in text and '"okmq.access"' in text
        ]
        if found:
            return [json.loads(text) for text in found]
        time.sleep(0.02)
    raise AssertionError(f"{request_id} is not in the log")


def ask(server: Server, path: str, method: str = "GET", body: bytes = b"", *headers: str) -> dict[str, Any]:
    """The request's own log line."""
    request_id = uuid4().hex
    head = [
        f"{method} {path} HTTP/1.1",
        "Host: x",
        "Connection: close",
        f"X-Request-ID: {request_id}",
        *headers,
    ]
    if body:
        head.append(f"Content-Length: {len(body)}")
    answer = wire.exchange(server, "\r\n".join([*head, "", ""]).encode() + body)
    [found] = lines_of(server, request_id)
    assert found["status"] == answer.status
    assert found["bytes_out"] == len(answer.body)
    return found


def test_json_lines_are_objects_with_their_fields() -> None:
    request_ids.current.set("r-1")
    found = json.loads(logs.JsonFormatter().format(line(queue="ä\n", seconds=1.5)))
    assert found["time"].endswith("Z")
    assert (found["level"], found["logger"], found["message"]) == ("INFO", "okmq.test", "done")
    assert (found["request_id"], found["queue"], found["seconds"]) == ("r-1", "ä\n", 1.5)


def test_json_lines_hold_an_exception_and_any_text() -> None:
    assert "ValueError: why" in json.loads(logs.JsonFormatter().format(failed()))["exception"]
    assert json.loads(logs.JsonFormatter().format(line(queue="\ud800")))["queue"] == "\ud800"


def test_text_lines_stay_one_line_whatever_a_field_holds() -> None:
    text = logs.TextFormatter().format(line(queue="a\nERROR forged: line", tag=None, topic="\ud800"))
    assert "\n" not in text
    assert "INFO okmq.test: done" in text
    assert "tag" not in text
    assert text.encode()
    assert "ValueError: why" in logs.TextFormatter().format(failed())


def test_times_are_utc_with_milliseconds() -> None:
    assert logs.timestamp(0.0) == "1970-01-01T00:00:00.000Z"
    assert logs.timestamp(1_700_000_000.75) == "2023-11-14T22:13:20.750Z"
    assert logs.timestamp(1_700_000_001.0625) == "2023-11-14T22:13:21.062Z"


def test_gunicorns_own_lines_quote_no_client() -> None:
    refusal = logging.LogRecord("gunicorn.error", 30, "", 0, "Invalid request from ip=::1: 'key'", None, None)
    assert not logs.GunicornFilter().filter(refusal)
    crash = logging.LogRecord(
        "gunicorn.error", 40, "", 0, "Error handling request %s %s", ("GET", f"/a?k={SECRET}"), None
    )
    assert logs.GunicornFilter().filter(crash)
    assert crash.getMessage() == "Error handling request GET /a"


@pytest.mark.parametrize(
    ("pattern", "route"),
    [
        ("queues", "/queues"),
        ("queues/<str:queue>/ack/", "/queues/{queue}/ack"),
        ("queues/<str:queue>/messages/<rest:message_id>", "/queues/{queue}/messages/{message_id}"),
        ("a/<plain>", "/a/{plain}"),
    ],
)
def test_routes_read_like_openapi_paths(pattern: str, route: str) -> None:
    assert access._route(pattern) == route


def test_a_request_has_one_line_that_says_what_it_was(server: Server) -> None:
    account, key = server.create_key()
    ask(server, "/queues", "POST", b'{"name": "logged"}', f"Authorization: {key}")
    body = b'[{"id": "1", "body": 1}]'
    found = ask(server, "/queues/logged/messages/", "POST", body, f"Authorization: {key}")
    assert found["logger"] == "okmq.access"
    assert (found["method"], found["route"], found["status"]) == ("POST", "/queues/{queue}/messages", 204)
    assert (found["bytes_in"], found["account"], found["queue"]) == (len(body), account.id, "logged")
    assert found["client"] == "127.0.0.1"
    assert 0 < found["ms"] < 10_000
    assert isinstance(found["pid"], int)


def test_unknown_routes_the_console_and_missing_keys_are_logged_too(server: Server) -> None:
    assert ask(server, "/nowhere")["route"] == "unmatched"
    assert ask(server, "/admin/login/")["route"] == "/admin/"
    denied = ask(server, "/queues/q/messages")
    assert (denied["status"], denied["queue"]) == (401, "q")
    assert "account" not in denied


def test_a_declared_length_is_told_and_an_unknown_one_is_null(server: Server) -> None:
    assert ask(server, "/queues")["bytes_in"] == 0
    request_id = uuid4().hex
    head = f"POST /queues HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Request-ID: {request_id}\r\n"
    wire.exchange(server, head.encode() + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n")
    assert lines_of(server, request_id)[0]["bytes_in"] is None


def test_what_is_not_http_is_logged_without_being_quoted(server: Server) -> None:
    answer = wire.exchange(server, f"GET /live HTTP/1.1\r\nAuthorization {SECRET}\r\n\r\n".encode())
    assert answer.status == 400
    [found] = lines_of(server, answer.headers["x-request-id"])
    assert (found["status"], found["route"], found["client"]) == (400, "unmatched", "127.0.0.1")
    assert SECRET not in server.output()


def test_no_body_key_or_query_string_is_ever_logged(make_server: ServerFactory) -> None:
    server = make_server(OKMQ_LOG_LEVEL="DEBUG")
    _, key = server.create_key()
    begin = server.output_size()
    known = f"Authorization: Bearer {key}"
    ask(server, "/queues", "POST", b'{"name": "q"}', known)
    body = f'[{{"id": "1", "body": "{SECRET}", "metadata": {{"a": "{SECRET}"}}}}]'.encode()
    ask(server, f"/queues/q/messages?api_key={SECRET}", "POST", body, known, f"X-Other: {SECRET}")
    ask(server, f"/queues/q/messages?tag={SECRET}", "DELETE", b"", known)
    ask(server, "/queues/q/messages", "POST", f'{{"broken": {SECRET}'.encode(), known)
    ask(server, "/queues/q/messages", "POST", b"[]", f"Authorization: Bearer okmq_{SECRET}")
    ask(server, "/queues", "GET", b"", f"X-API-Key: {SECRET}", f"Cookie: okmq_session={SECRET}")
    ask(server, f"/nowhere?{SECRET}", "GET", b"", known)
    ask(server, f"/admin/login/?next={SECRET}")
    ask(server, f"/metrics?{SECRET}", "GET", b"", f"X-API-Key: {SECRET}")
    server.stop()
    logged = server.output(begin)
    assert SECRET not in logged
    assert key not in logged
    assert key.split("_")[2] not in logged
    events = [json.loads(text).get("event") for text in logged.splitlines() if text.startswith("{")]
    assert {"process_stop", "server_stop"} <= set(events)


def test_the_access_log_can_be_turned_off_and_failures_kept(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def serve(status: int) -> list[str]:
        caplog.clear()
        access.record("GET", status, 0.1, ("/queues", {}), "::1", 0, 0)
        access.WRITER.close()
        return [record.levelname for record in caplog.records]

    caplog.set_level(logging.INFO)
    assert [serve(200), serve(404), serve(503)] == [["INFO"], ["INFO"], ["WARNING"]]
    caplog.set_level(logging.WARNING)
    assert [serve(200), serve(503)] == [[], ["WARNING"]]
    monkeypatch.setattr(settings, "OKMQ_ACCESS_LOG", False)
    assert serve(503) == []
