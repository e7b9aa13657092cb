"""What is produced and consumed, and the rules for names, ids and receipts (forq.md sections 3 to 6).

Bodies are decoded as Go's encoding/json does, like the original's: names in any case, the last of two counts,
null means absent, what follows the first JSON value is ignored, and what is not UTF-8 becomes U+FFFD.
"""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, NoReturn

import msgspec
from msgspec import Meta, Struct

from queues.api.bodies import text_body
from queues.api.forq import errors
from queues.api.forq.errors import Refused
from queues.api.forq.profile import is_dead_letter_queue
from queues.broker import types
from queues.broker.types import Micros

MAX_CONTENT_BYTES = 262_144
MAX_REQUEST_BYTES = 2_097_152
GRACE_MS = 10_000
FARTHEST_MS = 366 * 86_400_000

QUEUE_PATTERN = "^[a-zA-Z0-9._-]{1,64}$"
RECEIPT_PATTERN = "^[+-]?[0-9]+$"
_queue_name = re.compile(r"[a-zA-Z0-9._-]{1,64}")
# A queue of 64 characters has a dead-letter queue, too, and its messages are to be had.
_dead_letter_name = re.compile(r"[a-zA-Z0-9._-]{1,64}-dlq")
_HYPHENATED = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_uuid = re.compile(rf"(?:urn:uuid:)?{_HYPHENATED}|\{{{_HYPHENATED}\}}|[0-9a-f]{{32}}", re.IGNORECASE)
# More digits than a 64-bit integer has need no conversion to be refused.
_receipt = re.compile(r"([+-]?)0*([0-9]{1,19})")
_LOWEST, _HIGHEST = -(2**63), 2**63 - 1

_space = re.compile(r"[ \t\r\n]*")
_lone_surrogate = re.compile("[\ud800-\udfff]")


class NewMessage(Struct, gc=False):
    """Names of fields may be written in any case, others are ignored."""

    content: Annotated[str, Meta(description=f"At most {MAX_CONTENT_BYTES} bytes as UTF-8.")]
    processAfter: Annotated[  # noqa: N815 (the name on the wire)
        int,
        Meta(
            description="Epoch milliseconds; null, zero or absent: now. Up to 10 seconds in the past and 366 "
            "days in the future.",
            extra_json_schema={"format": "int64"},
        ),
    ] = 0


class Message(Struct, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """Exactly these fields: strict clients take no other."""

    id: Annotated[str, Meta(description="A UUID, unless another API gave the message an id of its own.")]
    content: str
    receipt: Annotated[
        str,
        Meta(
            description="Of this delivery, to be shown when it is settled. Left out for Forq's Java library "
            "before 1.0, and where the server is set up for such clients.",
            extra_json_schema={"minLength": 1},
        ),
    ] = ""


class _Usual(NewMessage, gc=False, forbid_unknown_fields=True):
    """What clients send."""


_usual = msgspec.json.Decoder(_Usual)


def read_content(data: bytes) -> tuple[str, int]:
    """Content and ``processAfter``. Raises ``Refused``."""
    try:
        # Whatever may mean something else than it seems to fails here.
        usual = _usual.decode(data)
        return usual.content, _int64(usual.processAfter)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _read_as_go_does(data)


def new_message(content: str, process_after: int, now: Micros) -> types.NewMessage:
    """Raises ``Refused`` for content that is too large or a time out of bounds."""
    body, encoding, size = text_body(content)
    if size > MAX_CONTENT_BYTES:
        raise Refused(errors.TOO_LARGE)
    if not process_after:
        return types.NewMessage(body, size, encoding)
    now_ms = now // 1000
    if process_after + GRACE_MS < now_ms:
        raise Refused(errors.IN_PAST)
    if process_after > now_ms + FARTHEST_MS:
        raise Refused(errors.TOO_FAR)
    return types.NewMessage(body, size, encoding, deliver_at=process_after * 1000)


def check_queue(name: str) -> None:
    """Raises ``Refused`` for what cannot be a queue's name."""
    if not _queue_name.fullmatch(name) and not _dead_letter_name.fullmatch(name):
        raise Refused(errors.QUEUE_NAME)


def check_producible(name: str) -> None:
    if is_dead_letter_queue(name):
        raise Refused(errors.PRODUCE_TO_DLQ)


def is_uuid(text: str) -> bool:
    return _uuid.fullmatch(text) is not None


def read_receipt(header: str) -> int:
    """The receipt in ``X-Forq-Receipt``. Raises ``Refused``."""
    text = header.strip()
    if not text:
        raise Refused(errors.RECEIPT_MISSING)
    match = _receipt.fullmatch(text)
    receipt = None if match is None else int(match[1] + match[2])
    if receipt is None or not _LOWEST <= receipt <= _HIGHEST:
        raise Refused(errors.RECEIPT_INVALID)
    return receipt


def _read_as_go_does(data: bytes) -> tuple[str, int]:
    text = data.decode(errors="replace")
    start = _space.match(text).end()  # type: ignore[union-attr]  # matches the empty text, too
    try:
        found, _ = _decoder.raw_decode(text, start)
    except (ValueError, RecursionError):
        raise Refused(errors.BODY_INVALID) from None
    if found is None:
        return "", 0
    if not isinstance(found, _Members):
        raise Refused(errors.BODY_INVALID)
    content, process_after = "", 0
    for name, value in found.pairs:
        match name.lower(), value:
            case _, None:
                pass
            case "content", str():
                content = _lone_surrogate.sub("\ufffd", value)
            case "processafter", int() if not isinstance(value, bool):
                process_after = _int64(value)
            case "content" | "processafter", _:
                raise Refused(errors.BODY_INVALID)
    return content, process_after


class _Members:
    """A JSON object with all its members in their order."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        self.pairs = pairs


def _no_constant(word: str) -> NoReturn:
    raise ValueError(word)  # NaN and Infinity are no JSON


_decoder = json.JSONDecoder(object_pairs_hook=_Members, parse_constant=_no_constant)


def _int64(number: int) -> int:
    if not _LOWEST <= number <= _HIGHEST:
        raise Refused(errors.BODY_INVALID)
    return number
