"""G. Retry strategies, read from the delivery time that a nack leaves."""

from typing import Any

import pytest

from .client import Queue, counts, ids_of
from .clock import assert_between, now
from .conftest import NewQueue

PAST = "2020-01-01T00:00:00Z"
ROUNDS = 4
YEAR = 31_536_000


def strategy(
    type: str, base: int | None = None, cap: int | None = None, times: float | None = None
) -> dict[str, Any]:
    parts = {"type": type, "base_delay": base, "max_delay": cap, "multiplier": times}
    return {part: value for part, value in parts.items() if value is not None}


STRATEGIES = [
    (strategy("exponential", 50, None, 2), [50, 100, 200, 400]),
    (strategy("exponential", 50, 300, 3), [50, 150, 300, 300]),
    (strategy("exponential", 100, 9999, 1.5), [100, 150, 225, 337.5]),
    (strategy("exponential", 60, None, 1), [60, 60, 60, 60]),
    (strategy("exponential", 100, 30, 2), [30, 30, 30, 30]),
    (strategy("exponential", 50), [50, 100, 200, 400]),
    (strategy("exponential"), [5, 10, 20, 40]),
    (strategy("linear", 50), [50, 100, 150, 200]),
    (strategy("linear", 50, 120), [50, 100, 120, 120]),
    (strategy("linear", 50, None, 9), [50, 100, 150, 200]),
    (strategy("fixed", 50), [50, 50, 50, 50]),
    (strategy("fixed", 50, 10, 9), [50, 50, 50, 50]),
    (strategy("none"), [0, 0, 0, 0]),
    (strategy("none", 50, 60, 2), [0, 0, 0, 0]),
    (strategy("linear", YEAR), [YEAR, YEAR, YEAR, YEAR]),
]


def assert_delays(queue: Queue, delays: list[float]) -> None:
    """Message n fails its attempts at once, up to the nth, which waits as the strategy says."""
    ids = [str(number) for number in range(1, len(delays) + 1)]
    queue.enqueue(*ids)
    for number, (id, delay) in enumerate(zip(ids, delays, strict=True)):
        received = {found["id"]: found["delivery_attempt"] for found in queue.receive()}
        assert received == dict.fromkeys(ids[number:], number + 1)
        start = now()
        at_once = [{"id": later, "ack": False, "delivery_time": PAST} for later in ids[number + 1 :]]
        queue.settle({"id": id, "ack": False}, *at_once)
        assert_between(queue.get(id)["delivery_time"], start, now(), delay)
        if delay == 0:
            queue.ack(id)


@pytest.mark.contract("G105")
@pytest.mark.parametrize(("retry_strategy", "delays"), STRATEGIES, ids=str)
def test_a_strategy_says_how_long_a_retry_waits(
    new_queue: NewQueue, retry_strategy: dict[str, Any], delays: list[float]
) -> None:
    """G 105: exponential, linear, fixed and none with their parts, defaults and caps."""
    assert_delays(new_queue(max_delivery_attempts=100, retry_strategy=retry_strategy), delays)


@pytest.mark.contract("G105")
def test_without_a_delay_the_retry_is_pending_at_once(new_queue: NewQueue) -> None:
    """G 105: none → delivered again at once, in its old place."""
    queue = new_queue(max_delivery_attempts=9, retry_strategy={"type": "none"})
    queue.enqueue("a", "b")
    queue.receive(limit=1)
    queue.nack("a")
    assert queue.stats() == counts(pending=2)
    assert ids_of(queue.receive()) == ["a", "b"]


@pytest.mark.contract("G106")
def test_a_huge_multiplier_meets_its_cap(new_queue: NewQueue) -> None:
    """G 106: multiplier 1e300, cap 5000 → 1000, 5000, 5000, 5000."""
    retry_strategy = strategy("exponential", 1000, 5000, 1e300)
    assert_delays(
        new_queue(max_delivery_attempts=100, retry_strategy=retry_strategy), [1000, 5000, 5000, 5000]
    )


@pytest.mark.contract("G107")
def test_a_huge_multiplier_without_a_cap_is_no_error(new_queue: NewQueue) -> None:
    """G 107: multiplier 1e9, no cap → 1000, then more than a day: nothing exceeds a year (§5.4)."""
    retry_strategy = strategy("exponential", 1000, None, 1e9)
    assert_delays(new_queue(max_delivery_attempts=100, retry_strategy=retry_strategy), [1000, YEAR, YEAR])
