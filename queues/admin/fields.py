"""What operators type into the console's forms."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from queues.broker import clock
from queues.broker.types import Micros
from queues.fields import to_micros

_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_AGE = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)\s*(s|m|min|h|d|w)")


class Wrong(ValueError):
    """Not to be understood; says what was expected."""


def whole(text: str | None, *, most: int = 2**62) -> int | None:
    """A whole number from 0 to ``most``, or None for anything else."""
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 19:
        return None
    number = int(text)
    return number if number <= most else None


def moment(text: str) -> Micros | None:
    """An age such as ``90s``, ``15m``, ``2h`` or ``7d``, or an instant such as ``2026-05-04 03:02`` (UTC).
    Empty: None. Raises Wrong."""
    text = text.strip()
    if not text:
        return None
    if age := _AGE.fullmatch(text):
        return clock.now() - clock.micros(float(age[1]) * _UNITS[age[2]])
    try:
        found = datetime.fromisoformat(text)
        return to_micros(found if found.tzinfo else found.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise Wrong(
            f'"{text}" is neither an age such as 15m, 2h or 7d nor a time such as 2026-05-04 03:02'
        ) from None
