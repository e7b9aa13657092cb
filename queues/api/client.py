"""Has the client hung up? A long poll asks before it hands out a message nobody would receive."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Mapping
from typing import Any


def hung_up(environ: Mapping[str, Any]) -> Callable[[], bool] | None:
    """A cheap, non-blocking test of the connection behind a WSGI request, or None where there is no telling.

    Gunicorn lends its socket in the environ. A client that has only shut down its sending side counts as
    gone too, which HTTP clients waiting for an answer do not do.
    """
    connection = environ.get("gunicorn.socket")
    if not isinstance(connection, socket.socket) or isinstance(connection, ssl.SSLSocket):
        return None

    def gone() -> bool:
        try:
            return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False  # nothing sent, nothing closed: still waiting
        except OSError:
            return True

    return gone
