"""Rules for names in requests. Texts that are only looked up need none: see ``queues.broker.names``."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from django.http import HttpRequest
from django.urls import register_converter
from django.urls.converters import StringConverter

NAME_LENGTH = 50
_FORBIDDEN_IN_NAMES = re.compile(r"[/\\\x00-\x1f\x7f\ud800-\udfff]")


def name_fault(name: str) -> str | None:
    """Why a queue, stream or topic cannot have this name, or None (OKMQ contract section 2.6)."""
    if not 1 <= len(name) <= NAME_LENGTH:
        return f"must be 1 to {NAME_LENGTH} characters"
    if _FORBIDDEN_IN_NAMES.search(name):
        return "must not contain '/', '\\', control characters or lone surrogates"
    if name in (".", ".."):
        return "must not be '.' or '..'"
    return None


def is_text(part: str, request: HttpRequest) -> bool:
    """Whether a part of the path was UTF-8 as it was sent; if not, it names nothing.

    Django puts ``%FF`` for bytes that are not UTF-8, so ``/queues/%FF`` would reach the queue whose name is
    the three characters ``%FF``, which is addressed as ``%25FF``. It keeps no copy of the path as it was
    sent, but gunicorn does.
    """
    return "%" not in part or _is_utf8(request.META.get("RAW_URI", ""))


def _is_utf8(uri: str) -> bool:
    try:
        unquote_to_bytes(uri.partition("?")[0].encode("latin-1")).decode()
    except UnicodeError:
        return False
    return True


def is_whole(request: HttpRequest, parts: int) -> bool:
    """Whether none of the first ``parts`` parts of the path, as it was sent, has an encoded slash in it.

    Django has it decoded, and ``/queues/a%2Fmessages``, which is no queue, would be the messages of ``a``.
    """
    path = request.META.get("RAW_URI", "").partition("?")[0].lower()
    if "%2f" not in path:
        return True
    if not path.startswith("/"):
        path = path.partition("://")[2]  # sent with scheme and host
    return not any("%2f" in part for part in path.split("/")[: parts + 1])


class RestOfPath(StringConverter):
    """Everything up to the end of the path: slashes and, unlike Django's ``path``, line feeds too. In routes
    it is ``rest``."""

    regex = r"[\s\S]+"


register_converter(RestOfPath, "rest")
