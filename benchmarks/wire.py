"""A keep-alive HTTP/1.1 connection that adds next to nothing to what it measures."""

from __future__ import annotations

import socket
from typing import NamedTuple

CALL_SECONDS = 120.0


class Answer(NamedTuple):
    status: int
    body: bytes


class Wire:
    """One connection to a server on this machine."""

    def __init__(self, port: int, key: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=CALL_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._head = f" HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
        self._unread = b""

    def send(self, method: str, path: str, body: bytes = b"") -> None:
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        self.socket.sendall(f"{method} {path}{self._head}{length}\r\n".encode() + body)

    def receive(self) -> Answer:
        """The next answer. The server sends a Content-Length with every one that has a body."""
        data = self._unread
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self._more()
        head = data[:end].lower()
        status = int(head[9:12])
        _, found, rest = head.partition(b"\r\ncontent-length:")
        length = int(rest.partition(b"\r\n")[0]) if found else 0
        assert found or status == 204, head
        chunks = [data[end + 4 :]]
        missing = length - len(chunks[0])
        while missing > 0:
            chunks.append(self._more())
            missing -= len(chunks[-1])
        content = b"".join(chunks)
        self._unread = content[length:]
        return Answer(status, content[:length])

    def _more(self) -> bytes:
        data = self.socket.recv(1 << 18)
        if not data:
            raise ConnectionError("the server closed the connection")
        return data

    def call(self, method: str, path: str, body: bytes = b"", *, expect: int) -> bytes:
        """Send and receive; the body of an answer that must have the status ``expect``."""
        self.send(method, path, body)
        answer = self.receive()
        if answer.status != expect:
            raise RuntimeError(f"{method} {path} answered {answer.status} {answer.body[:200]!r}")
        return answer.body

    def close(self) -> None:
        self.socket.close()
