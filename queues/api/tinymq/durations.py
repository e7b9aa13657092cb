"""Go's durations, as in ``1h30m`` or ``500ms`` (tinymq.md section 3)."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache

_UNITS = {
    "ns": Decimal("1e-9"),
    "us": Decimal("1e-6"),
    "µs": Decimal("1e-6"),
    "μs": Decimal("1e-6"),
    "ms": Decimal("1e-3"),
    "s": Decimal(1),
    "m": Decimal(60),
    "h": Decimal(3600),
}
_WRITTEN = r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)"
SCHEMA = {"type": "string", "pattern": f"^([+-]?{_WRITTEN}({_WRITTEN})*|[+-]?0)$"}
_PART = re.compile(_WRITTEN)
_WHOLE = re.compile(rf"[+-]?(?:{_PART.pattern})+")
LONGEST = Decimal(2**63 - 1) / 10**9
"""Seconds in Go's largest duration: 292 years."""
MAX_LENGTH = 200


@lru_cache(maxsize=1024)
def seconds(text: str) -> float:
    """The duration in seconds, below zero perhaps. Raises ``ValueError`` for what Go would not take."""
    if text in ("0", "+0", "-0"):
        return 0.0
    if len(text) > MAX_LENGTH or not _WHOLE.fullmatch(text):
        raise ValueError("is not a duration like 30s, 500ms or 1h30m")
    total = sum((Decimal(number) * _UNITS[unit] for number, unit in _PART.findall(text)), Decimal(0))
    if total > LONGEST:
        raise ValueError("is longer than 292 years")
    return float(-total if text.startswith("-") else total)
