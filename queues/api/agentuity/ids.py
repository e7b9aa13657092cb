"""Ids as Agentuity's client takes them: a prefix, then ASCII letters and digits (agentuity.md section 1).

A message keeps the id it has in the engine, and every id there can be said here and said back:

    01890a5d-ac96-774b-bcce-b302099a8057    qmsg_01890a5dac96774bbcceb302099a8057    a UUID: its digits
    order-1                                 qmsg_x6f726465722d31                     else: x, its UTF-8 in hex

So whatever dialect a message was published through, its id here is always the same. A text that no id is
written as names nothing.
"""

from __future__ import annotations

import re
from contextlib import suppress

MESSAGE, QUEUE, CONSUMER, DELIVERY, EVENT = "qmsg_", "queue_", "qcns_", "qdlv_", "qsev_"
DIGITS = 22
"""Of an id that stands for a number; as many as the original's queue ids have."""

_uuid = re.compile(r"([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{12})")
_hex_uuid = re.compile(r"([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})")
_hex = re.compile(r"x((?:[0-9a-f]{2})+)")


def message_id(public_id: str) -> str:
    if _uuid.fullmatch(public_id):
        return MESSAGE + public_id.replace("-", "")
    return f"{MESSAGE}x{public_id.encode().hex()}"


def public_id(text: str) -> str | None:
    """The engine's id for a message id; None for what is none."""
    written = text.removeprefix(MESSAGE)
    if written == text:
        return None
    if match := _hex_uuid.fullmatch(written):
        return "-".join(match.groups())
    if match := _hex.fullmatch(written):
        with suppress(UnicodeDecodeError):
            found = bytes.fromhex(match[1]).decode()
            # Each id is written in one way only.
            return found if message_id(found) == text else None
    return None


def numbered(prefix: str, number: int) -> str:
    """The id of something the engine knows by a number."""
    return f"{prefix}{number:0{DIGITS}x}"


def number_of(prefix: str, text: str) -> int | None:
    """The number in such an id; None for what is none."""
    digits = text.removeprefix(prefix)
    if digits == text or not re.fullmatch(rf"[0-9a-f]{{{DIGITS}}}", digits):
        return None
    return int(digits, 16)


def queue_id(number: int) -> str:
    return numbered(QUEUE, number)
