"""Lines over time, drawn here as SVG: no script, and the same picture on every screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from okmq_site.console.tags import short
from queues.broker.types import Micros
from queues.fields import to_datetime

WIDTH, HEIGHT = 560, 190
LEFT, RIGHT, TOP, BOTTOM = 44, 8, 10, 22
LINES = 4
MARKS = 5
DAY = 86_400_000_000
SPARK_WIDTH, SPARK_HEIGHT = 96, 24


@dataclass(frozen=True)
class Series:
    """One line: ``values`` beside the chart's instants, None where nothing is known. ``sort``: its class in
    the style sheet."""

    name: str
    sort: str
    values: Sequence[float | None]


def line_chart(title: str, unit: str, at: Sequence[Micros], series: Sequence[Series]) -> SafeString:
    """``at``: instants, rising, at least two. What each line's last value is, stands in the label."""
    top = _ceiling(max((v for one in series for v in one.values if v is not None), default=0))
    last = "; ".join(f"{one.name} {_last(one.values)} {unit}".strip() for one in series)
    return format_html(
        '<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}{}{}</svg>',
        WIDTH, HEIGHT, f"{title}, at last: {last}", _grid(top), _times(at),
        format_html_join("", "{}", ((_line(at, one, top),) for one in series)), _bands(at, series, unit),
    )  # fmt: skip


def sparkline(values: Sequence[float], sort: str, label: str) -> SafeString:
    """A line without words, as high as its largest value."""
    top = max(values, default=0) or 1
    step = SPARK_WIDTH / max(len(values) - 1, 1)
    points = " ".join(
        f"{number * step:.1f},{SPARK_HEIGHT - 2 - value / top * (SPARK_HEIGHT - 4):.1f}"
        for number, value in enumerate(values)
    )
    return format_html(
        '<svg class="console-spark" viewBox="0 0 {} {}" role="img" aria-label="{}">'
        '<polyline class="{}" points="{}"/></svg>',
        SPARK_WIDTH, SPARK_HEIGHT, label, sort, points,
    )  # fmt: skip


def _ceiling(value: float) -> float:
    """The next of 1, 2, 5, 10, 20, ...: where the scale ends."""
    if value <= 0:
        return 1
    power = 10 ** floor(log10(value))
    return float(next(step * power for step in (1, 2, 5, 10) if step * power >= value))


def _x(at: Sequence[Micros], moment: Micros) -> float:
    return LEFT + (moment - at[0]) / max(at[-1] - at[0], 1) * (WIDTH - LEFT - RIGHT)


def _y(value: float, top: float) -> float:
    return HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM)


def _grid(top: float) -> SafeString:
    steps = [top * number / LINES for number in range(LINES + 1)]
    return format_html_join(
        "",
        '<line class="grid" x1="{0}" x2="{1}" y1="{2}" y2="{2}"/>'
        '<text x="{3}" y="{4}" text-anchor="end">{5}</text>',
        (
            (LEFT, WIDTH - RIGHT, f"{_y(v, top):.1f}", LEFT - 6, f"{_y(v, top) + 4:.1f}", _tick(v))
            for v in steps
        ),
    )


def _tick(value: float) -> str:
    return short(int(value)) if value == int(value) else f"{value:g}"


def _times(at: Sequence[Micros]) -> SafeString:
    span = at[-1] - at[0]
    shape = "%H:%M" if span <= DAY else "%a %d"
    moments = [at[0] + span * number // (MARKS - 1) for number in range(MARKS)]
    anchors = ["start", *["middle"] * (MARKS - 2), "end"]
    zones = [*[""] * (MARKS - 1), " UTC"]
    return format_html_join(
        "",
        '<text x="{}" y="{}" text-anchor="{}">{}</text>',
        (
            (f"{_x(at, moment):.1f}", HEIGHT - 5, anchor, to_datetime(moment).strftime(shape) + zone)
            for moment, anchor, zone in zip(moments, anchors, zones, strict=True)
        ),
    )


def _line(at: Sequence[Micros], series: Series, top: float) -> SafeString:
    """Broken where nothing is known."""
    runs: list[list[str]] = [[]]
    for moment, value in zip(at, series.values, strict=True):
        if value is None:
            runs.append([])
        else:
            runs[-1].append(f"{_x(at, moment):.1f},{_y(value, top):.1f}")
    found = ((series.sort, " ".join(run)) for run in runs if run)
    return format_html_join("", '<polyline class="{}" points="{}"/>', found)


def _bands(at: Sequence[Micros], series: Sequence[Series], unit: str) -> SafeString:
    """Invisible columns that tell their values when they are pointed at."""
    every = max(ceil(len(at) / 120), 1)
    width = (WIDTH - LEFT - RIGHT) / max(len(at) - 1, 1) * every
    return format_html_join(
        "",
        '<rect class="band" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>',
        (
            (
                f"{_x(at, at[n]) - width / 2:.1f}", TOP, f"{width:.1f}", HEIGHT - TOP - BOTTOM,
                _told(at[n], n, series, unit),
            )
            for n in range(0, len(at), every)
        ),
    )  # fmt: skip


def _told(moment: Micros, number: int, series: Sequence[Series], unit: str) -> str:
    values = ", ".join(f"{one.name} {short(one.values[number])} {unit}".strip() for one in series)
    return f"{to_datetime(moment):%Y-%m-%d %H:%M} UTC: {values}"


def _last(values: Sequence[float | None]) -> str:
    return short(next((value for value in reversed(values) if value is not None), None))
