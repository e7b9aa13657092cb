"""JSON as the contracts want it: RFC 8259 to the letter, exact types, errors that name the field."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import Any, TypeVar

import msgspec

from queues.api.problems import BadRequest

T = TypeVar("T")
_any = msgspec.json.Decoder()
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_error_path = re.compile(r"(.*) - at `\$?(.*)`", re.DOTALL)
_missing = re.compile(r"Object missing required field `(.*)`", re.DOTALL)
_TYPE_WORDS = {"str": "string", "bool": "boolean", "int": "integer"}
_type_word = re.compile(r"\b(str|bool|int)\b")
# A whole escape at a time, so that an escaped backslash before "ud800" is no surrogate; pairs go first.
_escapes = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|[\s\S])"
)
_code = re.compile(rb"\\u([0-9a-fA-F]{4})")
_INTEGER_TOO_LONG = "Integer value out of range"


def decode(data: bytes) -> Any:
    """Any JSON value. Raises ``BadRequest`` for what is not JSON, and for numbers Python cannot hold."""
    try:
        return _any.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BadRequest(_syntax_text(data, error)) from None


def decode_as(decoder: msgspec.json.Decoder[T], data: bytes) -> T:
    """The value in the decoder's type. Raises ``BadRequest`` naming the first field that does not fit.

    Parts the type leaves undecoded (``msgspec.Raw``, unknown properties) are checked just as strictly, so
    what is stored as JSON text is valid JSON for whoever reads it. Integers of any length are legal there.
    """
    check(data)
    try:
        return decoder.decode(data)
    except RecursionError as error:
        raise BadRequest(_syntax_text(data, error)) from None
    except msgspec.ValidationError as error:
        raise BadRequest(field_text(str(error))) from None


def decode_lookup(decoder: msgspec.json.Decoder[T], data: bytes) -> T:
    """Like ``decode_as`` for texts that are only looked up: lone surrogates match nothing instead of failing.

    They come out as NUL, which no stored text contains.
    """
    try:
        return decode_as(decoder, data)
    except BadRequest:
        mended = _escapes.sub(lambda escape: rb"\u0000" if escape[1] else escape[0], data)
        if mended == data:
            raise
        return decode_as(decoder, mended)


def decode_nullable(decoder: msgspec.json.Decoder[T], data: bytes) -> T:
    """Like ``decode_as`` for an object in which null is the same as leaving a field out."""
    try:
        return decode_as(decoder, data)
    except BadRequest:
        given = _without_nulls(data)
        if given is None:
            raise
        return decode_as(decoder, given)


def _without_nulls(data: bytes) -> bytes | None:
    """The object without its members that are null; None if there are none, or it is nothing of the kind."""
    try:
        check(data)
        fields = _fields.decode(data)
    except (BadRequest, msgspec.MsgspecError, RecursionError):
        return None
    given = {name: value for name, value in fields.items() if bytes(value).strip() != b"null"}
    return msgspec.json.encode(given) if len(given) < len(fields) else None


def check(data: bytes) -> None:
    """Raise ``BadRequest`` unless the whole text is strict JSON: UTF-8, no lone surrogates, no NaN or
    Infinity, no number beyond double range, no nesting the parser cannot take."""
    try:
        # Decoding twice costs 0.4 µs per message; msgspec does not look into what it skips.
        _any.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        if not str(error).startswith(_INTEGER_TOO_LONG):
            raise BadRequest(_syntax_text(data, error)) from None
        _check_with_long_integers(data)


def field_text(message: str) -> str:
    """msgspec's message in our form: ``[3].id: expected string, got integer``."""
    match = _error_path.fullmatch(message)
    reason, path = (match[1], match[2]) if match else (message, "")
    if missing := _missing.fullmatch(reason):
        return f"{path}.{missing[1]}: is required".lstrip(".")
    reason = _type_word.sub(lambda word: _TYPE_WORDS[word[0]], reason).replace("`", "")
    path = path.lstrip(".") or "request body"
    return f"{path}: {reason[:1].lower()}{reason[1:]}"


def compact(raw: bytes) -> bytes:
    """The same JSON without white space between its tokens."""
    try:
        return msgspec.json.format(raw, indent=-1)
    except RecursionError as error:
        # Called from deeper in the stack than the check that it passed.
        raise BadRequest(_syntax_text(raw, error)) from None


def size(compact: bytes) -> int:
    """Bytes of the JSON with no more escapes than it needs: it is of one size however its sender escapes."""
    if b"\\u" not in compact and b"\\/" not in compact:
        return len(compact)
    escapes = compact.replace(b"\\\\", b"")  # a backslash that was escaped begins none
    codes = Counter(_code.findall(escapes))
    spare = sum(count * _spare(int(code, 16)) for code, count in codes.items())
    return len(compact) - escapes.count(b"\\/") - spare


def _spare(code: int) -> int:
    """Bytes by which an escape by number is longer than what it stands for."""
    if 0xD800 <= code <= 0xDFFF:
        return 4  # each of two: twelve bytes for four
    return len(r'"\uXXXX"') - len(msgspec.json.encode(chr(code)))


def _check_with_long_integers(data: bytes) -> None:
    """Python refuses to convert integers of more than 4,300 digits; here they need not be converted."""
    try:
        value = json.loads(
            data,
            parse_int=lambda digits: 0,
            parse_float=_finite,
            parse_constant=_finite,
            object_pairs_hook=list,  # also of members that come twice each value
        )
        json.dumps(value, ensure_ascii=False).encode()  # finds lone surrogates
    except (ValueError, RecursionError) as error:
        raise BadRequest(_syntax_text(data, error)) from None


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(f"number out of range: {text[:20]}")
    return number


def _syntax_text(data: bytes, error: Exception) -> str:
    if not data:
        return "request body: is required"
    if isinstance(error, RecursionError):
        return "request body: is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "request body: is not UTF-8"
    match = _error_path.fullmatch(str(error))
    return f"request body: is not valid JSON: {(match[1] if match else str(error))[:200]}"
