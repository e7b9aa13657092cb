"""Request bodies, read by us and not by Django, under one cap: ``settings.OKMQ_MAX_REQUEST_BYTES``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from queues.api.problems import BadRequest, TooLarge

CHUNK = 65_536
DISCARD_SECONDS = 10.0
DISCARDS = "okmq.discards"
"""In the WSGI environ of a server that reads and drops what is left of a body."""


def read_body(request: HttpRequest, cap: int | None = None) -> bytes:
    """All of the body; ``b""`` exactly when the client sent none. ``cap``: the dialect's own, in bytes.

    Raises ``TooLarge`` before reading when the declared length is over the cap, and ``BadRequest`` when
    the body ends early: a cut-off body must not pass for an absent one, which may mean "all messages".
    """
    cap = settings.OKMQ_MAX_REQUEST_BYTES if cap is None else min(cap, settings.OKMQ_MAX_REQUEST_BYTES)
    if _is_chunked(request):
        return _read_chunked(request, cap)
    length = _declared_length(request)
    if length == 0:
        return b""
    if length > cap:
        raise TooLarge(f"the request body must be at most {cap} bytes")
    data = _read(request, length)
    if len(data) != length:
        raise BadRequest("the request body ended before its declared length")
    return data


def discard_body(request: HttpRequest) -> None:
    """Read and drop a body nobody wants, so that the answer arrives and the connection can be reused.

    Bounded in bytes and time: past that the server closes the connection instead. Some servers do it all
    themselves (``DISCARDS``).
    """
    if DISCARDS in request.META:
        return
    left = 2 * settings.OKMQ_MAX_REQUEST_BYTES
    deadline = monotonic() + DISCARD_SECONDS
    try:
        chunked = _is_chunked(request)
        if not chunked and not 0 < _declared_length(request) <= left:
            return
        source = request.META["wsgi.input"] if chunked else request
        with _patience(request, DISCARD_SECONDS):
            while left > 0 and monotonic() < deadline:
                data = source.read(CHUNK)
                if not data:
                    return
                left -= len(data)
    except Exception:  # whatever a bad length or a broken connection raises: the answer is made already
        return


@contextmanager
def _patience(request: HttpRequest, seconds: float) -> Iterator[None]:
    """Bound each wait for more of the body, where the server lends its socket (gunicorn does)."""
    connection = request.META.get("gunicorn.socket")
    if connection is None:
        yield
        return
    connection.settimeout(seconds)
    try:
        yield
    finally:
        connection.settimeout(None)


def _is_chunked(request: HttpRequest) -> bool:
    """The body's length is not declared, and the server marks its end. Django takes such a body for empty."""
    return bool(request.META.get("HTTP_TRANSFER_ENCODING")) and not request.META.get("CONTENT_LENGTH")


def _declared_length(request: HttpRequest) -> int:
    text = request.META.get("CONTENT_LENGTH") or "0"
    if not (text.isascii() and text.isdigit()):
        raise BadRequest("the Content-Length is not a number")
    return int(text[:20])  # longer ones are far over any cap all the same


def _read_chunked(request: HttpRequest, cap: int) -> bytes:
    if not request.META.get("wsgi.input_terminated"):
        raise BadRequest("the request needs a Content-Length")
    data = _read(request.META["wsgi.input"], cap + 1)
    if len(data) > cap:
        raise TooLarge(f"the request body must be at most {cap} bytes")
    return data


def _read(source: Any, wanted: int) -> bytes:
    """Up to ``wanted`` bytes, fewer only at the end of the body."""
    try:
        data: bytes = source.read(wanted)
        if len(data) == wanted or not data:
            return data
        parts, have = [data], len(data)
        while have < wanted and (data := source.read(min(wanted - have, CHUNK))):
            parts.append(data)
            have += len(data)
        return b"".join(parts)
    except Exception as error:  # each server has its own exceptions for broken chunks and lost clients
        raise BadRequest("the request body could not be read") from error
