"""RFC 3339 in, RFC 3339 out (OKMQ contract section 2.5)."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queues.api.times import MIN_INSTANT, format_time, parse_time
from queues.broker.types import MAX_INSTANT

pytestmark = pytest.mark.once

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
instants = st.integers(MIN_INSTANT, MAX_INSTANT)
offsets = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01t00:00:01z", 1_000_000),
        ("1970-01-01 00:00:01+00:00", 1_000_000),
        ("1970-01-01T02:30:00+02:30", 0),
        ("1969-12-31T19:00:00-05:00", 0),
        ("1970-01-01T00:00:00.25Z", 250_000),
        ("1970-01-01T00:00:00.1234567899Z", 123_456),
        ("1969-12-31T23:59:59.999999Z", -1),
        ("2024-02-29T00:00:00Z", 1_709_164_800_000_000),
        ("0001-01-01T00:00:00Z", MIN_INSTANT),
        ("9999-12-31T23:59:59.999999999Z", MAX_INSTANT),
    ],
)
def test_it_reads_a_time(text: str, micros: int) -> None:
    assert parse_time(text) == micros


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "1970-01-01",
        "1970-01-01T00:00:00",
        "1970-01-01T00:00Z",
        "1970-01-01T00:00:00.Z",
        "1970-01-01  00:00:00Z",
        "1970-01-01T00:00:00 Z",
        "1970-01-01T00:00:00Z\n",
        " 1970-01-01T00:00:00Z",
        "1970-01-01T00:00:00+0200",
        "1970-01-01T00:00:00+24:00",
        "1970-01-01T00:00:00+02:60",
        "1970-1-1T00:00:00Z",
        "1970-13-01T00:00:00Z",
        "1970-02-30T00:00:00Z",
        "2023-02-29T00:00:00Z",
        "1970-01-01T24:00:00Z",
        "1970-01-01T00:00:60Z",
        "0000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-00:01",
        "١٩٧٠-01-01T00:00:00Z",
        "-1970-01-01T00:00:00Z",
    ],
)
def test_it_refuses_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError):
        parse_time(text)


@given(instants)
def test_what_is_written_is_read_back(micros: int) -> None:
    assert parse_time(format_time(micros)) == micros


@given(instants, offsets)
def test_it_agrees_with_datetime(micros: int, zone: timezone) -> None:
    moment = EPOCH + timedelta(microseconds=micros)
    try:
        text = moment.astimezone(zone).isoformat()
    except OverflowError:
        return
    assert parse_time(text) == micros


@given(st.text())
def test_no_text_does_more_than_raise_value_error(text: str) -> None:
    with suppress(ValueError):
        parse_time(text)


def test_it_always_writes_six_decimals() -> None:
    assert format_time(0) == "1970-01-01T00:00:00.000000Z"
    assert format_time(-1) == "1969-12-31T23:59:59.999999Z"


@pytest.mark.parametrize("micros", [MAX_INSTANT + 1, 10**30, MIN_INSTANT - 1, -(10**30)])
def test_what_cannot_be_shown_is_shown_as_the_nearest(micros: int) -> None:
    assert parse_time(format_time(micros)) == (MAX_INSTANT if micros > 0 else MIN_INSTANT)
