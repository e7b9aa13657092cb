"""How queues did over an hour, a day or a week, as charts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from django.http import HttpRequest
from django.utils.safestring import SafeString

from queues.admin.charts import Series, line_chart, sparkline
from queues.broker import clock, series
from queues.broker.series import Point
from queues.broker.types import Micros

RANGES = {"1h": (3_600, 60, 60), "24h": (86_400, 900, 60), "7d": (604_800, 7_200, 1_200)}
"""Seconds shown, seconds of a step, and how often in it is looked at the levels: it has the highest."""
FIRST = "1h"
SPARK_SECONDS, SPARK_STEP = 3_600, 180

COUNTED = ("published", "acked", "died")
LEVELS = ("pending", "processing", "dead")

Read = Callable[[Micros, Micros, int], list[Point]]


@dataclass(frozen=True)
class Chart:
    """``lines``: name and class of each, for the legend."""

    title: str
    picture: SafeString
    lines: list[tuple[str, str]]


def chosen(request: HttpRequest) -> str:
    name = request.GET.get("range", FIRST)
    return name if name in RANGES else FIRST


def of_server(name: str) -> list[Chart]:
    return _charts(name, lambda since, until, step: series.of_account(None, since, until, step))


def of_queue(account_id: int, queue: str, name: str) -> list[Chart]:
    return _charts(name, lambda since, until, step: series.of_queue(account_id, queue, since, until, step))


def rates(seconds: int = 120) -> dict[str, float]:
    """Of the whole server lately, a second."""
    now = clock.now()
    return series.of_account(None, now - clock.micros(seconds), now, seconds)[-1].rates


def spark(account_id: int, queue: str) -> SafeString:
    """A queue's backlog over the last hour."""
    until = clock.now()
    points = series.of_queue(account_id, queue, until - clock.micros(SPARK_SECONDS), until, SPARK_STEP)
    values = [point.pending for point in points]
    return sparkline(values, "backlog", f"ready over the last hour, {values[0]:,} to {values[-1]:,}")


def _charts(name: str, read: Read) -> list[Chart]:
    seconds, step, look = RANGES[name]
    until = clock.now()
    points = _steps(read(until - clock.micros(seconds), until, look), step // look)
    return [
        _chart(
            "Messages a second",
            "/s",
            points,
            ("published", "publish", lambda point: point.rates["published"]),
            ("acknowledged", "ack", lambda point: point.rates["acked"]),
            ("died", "dead-line", lambda point: point.rates["died"]),
        ),
        _chart(
            "Backlog",
            "messages",
            points,
            ("ready", "backlog", lambda point: point.pending),
            ("in flight", "publish", lambda point: point.processing),
            ("dead", "dead-line", lambda point: point.dead),
        ),
    ]


def _steps(points: Sequence[Point], size: int) -> list[Point]:
    """Each ``size`` points as one: what was counted is added up; of the levels it has the highest, or a queue
    that was full for an hour would look as if it never had been."""
    return [_step(points[end - size : end]) for end in range(len(points), 0, -size)][::-1]


def _step(points: Sequence[Point]) -> Point:
    counts = {name: sum(getattr(one, name) for one in points) for name in COUNTED}
    levels = {name: max(getattr(one, name) for one in points) for name in LEVELS}
    return replace(points[-1], seconds=sum(one.seconds for one in points), **counts, **levels)


def _chart(
    title: str, unit: str, points: Sequence[Point], *lines: tuple[str, str, Callable[[Point], float]]
) -> Chart:
    drawn = [Series(name, sort, [value(point) for point in points]) for name, sort, value in lines]
    picture = line_chart(title, unit, [point.at for point in points], drawn)
    return Chart(title, picture, [(name, sort) for name, sort, _ in lines])
