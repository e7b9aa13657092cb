"""What is in a body: text, and values in JSON."""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any

from queues.broker.types import Encoding

Path = tuple[str | int, ...]
"""From the outside in: names of members, places in arrays."""

_STEP = re.compile(r"""\.?(?:([^.\[\]"'$]+)|\[(\d+)\]|\[(?:"([^"]*)"|'([^']*)')\])""")
_MISSING = object()


def parse_path(text: str) -> Path:
    """``$.order.lines[0].sku``; the ``$.`` may be left out, ``["a.b"]`` names a member with a dot in it.
    Raises ValueError, which says what was expected."""
    rest = text.strip().removeprefix("$")
    steps: list[str | int] = []
    at = 0
    while at < len(rest):
        step = _STEP.match(rest, at)
        if step is None:
            raise ValueError(f'expected a path such as $.order.lines[0].sku, not "{text}"')
        name, place, double, single = step.groups()
        steps.append(
            int(place) if place is not None else next(n for n in (name, double, single) if n is not None)
        )
        at = step.end()
    return tuple(steps)


def raw(body: str, encoding: Encoding) -> bytes:
    """The bytes that were published."""
    if encoding is Encoding.BASE64:
        try:
            return base64.b64decode(body)
        except binascii.Error:
            return b""
    return body.encode()


def has_text(body: str, encoding: Encoding, text: str) -> bool:
    """Whether ``text`` stands anywhere in the body, capitals or not."""
    if encoding is Encoding.BASE64:
        return text.lower().encode() in raw(body, encoding).lower()
    if text.lower() in body.lower():
        return True
    # JSON may spell a letter as \u00e9.
    return encoding is Encoding.JSON and "\\" in body and text.lower() in _unescaped(body).lower()


def has_value(body: str, encoding: Encoding, path: Path, value: str) -> bool:
    """Whether the JSON in the body has ``value`` at ``path``: the same JSON value, or the same text."""
    if encoding is Encoding.BASE64:
        return False
    found = _at(_read(body), path)
    if found is _MISSING:
        return False
    wanted = _read(value)
    if isinstance(found, bool) or isinstance(wanted, bool):
        return found is wanted
    return bool(found == value or (wanted is not _MISSING and found == wanted))


def _at(found: Any, path: Path) -> Any:
    for step in path:
        if isinstance(found, dict) and str(step) in found:
            found = found[str(step)]
        elif isinstance(found, list) and _is_place(step) and int(step) < len(found):
            found = found[int(step)]
        else:
            return _MISSING
    return found


def _is_place(step: str | int) -> bool:
    return isinstance(step, int) or (step.isascii() and step.isdigit())


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return _MISSING


def _unescaped(body: str) -> str:
    found = _read(body)
    return "" if found is _MISSING else json.dumps(found, ensure_ascii=False)
