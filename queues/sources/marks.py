"""Which source a message came by: told in its headers, which travel with it wherever it goes."""

from __future__ import annotations

import msgspec


class Mark(msgspec.Struct):
    id: str
    name: str


class _Headers(msgspec.Struct):
    okmq_source: Mark


_headers = msgspec.json.Decoder(_Headers)
_encoder = msgspec.json.Encoder()


def headers_with(mark: Mark) -> str:
    """The headers of a message that came by this source."""
    return _encoder.encode(_Headers(mark)).decode()


def mark_of(headers: str | None) -> Mark | None:
    """None: it was published directly."""
    if headers is None or "okmq_source" not in headers:
        return None
    try:
        return _headers.decode(headers).okmq_source
    except msgspec.MsgspecError:
        return None  # somebody else's headers, which happen to speak of this
