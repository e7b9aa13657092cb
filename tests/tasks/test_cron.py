"""When schedules are due: fields, names, zones, and the hours a clock skips or has twice."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from queues.fields import to_datetime, to_micros
from queues.tasks import cron
from queues.tasks.cron import Interval, InvalidCron

pytestmark = pytest.mark.once

BERLIN = "Europe/Berlin"


def at(text: str) -> int:
    return to_micros(datetime.fromisoformat(text).replace(tzinfo=UTC))


def due(expression: str, begin: str, zone: str = "UTC", times: int = 3) -> list[str]:
    """The next due times after ``begin`` (UTC), as UTC."""
    clock, instant, found = cron.read(expression, ZoneInfo(zone)), at(begin), []
    for _ in range(times):
        after = clock.next_after(instant)
        assert after is not None
        instant = after
        found.append(to_datetime(instant).strftime("%m-%d %H:%M"))
    return found


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("*/5 * * * *", ["05-10 12:05", "05-10 12:10", "05-10 12:15"]),
        ("0 9 * * 1-5", ["05-11 09:00", "05-12 09:00", "05-13 09:00"]),
        ("@hourly", ["05-10 13:00", "05-10 14:00", "05-10 15:00"]),
        ("@daily", ["05-11 00:00", "05-12 00:00", "05-13 00:00"]),
        ("@weekly", ["05-12 00:00", "05-19 00:00", "05-26 00:00"]),
        ("@monthly", ["06-01 00:00", "07-01 00:00", "08-01 00:00"]),
        ("@yearly", ["01-01 00:00", "01-01 00:00", "01-01 00:00"]),
    ],
)
def test_fields_and_names(expression: str, expected: list[str]) -> None:
    year = "2024" if expression == "@weekly" else "2026"
    begin = f"{year}-05-10T12:00:00"
    assert due(expression, begin) == expected


def test_a_due_time_itself_is_not_after_itself() -> None:
    assert due("0 * * * *", "2026-05-10T12:00:00", times=1) == ["05-10 13:00"]


def test_the_wall_clock_is_the_zones() -> None:
    assert due("30 8 * * *", "2026-01-10T00:00:00", BERLIN, times=1) == ["01-10 07:30"]
    assert due("30 8 * * *", "2026-07-10T00:00:00", BERLIN, times=1) == ["07-10 06:30"]


def test_a_skipped_hour_does_not_fire() -> None:
    """2026-03-29 in Berlin: 02:00 to 03:00 is not there."""
    assert due("30 2 * * *", "2026-03-27T12:00:00", BERLIN) == ["03-28 01:30", "03-30 00:30", "03-31 00:30"]


def test_an_hour_that_comes_twice_fires_once() -> None:
    """2026-10-25 in Berlin: 02:30 is at 00:30 and at 01:30 UTC."""
    assert due("30 2 * * *", "2026-10-24T12:00:00", BERLIN, times=2) == ["10-25 00:30", "10-26 01:30"]
    assert due("30 2 * * *", "2026-10-25T00:45:00", BERLIN, times=1) == ["10-26 01:30"]
    assert due("30 2 * * *", "2026-10-25T01:10:00", BERLIN, times=1) == ["10-26 01:30"]


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "* * * *",
        "* * * * * *",
        "61 * * * *",
        "a b c d e",
        "@never",
        "@every 5s",
        "0 0 * * 8",
        "0 0 30 2 *",
    ],
)
def test_what_is_no_cron_expression_is_refused_with_a_reason(bad: str) -> None:
    with pytest.raises(InvalidCron, match=r"[a-z]{3}"):
        cron.read(bad, ZoneInfo("UTC"))


def test_an_interval_counts_from_its_beginning() -> None:
    every = Interval(step=10, begin=100)
    assert [every.next_after(instant) for instant in (50, 100, 109, 110, 111, 995)] == [
        110,
        110,
        110,
        120,
        120,
        1000,
    ]
