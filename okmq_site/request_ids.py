"""Every request has an id: the client's own from ``X-Request-ID``, or one made here. It stands in each log
line that the request causes and is echoed on every answer."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

HEADER = "X-Request-ID"
MAX_LENGTH = 128

current: ContextVar[str] = ContextVar("okmq_request_id", default="")
"""The id of the request this thread serves, or ""."""


def take(environ: Mapping[str, Any]) -> str:
    """The id of the request in a WSGI environ, from now on this thread's current one."""
    given: str = environ.get("HTTP_X_REQUEST_ID", "")
    request_id = given if is_valid(given) else make()
    current.set(request_id)
    return request_id


def fresh() -> str:
    """The id of a request whose headers cannot be trusted, from now on this thread's current one."""
    request_id = make()
    current.set(request_id)
    return request_id


def is_valid(text: str) -> bool:
    """Printable ASCII, 1 to 128 characters: safe in a header, and in a log line of any format."""
    return 0 < len(text) <= MAX_LENGTH and text.isascii() and text.isprintable()


def make() -> str:
    return os.urandom(16).hex()
