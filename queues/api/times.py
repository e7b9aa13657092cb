"""RFC 3339 texts to and from the broker's instants (microseconds since 1970-01-01 UTC)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from queues.broker.types import MAX_INSTANT, Micros

MIN_INSTANT: Micros = -62_135_596_800_000_000
"""0001-01-01T00:00:00Z, the first instant Python's datetime can show."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = 1_000_000
_RFC3339 = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?:[Zz]|([+-])([01][0-9]|2[0-3]):([0-5][0-9]))"
)


def parse_time(text: str) -> Micros:
    """An instant from RFC 3339 text with a zone; digits beyond microseconds are cut off.

    Raises ``ValueError`` for every other form, impossible dates, and instants outside the years 1-9999 UTC.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError("must be an RFC 3339 time with a zone, like 2026-01-02T03:04:05Z")
    try:
        year, month, day, hour, minute, second = map(int, match.group(1, 2, 3, 4, 5, 6))
        local = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        raise ValueError("is not a possible date and time") from None
    since = local - _EPOCH
    micros = (since.days * 86_400 + since.seconds) * _SECOND + int((match[7] or "")[:6].ljust(6, "0"))
    if match[8]:
        offset = (int(match[9]) * 60 + int(match[10])) * 60 * _SECOND
        micros += -offset if match[8] == "+" else offset
    if not MIN_INSTANT <= micros <= MAX_INSTANT:
        raise ValueError("lies outside the years 1 to 9999 in UTC")
    return micros


def format_time(micros: Micros) -> str:
    """``2026-01-02T03:04:05.678901Z``: UTC, always six decimals. Clamped to the years 1-9999."""
    if not MIN_INSTANT <= micros <= MAX_INSTANT:
        micros = MIN_INSTANT if micros < 0 else MAX_INSTANT
    seconds, fraction = divmod(micros, _SECOND)
    return f"{_second_text(seconds)}.{fraction:06d}Z"


@lru_cache(maxsize=4096)
def _second_text(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).isoformat().removesuffix("+00:00")
