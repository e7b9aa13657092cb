"""Whether a waiting client has hung up."""

import socket
import ssl
from collections.abc import Iterator

import pytest

from queues.api.client import hung_up

pytestmark = pytest.mark.once

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def is_gone(ours: socket.socket) -> bool:
    gone = hung_up({"gunicorn.socket": ours})
    assert gone is not None
    return gone()


def test_a_silent_client_is_still_there(pair: Pair) -> None:
    assert [is_gone(pair[0]) for _ in range(3)] == [False] * 3


def test_a_client_that_closed_is_gone(pair: Pair) -> None:
    pair[1].close()
    assert is_gone(pair[0])


def test_a_client_that_sent_its_next_request_is_there_and_loses_nothing(pair: Pair) -> None:
    pair[1].sendall(b"GET")
    assert [is_gone(pair[0]) for _ in range(3)] == [False] * 3
    assert pair[0].recv(10) == b"GET"


def test_a_broken_connection_is_gone(pair: Pair) -> None:
    pair[0].close()
    assert is_gone(pair[0])


def test_there_is_no_telling_without_a_plain_socket(pair: Pair) -> None:
    assert hung_up({}) is None
    wrapped = ssl.create_default_context().wrap_socket(
        pair[0], server_hostname="x", do_handshake_on_connect=False
    )
    with wrapped:
        assert hung_up({"gunicorn.socket": wrapped}) is None
