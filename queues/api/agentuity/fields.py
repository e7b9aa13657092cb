"""What the bodies of this dialect are made of."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Raw, Struct

from queues.api.times import format_time
from queues.broker.types import Micros

LONGEST = 3_153_600_000
"""Seconds, a hundred years: no time to live, retention or delay is longer."""

MAX_OFFSET = 2**63 - 1

_INSTANT = {"format": "date-time"}

Success = Annotated[bool, Meta(extra_json_schema={"const": True})]
Instant = Annotated[str, Meta(extra_json_schema=_INSTANT, description="RFC 3339 in UTC.")]
NullableInstant = Annotated[str, Meta(extra_json_schema=_INSTANT)] | None
AnyJSON = Annotated[Raw, Meta(description="Any JSON value, to the letter as it was published.")]
Count = Annotated[int, Meta(ge=0)]


class Done(Struct):
    """Of a call without a result."""

    success: Success


class Nothing(Struct):
    """An empty object."""


def number(value: float) -> float:
    """Without ``.0`` in its JSON, if it is whole."""
    return int(value) if float(value).is_integer() else value


def instant_or_none(at: Micros | None) -> str | None:
    return None if at is None else format_time(at)


def raw_or_null(text: str | None) -> Raw:
    """Stored JSON text."""
    return Raw(b"null") if text is None else Raw(text.encode())


def object_schema(**extra: Any) -> Meta:
    return Meta(extra_json_schema={"type": ["object", "null"], "additionalProperties": True, **extra})
