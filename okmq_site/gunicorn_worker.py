"""gunicorn's threaded worker, with JSON where gunicorn itself answers a request and a prompt stop."""

from __future__ import annotations

import http
import socket

from gunicorn import util
from gunicorn.workers.gthread import ThreadWorker

from okmq_site import errors


class Worker(ThreadWorker):
    """``worker_class`` of ``gunicorn.conf.py``."""

    def init_process(self) -> None:
        # gunicorn answers by this function, in HTML, what it refuses: a broken request line, large headers.
        util.write_error = write_error
        super().init_process()

    def _cap_keepalive(self, deadline: float) -> None:
        """Called once when the worker stops. gunicorn bounds the life of idle connections here; those that
        never sent a request would otherwise hold up the stop for the whole graceful timeout."""
        super()._cap_keepalive(deadline)
        for connection in self.pending_conns:
            connection.timeout = min(connection.timeout, deadline)


def write_error(sock: socket.socket, status: int, reason: str, message: str) -> None:
    """Answer and end a request that never reached a view. Its path is unknown or cannot be trusted, so
    the body has OKMQ's shape."""
    text = errors.body("", status, message or http.HTTPStatus(status).phrase)
    head = (
        f"HTTP/1.1 {status} {reason}\r\n"
        "Connection: close\r\n"
        "Content-Type: application/json\r\n"
        f"Content-Length: {len(text)}\r\n\r\n"
    )
    util.write_nonblock(sock, head.encode("latin-1") + text)
