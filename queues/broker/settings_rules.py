"""What a queue's settings may be: whatever the dialects allow between them, and nothing that makes no sense.

Only what changes is judged. A queue that one dialect made may go on with what another would not have allowed.
"""

from __future__ import annotations

import math
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from queues.broker.types import QueueSettings, RetryStrategy

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST = 3_153_600_000
"""Seconds: a hundred years."""
MOST_DELAYS = 100
MOST = 2**31 - 1

RANGES: Mapping[str, tuple[float, float]] = {
    "lease_seconds": (1, 86_400),
    "max_attempts": (0, MOST),  # 0 is as 1
    "ttl_seconds": (0.001, LONGEST),
    "retention_seconds": (0, LONGEST),
    "dead_retention_seconds": (0, LONGEST),
    "max_in_flight": (1, MOST),
    "max_backlog": (1, MOST),
    "attempt_seconds": (1, LONGEST),
    "retry.base_delay": (0, LONGEST),
    "retry.max_delay": (0, LONGEST),
    "retry.multiplier": (1, math.inf),
}
"""The least and the most; None, where the setting knows it, is right as well."""
RETRIES = ("exponential", "linear", "fixed", "none", "list", "quartic")


def _changes(old: QueueSettings, new: QueueSettings) -> dict[str, tuple[Any, Any]]:
    """Old and new value of every setting that differs."""
    found = _differences(old, new)
    if "retry" in found:
        del found["retry"]
        found |= {f"retry.{name}": pair for name, pair in _differences(old.retry, new.retry).items()}
    return found


def _differences(old: Any, new: Any) -> dict[str, tuple[Any, Any]]:
    pairs = {one.name: (getattr(old, one.name), getattr(new, one.name)) for one in fields(old)}
    return {name: (before, after) for name, (before, after) in pairs.items() if before != after}


def problems(old: QueueSettings, new: QueueSettings, *, queue: str) -> dict[str, str]:
    """What is wrong with the new settings of ``queue``, by setting (those of the retry strategy as
    ``retry.type``)."""
    found: dict[str, str] = {}
    for name, (_, value) in _changes(old, new).items():
        limits = RANGES.get(name)
        if limits is not None and value is not None and not _within(value, limits):
            found[name] = _expected(limits)
    if new.dead_letter_queue == queue and old.dead_letter_queue != queue:
        found["dead_letter_queue"] = "must be another queue: without one the dead stay here anyway"
    if new.retry != old.retry:
        found |= {f"retry.{name}": text for name, text in _of_retry(new.retry).items()}
    return found


def _of_retry(retry: RetryStrategy) -> dict[str, str]:
    found = {}
    if retry.type not in RETRIES:
        found["type"] = f"must be one of {', '.join(RETRIES)}"
    if retry.type == "list" and not 1 <= len(retry.delays) <= MOST_DELAYS:
        found["delays"] = f"must be 1 to {MOST_DELAYS} delays"
    elif not all(_within(delay, (0, LONGEST)) for delay in retry.delays):
        found["delays"] = f"{_expected((0, LONGEST))} each"
    return found


def _expected(limits: tuple[float, float]) -> str:
    low, high = limits
    return f"must be at least {low:,}" if math.isinf(high) else f"must be from {low:,} to {high:,}"


def _within(value: float, limits: tuple[float, float]) -> bool:
    return math.isfinite(value) and limits[0] <= value <= limits[1]
