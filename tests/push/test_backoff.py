"""When a failed delivery is tried again."""

from __future__ import annotations

import random

import pytest

from queues.broker.clock import SECOND
from queues.push.backoff import MAX_RETRY_AFTER_SECONDS, ceiling_ms, parse_retry_after, retry_at
from queues.push.types import RetryPolicy

pytestmark = pytest.mark.once

NOW = 1_600_000_000 * SECOND
POLICY = RetryPolicy(initial_backoff_ms=1000, max_backoff_ms=5000, backoff_multiplier=2)


def test_the_backoff_grows_up_to_its_cap() -> None:
    assert [ceiling_ms(POLICY, attempt) for attempt in (1, 2, 3, 4, 1000, 100_000)] == [
        1000, 2000, 4000, 5000, 5000, 5000,
    ]  # fmt: skip


def test_retries_are_spread_over_the_whole_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    for share, expected in ((0.0, 0), (0.5, 1000), (1.0, 2000)):
        monkeypatch.setattr(random, "uniform", lambda low, high, s=share: low + s * (high - low))
        assert retry_at(POLICY, 2, NOW, None) == NOW + expected * 1000


def test_retry_after_is_the_least_and_capped() -> None:
    assert retry_at(POLICY, 1, NOW, NOW + 100 * SECOND) == NOW + 100 * SECOND
    far = NOW + 10 * MAX_RETRY_AFTER_SECONDS * SECOND
    assert retry_at(POLICY, 1, NOW, far) == NOW + MAX_RETRY_AFTER_SECONDS * SECOND
    assert NOW <= retry_at(POLICY, 1, NOW, NOW - SECOND) <= NOW + SECOND


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        (" 120 ", 120),
        ("Sun, 13 Sep 2020 12:27:00 GMT", 20),
        ("Sunday, 13-Sep-20 12:27:00 GMT", 20),
        (None, None),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("1e9", None),
        ("99999999999999999999", None),
        ("soon", None),
        ("Sun, 99 Sep 2020 12:27:00 GMT", None),
    ],
)
def test_retry_after_comes_in_seconds_or_as_a_date(text: str | None, seconds: int | None) -> None:
    expected = None if seconds is None else NOW + seconds * SECOND
    assert parse_retry_after(text, NOW) == expected
