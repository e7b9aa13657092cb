"""How long a failed delivery waits before the next one."""

from __future__ import annotations

import random

from queues.broker.types import MAX_DELAY_SECONDS, RetryStrategy


def delay_seconds(strategy: RetryStrategy, attempt: int) -> float:
    """Seconds to wait after delivery number ``attempt`` (from 1) failed; never more than a year.

    Contract: okmq.md §5.4 for the four named strategies; ``list`` takes its n-th delay, the last one repeats;
    ``quartic`` is tasks.md §3.2, and at random: n⁴ + base_delay + 0 to 29 times (n + 1), n from 0.
    """
    cap = MAX_DELAY_SECONDS if strategy.max_delay is None else min(strategy.max_delay, MAX_DELAY_SECONDS)
    match strategy.type:
        case "none":
            return 0
        case "fixed":
            return min(strategy.base_delay, MAX_DELAY_SECONDS)
        case "linear":
            return min(strategy.base_delay * attempt, cap)
        case "list":
            delays = strategy.delays or (0,)
            return min(delays[min(attempt, len(delays)) - 1], MAX_DELAY_SECONDS)
        case "quartic":
            return min((attempt - 1) ** 4 + strategy.base_delay + random.randrange(30) * attempt, cap)
        case _:
            return min(_exponential(strategy, attempt), cap)


def _exponential(strategy: RetryStrategy, attempt: int) -> float:
    try:
        return strategy.base_delay * strategy.multiplier ** (attempt - 1)
    except OverflowError:  # 1e300 ** 4: more than a float can say is more than any cap
        return MAX_DELAY_SECONDS
