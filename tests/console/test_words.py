"""Figures, instants and settings in words."""

from __future__ import annotations

import pytest

from okmq_site.console.tags import ago, duration, instant, number, share, short, size
from queues.admin.charts import Series, line_chart, sparkline
from queues.admin.fields import Wrong, moment, whole
from queues.admin.message import hex_dump, indented
from queues.admin.sentences import fate_sentences, settings_sentence
from queues.broker import clock
from queues.broker.types import ExpiryAction, QueueSettings, RetryStrategy

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "for ever"),
        (0, "0 s"),
        (0.25, "250 ms"),
        (59.6, "1 min"),
        (3_900, "1 h 5 min"),
        (90_000, "1 d 1 h"),
        (86_405, "1 d"),
    ],
)
def test_durations(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words


def test_numbers() -> None:
    assert [number(v) for v in (None, 0, 1234567, 2.55)] == ["–", "0", "1,234,567", "2.5"]
    assert [short(v) for v in (None, 99_999, 123_456, 1_234_567, 2e9)] == [
        "–",
        "99,999",
        "123 k",
        "1.23 M",
        "2 G",
    ]
    assert [size(v) for v in (None, 12, 2048, 5_000_000)] == ["–", "12 B", "2.0 KiB", "4.8 MiB"]
    assert [share(*v) for v in ((1, 3), (0, 0), (5, 2), (-1, 2))] == [33, 0, 100, 0]


def test_instants() -> None:
    assert ">1970-01-01 00:00:01.500 UTC<" in instant(1_500_000)
    assert "in 1 h" in ago(clock.now() + clock.micros(3601))
    assert ">now<" in ago(clock.now())
    assert ago(None) == instant(None) == "–"


def test_ages_and_instants_are_read() -> None:
    assert moment("") is None
    age = moment("15m")
    assert age is not None and abs(clock.now() - age - clock.micros(900)) < clock.SECOND * 5
    assert moment("1970-01-02") == 86_400 * clock.SECOND
    assert moment("1970-01-01T02:00:00+02:00") == 0
    for wrong in ("soon", "5 years", "2026-13-01", "-5m"):
        with pytest.raises(Wrong):
            moment(wrong)


def test_whole_numbers_are_read() -> None:
    found = [whole(text) for text in ("0", "17", "-1", "1.5", "", None, "٣", "9" * 30)]
    assert found == [0, 17, None, None, None, None, None, None]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"max_attempts": 5, "ttl_seconds": 3600},
            "5 attempts, 30 s lease, exponential 5 s to 5 min, kept 1 h.",
        ),
        ({"max_attempts": 1}, "1 attempt, 30 s lease, kept 5 min."),
        ({"auto_ack": True, "ttl_seconds": None}, "acknowledged as soon as it is handed out, kept for ever."),
        (
            {"max_attempts": 3, "retry": RetryStrategy(type="list", delays=(1, 60))},
            "3 attempts, 30 s lease, retried after 1 s, 1 min, kept 5 min.",
        ),
        (
            {"max_attempts": 2, "retry": RetryStrategy(type="fixed", base_delay=10)},
            "2 attempts, 30 s lease, fixed 10 s between attempts, kept 5 min.",
        ),
    ],
)
def test_settings_are_a_sentence(changes: dict[str, object], sentence: str) -> None:
    assert settings_sentence(QueueSettings().but(**changes)) == sentence


def test_a_messages_end_is_told() -> None:
    moved = fate_sentences(QueueSettings(dead_letter_queue="dlq", auto_delete=True))
    assert "Messages out of attempts move to the queue dlq." in moved
    assert "Acknowledged messages are deleted." in moved
    assert "Acknowledged messages are kept 15 min." in fate_sentences(QueueSettings(retention_seconds=900))
    kept = fate_sentences(QueueSettings(on_expiry=ExpiryAction.DEAD_LETTER, preserve_failed=True))
    assert "What expires without having been handled becomes a dead letter." in kept


def test_json_is_indented_and_stays_the_same() -> None:
    text = '{"b": 1e3, "a": [], "a": {"é": -0.10, "q": "\\u00e9\\n"}, "big": 123456789012345678901}'
    assert indented(text).split() == [
        '{', '"b":', "1e3,", '"a":', "[],", '"a":', "{", '"é":', "-0.10,", '"q":', '"é\\n"', "},", '"big":',
        "123456789012345678901", "}",
    ]  # fmt: skip
    assert indented("[" * 100_000) == "[" * 100_000
    assert indented("no json") == "no json"


def test_bytes_are_dumped() -> None:
    assert hex_dump(bytes(range(60, 77))).splitlines() == [
        "00000000  3c 3d 3e 3f 40 41 42 43 44 45 46 47 48 49 4a 4b  <=>?@ABCDEFGHIJK",
        "00000010  4c                                               L",
    ]


def test_a_chart_says_its_last_values_and_breaks_where_nothing_is_known() -> None:
    minutes = [n * 60 * clock.SECOND for n in range(5)]
    picture = line_chart("Rates", "/s", minutes, [Series("published", "publish", [1, 2, None, 4, 3])])
    assert 'aria-label="Rates, at last: published 3 /s"' in picture
    assert picture.count("<polyline") == 2
    assert "<title>1970-01-01 00:01 UTC: published 2 /s</title>" in picture
    assert ">5<" in picture  # the scale goes up to the next round number


def test_a_sparkline_is_drawn_whatever_there_is() -> None:
    for values in ([], [0], [0, 5, 2]):
        assert "<polyline" in sparkline(values, "publish", "a < b")
    assert "a &lt; b" in sparkline([1], "publish", "a < b")
