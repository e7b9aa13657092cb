"""Clients that take their time: they hold a connection, and give as little for it as they can."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit

from tests.server import Server

NOTHING = b""
HEAD = b"GET /queues HTTP/1.1\r\nHost: x\r\nX-Slow: "
BODY = b"POST /queues HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n"
CHUNKS = b"POST /queues HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1f4\r\n{"
KEPT = b"GET /live HTTP/1.1\r\nHost: x\r\n\r\n"
"""A request, and then nothing."""
SECOND = KEPT + HEAD
"""A request, and then another that does not come to its end."""
LARGE = b"POST /queues HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + b" " * 100_000
UNWANTED = b"GET /live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
"""A request whose answer nobody takes: the client does not close its side."""

KINDS = (NOTHING, HEAD, BODY, CHUNKS, SECOND)


class Slow:
    """``count`` connections of each kind; ``every`` so many seconds each sends another byte (0: never)."""

    def __init__(self, server: Server, kinds: Sequence[bytes], count: int, every: float = 0) -> None:
        host = urlsplit(server.url)
        self._address = (host.hostname or "", host.port or 80)
        self._every = every
        self._over = threading.Event()
        self.sockets = [self._connect(kind) for kind in kinds for _ in range(count)]
        self._thread = threading.Thread(target=self._trickle, daemon=True)
        self._thread.start()

    def _connect(self, sent: bytes) -> socket.socket:
        sock = socket.create_connection(self._address, timeout=20)
        sock.sendall(sent)
        return sock

    def _trickle(self) -> None:
        while self._every and not self._over.wait(self._every):
            for sock in self.sockets:
                with contextlib.suppress(OSError):
                    sock.send(b"a")

    def ended(self) -> int:
        """Of how many connections the server has closed its side."""
        return sum(_is_closed(sock) for sock in self.sockets)

    def await_ended(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self.ended() < len(self.sockets):
            assert time.monotonic() < deadline, f"{self.ended()} of {len(self.sockets)} were ended"
            time.sleep(0.05)

    def close(self) -> None:
        self._over.set()
        self._thread.join(20)
        for sock in self.sockets:
            sock.close()


def _is_closed(sock: socket.socket) -> bool:
    """Reads what has come, too."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    try:
        while poll.poll(0):
            if not sock.recv(65536):
                return True
    except OSError:
        return True
    return False


@contextmanager
def slow_clients(
    server: Server, count: int, kinds: Sequence[bytes] = KINDS, every: float = 0
) -> Iterator[Slow]:
    slow = Slow(server, kinds, count, every)
    try:
        yield slow
    finally:
        slow.close()
