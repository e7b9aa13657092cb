"""When a request is whole, told from its bytes as they come."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from gunicorn.config import Config

from okmq_site.connections import GATHERED, MAX_HEAD, Connection, Progress, Waiting

pytestmark = pytest.mark.once

WHOLE = [
    b"GET / HTTP/1.1\r\n\r\n",
    b"\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\ncontent-LENGTH:\t5\r\n\r\nabcde",
    b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nTrailer: x\r\n\r\n",
]
REFUSED_AT_ONCE = [
    b"GET / HTTP/1.1\n",
    b"x" * 9000,
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: five\r\n\r\n",
]
"""What gunicorn need not wait for to say no."""


@pytest.fixture
def ends() -> Iterator[tuple[Connection, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.settimeout(10)
        yield Connection(Config(), ours, ("127.0.0.1", 1), ("127.0.0.1", 2)), theirs


@pytest.mark.parametrize("request_", WHOLE)
def test_a_request_is_whole_with_its_last_byte(
    ends: tuple[Connection, socket.socket], request_: bytes
) -> None:
    connection, client = ends
    for _ in range(2):
        for place in range(len(request_)):
            assert connection.receive() is Progress.PARTIAL, request_[:place]
            client.send(request_[place : place + 1])
        assert connection.receive() is Progress.WHOLE
        connection.hand_over()
        assert connection.parser.unreader.take_buffered() == request_
        connection.end_request()


@pytest.mark.parametrize("request_", REFUSED_AT_ONCE, ids=lambda value: value[:20])
def test_what_will_be_refused_is_not_waited_for(
    ends: tuple[Connection, socket.socket], request_: bytes
) -> None:
    connection, client = ends
    client.sendall(request_)
    assert connection.receive() is Progress.WHOLE


def test_requests_may_come_together(ends: tuple[Connection, socket.socket]) -> None:
    connection, client = ends
    client.sendall(WHOLE[2] + WHOLE[4])
    assert connection.receive() is Progress.WHOLE
    connection.hand_over()
    connection.parser.unreader.read(len(WHOLE[2]))
    connection.end_request()
    assert connection.receive() is Progress.WHOLE
    assert bytes(connection.received) == WHOLE[4]


def test_a_large_body_needs_a_place(ends: tuple[Connection, socket.socket]) -> None:
    connection, client = ends
    client.sendall(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (2 * GATHERED))
    assert connection.receive() is Progress.PARTIAL
    client.sendall(b"x" * GATHERED)
    assert connection.receive() is Progress.LARGE
    assert connection.missing == GATHERED


def test_who_expects_to_be_told_to_go_on_needs_a_place(ends: tuple[Connection, socket.socket]) -> None:
    connection, client = ends
    client.sendall(b"POST / HTTP/1.1\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
    assert connection.receive() is Progress.LARGE


def test_a_head_without_end_is_refused(ends: tuple[Connection, socket.socket]) -> None:
    connection, client = ends
    client.sendall(b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * (MAX_HEAD // 6))
    assert connection.receive() is Progress.TOO_LARGE


def test_who_hangs_up_is_gone_and_half_a_request_is_left_to_be_refused(
    ends: tuple[Connection, socket.socket],
) -> None:
    connection, client = ends
    client.send(b"GET / HT")
    assert connection.receive() is Progress.PARTIAL
    client.shutdown(socket.SHUT_WR)
    assert connection.receive() is Progress.WHOLE
    connection.end_request()
    assert connection.receive() is Progress.GONE


def test_any_may_leave_those_who_wait() -> None:
    pairs = [socket.socketpair() for _ in range(3)]
    connections = [Connection(Config(), ours, None, None) for ours, _ in pairs]
    waiting = Waiting()
    for one in connections:
        waiting.append(one)
    waiting.remove(connections[1])
    assert (waiting[0], len(waiting), list(waiting)) == (connections[0], 2, [connections[0], connections[2]])
    assert waiting.popleft() is connections[0]
    for ours, theirs in pairs:
        ours.close()
        theirs.close()
