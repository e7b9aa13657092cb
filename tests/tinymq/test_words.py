"""What TinyMQ writes in Go's way: durations and printed values (tinymq.md sections 3, 4.2)."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queues.api.tinymq import durations, filters, topics
from queues.api.tinymq.filters import Filter

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30), ("5m", 300), ("1h", 3600), ("1h30m", 5400), ("1.5h", 5400), (".5s", 0.5), ("500ms", 0.5),
        ("5.s", 5), ("1us", 1e-6), ("1µs", 1e-6), ("1μs", 1e-6), ("1ns", 1e-9), ("0", 0), ("-0", 0),
        ("+5s", 5), ("-1h1s", -3601), ("1s1s", 2), ("2562047h47m16.854775807s", 9223372036.854775807),
    ],
)  # fmt: skip
def test_durations(text: str, seconds: float) -> None:
    assert durations.seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    [
        "", "5", "1d", "1w", "5 s", " 5s", "s", ".s", "1h-5m", "--5s", "٣s", "1e3s", "5S", "1s\n", "2562048h",
        "9" * 300 + "h", "1_0s", "0.0", "+", "-",
    ],
)  # fmt: skip
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError):
        durations.seconds(text)


@given(st.text(max_size=20))
def test_no_duration_is_too_odd(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(durations.seconds(text), float)


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (42, "42"), (42.0, "42"), (1000000, "1e+06"), (123456, "123456"), (1234567, "1.234567e+06"),
        (0.5, "0.5"), (0.0001, "0.0001"), (0.00001, "1e-05"), (-1.5e-7, "-1.5e-07"), (0, "0"), (-3, "-3"),
        (1e100, "1e+100"), (12345678901234567890, "1.2345678901234567e+19"), (True, "true"), (False, "false"),
        (None, "<nil>"), ("text", "text"), ([1, "a", None], "[1 a <nil>]"),
        ({"b": 1, "a": [True]}, "map[a:[true] b:1]"), ([], "[]"),
    ],
)  # fmt: skip
def test_values_are_printed_as_go_prints_them(value: Any, printed: str) -> None:
    assert filters.printed(value) == printed


@pytest.mark.parametrize(
    "payload", [b"", b"x", b"[]", b'"a"', b"{}", b'{"a":"2"', b"\xff", b'{"b":{"a":"1"}}']
)
def test_a_filter_takes_objects_with_that_member_alone(payload: bytes) -> None:
    assert not Filter("a", "1").takes(payload)


def test_a_filter_compares_texts() -> None:
    assert Filter("a", "1").takes(b'{"a":1}')
    assert Filter("a", "1").takes(b'{"a":"1"}')
    assert Filter("", "") is not None
    assert filters.read({"filter_val": "1"}) is None


@given(st.text(max_size=10))
def test_no_name_is_too_odd(name: str) -> None:
    topics.fault(name)
    topics.is_pattern(name)
