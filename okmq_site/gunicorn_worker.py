"""gunicorn's threaded worker, with JSON where gunicorn itself answers a request and a prompt stop."""

from __future__ import annotations

import http
import select
import socket
from typing import Any

from gunicorn import util
from gunicorn.workers.gthread import ThreadWorker

from okmq_site import access, errors, request_ids

LINGER_MILLISECONDS = 10
"""How long a thread stays with a connection after answering. A client in a loop is back within two or three;
one that thinks for longer costs nothing by going through the polling thread again."""


class Worker(ThreadWorker):
    """``worker_class`` of ``gunicorn.conf.py``."""

    def init_process(self) -> None:
        # gunicorn answers by this function, in HTML, what it refuses: a broken request line, large headers.
        util.write_error = write_error
        super().init_process()

    def handle(self, conn: Any) -> Any:
        """Serve a request, and those that follow soon on the same connection, in one thread.

        gunicorn hands a connection back to its polling thread after every request, which costs a busy client
        two thread switches, an epoll registration and a future each: a third of all work for a small request.
        """
        while True:
            result = super().handle(conn)
            if result is not True or not self._more_to_come(conn):
                return result

    def busy_threads(self) -> int:
        """Threads that have a connection in hand."""
        busy: int = len(self.tpool._threads) - self.tpool._idle_semaphore._value
        return max(busy, 0)

    def _more_to_come(self, conn: Any) -> bool:
        """Whether the client's next request comes within a moment, and nobody else needs this thread."""
        if not self.alive or conn.is_http2 or self.tpool._work_queue.qsize():
            return False
        if conn.parser.unreader.buf.getvalue():
            return True
        poll = select.poll()
        poll.register(conn.sock, select.POLLIN)
        return bool(poll.poll(LINGER_MILLISECONDS))

    def _cap_keepalive(self, deadline: float) -> None:
        """Called once when the worker stops. gunicorn bounds the life of idle connections here; those that
        never sent a request would otherwise hold up the stop for the whole graceful timeout."""
        super()._cap_keepalive(deadline)
        for connection in self.pending_conns:
            connection.timeout = min(connection.timeout, deadline)


def write_error(sock: socket.socket, status: int, reason: str, message: str) -> None:
    """Answer and end a request that never reached a view. Its path is unknown or cannot be trusted, so
    the body has OKMQ's shape."""
    text, content_type = errors.body("", status, message or http.HTTPStatus(status).phrase)
    head = (
        f"HTTP/1.1 {status} {reason}\r\n"
        "Connection: close\r\n"
        f"{request_ids.HEADER}: {request_ids.fresh()}\r\n"
        f"Content-Type: {content_type}\r\n"
        f"Content-Length: {len(text)}\r\n\r\n"
    )
    util.write_nonblock(sock, head.encode("latin-1") + text)
    access.refused(_address(sock), status, len(text))


def _address(sock: socket.socket) -> str:
    try:
        name = sock.getpeername()
    except OSError:  # gone already
        return ""
    return str(name[0]) if isinstance(name, tuple) else ""
