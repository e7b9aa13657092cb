"""Instants as the API writes them, and waiting for what the clock alone brings about."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z")
TOLERANCE = 0.25  # seconds between two readings of one machine's clock


def now() -> datetime:
    return datetime.now(UTC)


def instant(text: str) -> datetime:
    """The instant an answer names, which must be UTC with a fraction (contract §2.5)."""
    assert RFC_3339.fullmatch(text), text
    return datetime.fromisoformat(text)


def from_now(seconds: float) -> str:
    return (now() + timedelta(seconds=seconds)).isoformat()


def assert_between(text: str, start: datetime, end: datetime, seconds: float = 0.0) -> None:
    """The named instant lies `seconds` after a moment between start and end."""
    moment = instant(text) - timedelta(seconds=seconds)
    slack = timedelta(seconds=TOLERANCE)
    assert start - slack <= moment <= end + slack, f"{text} is not {seconds} s after {start} … {end}"


def eventually(condition: Callable[[], object], within: float = 5.0) -> None:
    """Asks again and again until the condition holds; for states that only the clock changes."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"did not come about within {within} s"
        time.sleep(0.05)
