"""Filters on a top-level member of a JSON payload: ``filter_key`` and ``filter_val`` (tinymq.md section
4.2)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

from queues.api import strict_json
from queues.api.problems import BadRequest
from queues.api.query import Params

SHORTEST = 6
"""Go writes numbers from this power of ten on with an exponent."""


class Filter(NamedTuple):
    key: str
    value: str

    def takes(self, payload: bytes) -> bool:
        """Whether the payload is a JSON object whose member ``key``, printed by Go, is ``value``."""
        try:
            found = strict_json.decode(payload)
        except BadRequest:
            return False
        return isinstance(found, dict) and self.key in found and printed(found[self.key]) == self.value


def read(params: Params) -> Filter | None:
    key = params.get("filter_key", "")
    return Filter(key, params.get("filter_val", "")) if key else None


def printed(value: Any) -> str:
    """The value as Go's ``%v`` prints what it decodes JSON into."""
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return _number(value)
    if isinstance(value, list):
        return f"[{' '.join(map(printed, value))}]"
    if isinstance(value, dict):
        return f"map[{' '.join(f'{key}:{printed(value[key])}' for key in sorted(value))}]"
    return str(value)


def _number(value: float) -> str:
    sign, digits, exponent = Decimal(repr(float(value))).normalize().as_tuple()
    assert isinstance(exponent, int)  # JSON knows no infinity
    text = "".join(map(str, digits))
    power = len(text) + exponent - 1  # of ten, with one digit before the point
    if -4 <= power < SHORTEST:
        shown = f"{Decimal((0, digits, exponent)):f}"
    else:
        fraction = f".{text[1:]}" if len(text) > 1 else ""
        shown = f"{text[0]}{fraction}e{'-' if power < 0 else '+'}{abs(power):02d}"
    return f"-{shown}" if sign else shown
