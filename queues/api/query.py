"""Query parameters with exact rules: of repeated ones the last counts, unknown ones are ignored."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

from queues.api.problems import BadRequest

Params = Mapping[str, str]
_INTEGER = re.compile(r"-?[0-9]+")
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_DIGITS = 20


def parse_query(query_string: str) -> Params:
    """The parameters in WSGI's ``QUERY_STRING``. Undecodable bytes become lone surrogates."""
    if not query_string:
        return {}
    if not query_string.isascii():
        query_string = query_string.encode("latin-1").decode("utf-8", "surrogateescape")
    return dict(parse_qsl(query_string, keep_blank_values=True, errors="surrogateescape"))


def integer(params: Params, name: str, default: int, low: int, high: int) -> int:
    """Raises ``BadRequest`` for anything but ASCII digits in range."""
    text = params.get(name)
    if text is None:
        return default
    digits = text.lstrip("-").lstrip("0") or "0"
    # The length first: Python will not convert thousands of digits.
    if _INTEGER.fullmatch(text) and len(digits) <= _DIGITS:
        number = -int(digits) if text.startswith("-") else int(digits)
        if low <= number <= high:
            return number
    raise BadRequest(f"{name}: must be an integer from {low} to {high}")


def boolean(params: Params, name: str, default: bool) -> bool:
    text = params.get(name)
    if text is None:
        return default
    value = _BOOLEANS.get(text.lower())
    if value is None:
        raise BadRequest(f"{name}: must be true or false")
    return value


def tag_filter(params: Params) -> str:
    """The ``tag`` to filter by; "" for none. Never fails: one that cannot exist finds nothing."""
    return params.get("tag", "")
