"""Retry delays, which are pure arithmetic. Contract: okmq.md §5.4."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queues.broker.retry import delay_seconds
from queues.broker.types import MAX_DELAY_SECONDS, RetryStrategy


def delays(strategy: RetryStrategy, count: int = 5) -> list[float]:
    return [delay_seconds(strategy, attempt) for attempt in range(1, count + 1)]


def test_the_quartic_delay_is_random_between_its_bounds() -> None:
    """tasks.md §3.2: 15-44, 16-74, 31-118, 96-212 … seconds."""
    strategy = RetryStrategy("quartic", base_delay=15, max_delay=None)
    drawn = [[delay_seconds(strategy, attempt) for _ in range(2000)] for attempt in (1, 2, 3, 4)]
    assert [(min(found), max(found)) for found in drawn] == [(15, 44), (16, 74), (31, 118), (96, 212)]
    assert len(set(drawn[0])) == 30
    assert delay_seconds(strategy, 2**31) == MAX_DELAY_SECONDS


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        (RetryStrategy(), [5, 10, 20, 40, 80]),
        (RetryStrategy("exponential", 50, None, 3), [50, 150, 450, 1350, 4050]),
        (RetryStrategy("exponential", 50, 300, 3), [50, 150, 300, 300, 300]),
        (RetryStrategy("exponential", 4, None, 1.5), [4, 6, 9, 13.5, 20.25]),
        (RetryStrategy("exponential", 7, None, 1), [7, 7, 7, 7, 7]),
        (RetryStrategy("exponential", 100, 30, 2), [30, 30, 30, 30, 30]),
        (RetryStrategy("exponential", 1000, 5000, 1e300), [1000, 5000, 5000, 5000, 5000]),
        (RetryStrategy("exponential", 1000, None, 10**9), [1000] + [MAX_DELAY_SECONDS] * 4),
        (RetryStrategy("linear", 5, None), [5, 10, 15, 20, 25]),
        (RetryStrategy("linear", 5, 12, 9), [5, 10, 12, 12, 12]),
        (RetryStrategy("fixed", 5, 1, 9), [5, 5, 5, 5, 5]),
        (RetryStrategy("none", 5, 1, 9), [0, 0, 0, 0, 0]),
        (RetryStrategy("list", delays=(1, 0.5, 9)), [1, 0.5, 9, 9, 9]),
        (RetryStrategy("list"), [0, 0, 0, 0, 0]),
    ],
)
def test_each_strategy_gives_its_delays(strategy: RetryStrategy, expected: list[float]) -> None:
    assert delays(strategy) == expected


@given(
    st.sampled_from(["exponential", "linear", "fixed", "none", "list"]),
    st.floats(0.001, MAX_DELAY_SECONDS) | st.integers(1, MAX_DELAY_SECONDS),
    st.none() | st.integers(1, MAX_DELAY_SECONDS),
    st.floats(1, allow_infinity=False) | st.integers(1, 10**30),
    st.lists(st.floats(0, 1e12), max_size=3).map(tuple),
    st.integers(1, 100),
)
def test_no_strategy_waits_for_less_than_nothing_or_more_than_a_year(
    type: str,
    base: float,
    cap: float | None,
    multiplier: float,
    listed: tuple[float, ...],
    attempt: int,
) -> None:
    strategy = RetryStrategy(type, base, cap, multiplier, listed)
    delay = delay_seconds(strategy, attempt)
    assert 0 <= delay <= MAX_DELAY_SECONDS
    assert delay_seconds(strategy, attempt + 1) >= delay or type == "list"
