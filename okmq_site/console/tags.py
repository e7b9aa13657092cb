"""How figures, instants and states read in the console's templates. Built in: no template loads it."""

from __future__ import annotations

from datetime import datetime

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from queues.broker import clock
from queues.broker.types import MAX_INSTANT
from queues.fields import to_datetime, to_micros

register = template.Library()

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_SIZES = ("B", "KiB", "MiB", "GiB", "TiB")
NOTHING = "–"


@register.filter
def duration(seconds: float | None) -> str:
    """Two units at the most: ``1 h 5 min``."""
    if seconds is None:
        return "for ever"
    if 0 < seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    rest, parts = round(seconds), []
    for size, unit in _UNITS:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
        elif parts:
            break
        if len(parts) == 2:
            break
    return " ".join(parts) or "0 s"


@register.filter
def number(value: float | None) -> str:
    """With thousands separated; NOTHING for what is not known."""
    if value is None:
        return NOTHING
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"


@register.filter
def short(value: float | None) -> str:
    """A figure for a tile: ``1.2 M``."""
    if value is None:
        return NOTHING
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e5, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if unit == 'k' else size):.3g} {unit}"
    return number(value)


@register.filter
def rate(value: float) -> str:
    """Messages a second: ``12/s``, ``0.3/s``."""
    return f"{short(round(value))}/s" if value >= 10 or value == 0 else f"{value:.2g}/s"


@register.filter
def size(count: int | None) -> str:
    if count is None:
        return NOTHING
    value, unit = float(count), 0
    while value >= 1024 and unit < len(_SIZES) - 1:
        value, unit = value / 1024, unit + 1
    return f"{count} B" if unit == 0 else f"{value:.1f} {_SIZES[unit]}"


@register.filter
def instant(at: int | datetime | None) -> SafeString | str:
    """The moment itself, to the millisecond, and its zone: UTC."""
    if at is None:
        return NOTHING
    moment = _moment(at)
    shown = f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d} UTC"
    return format_html('<time datetime="{}">{}</time>', moment.isoformat(), shown)


@register.filter
def ago(at: int | datetime | None) -> SafeString | str:
    """How long since (or until); the moment itself stands in the title."""
    if at is None:
        return NOTHING
    micros = to_micros(at) if isinstance(at, datetime) else at
    seconds = (clock.now() - micros) / clock.SECOND
    words = (
        f"in {duration(-seconds)}" if seconds <= -1 else f"{duration(seconds)} ago" if seconds >= 1 else "now"
    )
    moment = _moment(at)
    shown = moment.strftime("%Y-%m-%d %H:%M:%S UTC")
    return format_html('<time datetime="{}" title="{}">{}</time>', moment.isoformat(), shown, words)


@register.filter
def get(mapping: dict[str, object], key: str) -> object:
    return mapping.get(key)


@register.simple_tag
def share(part: float, whole: float | None) -> int:
    """A whole percentage between 0 and 100, for the length of a bar; 0 of what is not known."""
    return 0 if not whole else max(0, min(100, round(100 * part / whole)))


def _moment(at: int | datetime) -> datetime:
    return at if isinstance(at, datetime) else to_datetime(max(0, min(at, MAX_INSTANT)))
