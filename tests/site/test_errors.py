"""Errors that no dialect's view answers: JSON on every API path, whoever notices them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404, HttpRequest
from django.test import RequestFactory

from okmq_site import errors
from queues.broker.errors import Unavailable
from tests.server import Server, ServerFactory
from tests.site import wire


@pytest.fixture
def dialect_shape() -> Iterator[None]:
    errors.register(
        ["/dialect/", "/dialect/v2/"], lambda status, message: {"code": status, "detail": message}
    )
    errors.register(["/dialect/v2/"], lambda status, message: {"v2": message})
    errors.register(["/plain/"], lambda status, message: f"{message}\n")
    yield
    for prefix in ("/dialect/", "/dialect/v2/", "/plain/"):
        del errors._shapes[prefix]


@pytest.mark.usefixtures("dialect_shape")
def test_each_dialect_has_its_shape_and_the_longest_prefix_decides() -> None:
    assert errors.body("/dialect/x", 404, "no") == (b'{"code":404,"detail":"no"}', "application/json")
    assert errors.body("/dialect/v2/x", 404, "no") == (b'{"v2":"no"}', "application/json")
    assert errors.body("/plain/x", 404, "no") == (b"no\n", "text/plain; charset=utf-8")
    assert errors.body("/queues", 404, "no") == (b'{"error":"no"}', "application/json")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Http404(), 404),
        (PermissionDenied(), 403),
        (SuspiciousOperation(), 400),
        (Unavailable("gone"), 503),
        (OperationalError("gone"), 503),
        (ValueError("a bug"), 500),
    ],
)
def test_exceptions_become_json_that_gives_nothing_away(
    rf: RequestFactory, error: Exception, status: int
) -> None:
    request: HttpRequest = rf.get("/queues")
    response = errors.for_exception(request, error)
    assert response.status_code == status
    assert response["Content-Type"] == "application/json"
    assert response.content.startswith(b'{"error":"')
    assert b"a bug" not in response.content
    assert response.has_header("Retry-After") == (status == 503)


@pytest.mark.parametrize("path", ["/nope", "/queues//messages", "/%FF%00", "/administrator", "/staticx"])
def test_unknown_routes_answer_404_json(server: Server, path: str) -> None:
    answer = wire.get(server, path)
    assert answer.status == 404
    assert list(answer.json()) == ["error"]


@pytest.mark.once
def test_unknown_routes_answer_json_in_debug_mode_too(make_server: ServerFactory) -> None:
    server = make_server(OKMQ_DEBUG="true")
    assert wire.get(server, "/nope").json() == {"error": "not found"}


def test_no_api_answer_sets_a_cookie(server: Server) -> None:
    for path in ("/live", "/queues", "/nope"):
        assert "set-cookie" not in wire.get(server, path).headers


BROKEN = {
    "request line": (b"GARBAGE\r\n\r\n", 400),
    "request line, not ASCII": ("GET /é HTTP/9.9 ü\r\n\r\n".encode(), 400),
    "method": (b"get /live HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "version": (b"GET /live HTTP/9.9\r\nHost: x\r\n\r\n", 400),
    "header name": (b"GET /live HTTP/1.1\r\nHo st: x\r\n\r\n", 400),
    "header without colon": (b"GET /live HTTP/1.1\r\nHost\r\n\r\n", 400),
    "length": (b"POST /queues HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n", 400),
    "two lengths": (b"POST /queues HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
    "long path": (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    "long header": (b"GET /live HTTP/1.1\r\nX: " + b"x" * 9000 + b"\r\n\r\n", 431),
    "many headers": (b"GET /live HTTP/1.1\r\n" + b"X: y\r\n" * 101 + b"\r\n", 431),
    "transfer coding": (b"POST /queues HTTP/1.1\r\nTransfer-Encoding: gzop\r\n\r\n", 501),
    "expectation": (b"POST /queues HTTP/1.1\r\nExpect: pony\r\nContent-Length: 2\r\n\r\n{}", 417),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_gunicorn_refuses_is_json(server: Server, what: str) -> None:
    request, status = BROKEN[what]
    answer = wire.exchange(server, request)
    # gunicorn's two parsers, in Python and in C, do not agree on an unknown transfer coding.
    assert answer.status in ((status, 400) if status == 501 else (status,))
    assert list(answer.json()) == ["error"]
    assert answer.json()["error"]
    assert answer.more == b"", "the connection must have ended"
    assert wire.get(server, "/live").status == 200


@pytest.mark.parametrize("chunks", [b"zz\r\n\r\n", b"2\r\n{}xx\r\n", b"-1\r\n\r\n"])
def test_broken_chunks_are_json_and_end_the_connection(server: Server, chunks: bytes) -> None:
    _, key = server.create_key()
    head = f"POST /queues HTTP/1.1\r\nHost: x\r\nAuthorization: {key}\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = wire.exchange(server, head.encode() + chunks)
    assert answer.status == 400
    assert list(answer.json()) == ["error"]
    assert answer.more == b""


def test_a_chunked_body_is_read_like_any_other(server: Server) -> None:
    _, key = server.create_key()
    body = b'{"name": "by-chunks"}'
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:7], body[7:])) + b"0\r\n\r\n"
    head = f"POST /queues HTTP/1.1\r\nHost: x\r\nAuthorization: {key}\r\nTransfer-Encoding: chunked\r\n"
    assert wire.exchange(server, head.encode() + b"Connection: close\r\n\r\n" + chunks).status == 201
    assert b"by-chunks" in wire.get(server, "/queues", "GET", f"Authorization: {key}").body


def test_an_answer_given_before_the_body_is_read_keeps_the_connection_in_step(server: Server) -> None:
    with wire.connect(server) as sock:
        body = b"x" * 300_000
        head = f"POST /queues HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        sock.sendall(head.encode() + body + b"GET /live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        first = wire.parse(wire.read_all(sock))
    assert first.status == 401
    assert wire.parse(first.more).json() == {"status": "alive"}
