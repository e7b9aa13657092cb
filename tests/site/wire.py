"""HTTP by hand: bytes in, bytes out, for requests no client library would send."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.server import Server

SECONDS = 20.0


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    more: bytes
    """What the server sent after this answer on the same connection."""

    def json(self) -> Any:
        assert self.headers["content-type"] == "application/json", self
        return json.loads(self.body)


def connect(server: Server) -> socket.socket:
    host = urlsplit(server.url)
    assert host.hostname is not None
    return socket.create_connection((host.hostname, host.port or 80), timeout=SECONDS)


def exchange(server: Server, request: bytes) -> Answer:
    """Send ``request`` on a connection of its own and read until the server closes it."""
    with connect(server) as sock:
        sock.sendall(request)
        return parse(read_all(sock))


def get(server: Server, path: str, method: str = "GET", *headers: str) -> Answer:
    lines = [f"{method} {path} HTTP/1.1", "Host: test", "Connection: close", *headers, "", ""]
    return exchange(server, "\r\n".join(lines).encode())


def read_all(sock: socket.socket) -> bytes:
    received = b""
    while data := sock.recv(65536):
        received += data
    return received


def read_until(sock: socket.socket, told: Callable[[bytes], object]) -> None:
    """Read on until ``told`` says of everything received that it is enough. A stream that says only that
    nothing happened keeps no test waiting for ever."""
    deadline, received = time.monotonic() + SECONDS, b""
    while not told(received):
        assert time.monotonic() < deadline, received
        data = sock.recv(65536)
        assert data, f"closed after {received!r}"
        received += data


def parse(received: bytes) -> Answer:
    head, _, rest = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = int(headers.get("content-length", "0"))
    return Answer(int(first.split()[1]), headers, rest[:length], rest[length:])
