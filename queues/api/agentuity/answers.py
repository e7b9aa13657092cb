"""Answers as the client reads them, ``{"success": true, "data": {...}}``, with what the document names beside
it at top level (agentuity.md section 8): the client skips what it does not know there, and clients older than
2.0.8 look for a published message's id nowhere else."""

from __future__ import annotations

from typing import Any

import msgspec
from django.http import HttpResponse

from queues.api.negotiation import JSON

_encoder = msgspec.json.Encoder()

DONE = b'{"success":true}'


def done() -> HttpResponse:
    """Of a call without a result; an empty body would break the client."""
    return HttpResponse(DONE, content_type=JSON)


def fields(data: Any) -> HttpResponse:
    """``data``, an object with at least one field, and its fields once more beside it."""
    encoded = _encoder.encode(data)
    return _wrapped(encoded, beside=encoded)


def one(name: str, thing: Any) -> HttpResponse:
    """``data`` with the one thing under its name, and the thing's own fields beside it."""
    encoded = _encoder.encode(thing)
    return _wrapped(b'{"%s":%s}' % (name.encode(), encoded), beside=encoded)


def _wrapped(data: bytes, *, beside: bytes) -> HttpResponse:
    # Put together as bytes: a payload may be a megabyte and need not be encoded twice.
    content = b'{"success":true,"data":%s,%s' % (data, beside[1:])
    return HttpResponse(content, content_type=JSON)
