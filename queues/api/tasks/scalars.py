"""Durations, timestamps, stream ids and names as the tasks API writes them (tasks.md section 2)."""

from __future__ import annotations

import re

from queues.api.times import format_time, parse_time
from queues.broker.types import Micros
from queues.tasks import progress

NAME = re.compile(r"[A-Za-z0-9_.:-]{1,128}")

# Each text has one reading: with two ways to share digits out, refusing a million of them takes hours.
_NUMBER = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
_UNIT = "ns|us|µs|μs|ms|s|m|h"
DURATION_PATTERN = rf"^[+-]?(0|({_NUMBER}({_UNIT}))+)$".replace("(?:", "(")
_duration = re.compile(rf"([+-]?)(0|(?:{_NUMBER}(?:{_UNIT}))+)")
_part = re.compile(rf"([0-9]*)\.?([0-9]*)({_UNIT})")
_NANOSECONDS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_LONGEST = 2**63 - 1
_MOST_DIGITS = 30
"""After leading zeros: more than any duration has."""

TIMESTAMP_PATTERN = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$"
)
_before_our_era = re.compile(r"000[01]-.*")

STREAM_ID_PATTERN = "^[0-9]+-[0-9]+$"
_stream_id = re.compile(r"([0-9]+)(?:-([0-9]+))?")


def parse_duration(text: str) -> int:
    """Nanoseconds, in Go's notation: ``1h30m``, ``1.5s``, ``-.5ms``, ``0``. Raises ValueError."""
    match = _duration.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:40]!r} is not a duration such as 30s, 5m or 1h30m")
    total = sum(_nanoseconds(*part) for part in _part.findall(match[2]))
    if total > _LONGEST:
        raise ValueError(f"{text[:40]!r} is longer than a duration can be")
    return -total if match[1] == "-" else total


def _nanoseconds(whole: str, fraction: str, unit: str) -> int:
    whole = whole.lstrip("0")
    if len(whole) > _MOST_DIGITS:
        return _LONGEST + 1
    fraction = fraction[:_MOST_DIGITS]
    number = int(whole + fraction or "0") * _NANOSECONDS[unit]
    return number // int("1" + "0" * len(fraction))


def format_duration(micros: int) -> str:
    """As Go writes it: ``30m0s``, ``1.5s``, ``500ms``."""
    if micros < 1_000_000:
        unit, size = ("ms", 1000) if micros >= 1000 or not micros else ("µs", 1)
        return f"{_decimal(micros, size)}{unit}" if micros else "0s"
    minutes, rest = divmod(micros, 60_000_000)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{_decimal(rest, 1_000_000)}s"
    if hours:
        return f"{hours}h{minutes}m{seconds}"
    return f"{minutes}m{seconds}" if minutes else seconds


def _decimal(value: int, size: int) -> str:
    whole, rest = divmod(value, size)
    digits = f"{rest:0{len(str(size)) - 1}d}".rstrip("0") if rest else ""
    return f"{whole}.{digits}" if digits else str(whole)


def parse_timestamp(text: str) -> Micros:
    """RFC 3339 with upper-case T and Z and a zone. What lies before the year 1 UTC is an instant of the past,
    so 0 for one. Raises ValueError."""
    if not re.fullmatch(TIMESTAMP_PATTERN, text):
        raise ValueError(f"{text[:40]!r} is not an RFC 3339 time with a zone, such as 2026-01-02T03:04:05Z")
    if _before_our_era.fullmatch(text):
        # Python knows no year 0. These two have the months of 2000 and 2001, and are over in any zone.
        parse_time(f"200{text[3:]}")
        return 0
    return parse_time(text)


def format_timestamp(micros: Micros) -> str:
    """UTC; without a fraction where there is none."""
    return format_time(micros).replace(".000000Z", "Z")


def parse_stream_id(text: str) -> int:
    """The position of ``<ms>-<seq>``, or of ``<ms>``, which is ``<ms>-0``. Raises ValueError."""
    match = _stream_id.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:40]!r} is not a stream id such as 1737884800000-0")
    return progress.position(_small(match[1]), _small(match[2] or "0"))


def _small(digits: str) -> int:
    """Numbers beyond all clocks and counters are all the same."""
    digits = digits.lstrip("0") or "0"
    return int(digits) if len(digits) <= 12 or (len(digits) == 13 and digits[0] < "8") else 1 << 43


def format_stream_id(position: int) -> str:
    return f"{progress.milliseconds(position)}-{progress.sequence(position)}"
