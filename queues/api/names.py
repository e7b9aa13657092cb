"""Rules for names and ids in requests, and what a look-up does with a text that can name nothing."""

from __future__ import annotations

import re

from django.http import HttpRequest
from django.urls.converters import StringConverter

NAME_LENGTH = 50
_FORBIDDEN_IN_NAMES = re.compile(r"[/\\\x00-\x1f\x7f\ud800-\udfff]")
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
NO_SUCH_TAG = "\u241a no message carries this tag: it is longer than a tag may be \u241a"
"""Stands for filter texts the database could not even compare (NUL, undecodable bytes)."""


def name_fault(name: str) -> str | None:
    """Why a queue, stream or topic cannot have this name, or None (OKMQ contract section 2.6)."""
    if not 1 <= len(name) <= NAME_LENGTH:
        return f"must be 1 to {NAME_LENGTH} characters"
    if _FORBIDDEN_IN_NAMES.search(name):
        return "must not contain '/', '\\', control characters or lone surrogates"
    if name in (".", ".."):
        return "must not be '.' or '..'"
    return None


def can_be_stored(text: str) -> bool:
    """False for texts no database row can hold: with NUL, or undecodable. They match nothing."""
    return _UNSTORABLE.search(text) is None


def path_part_exists(part: str, request: HttpRequest) -> bool:
    """Whether a decoded part of the path can name anything.

    Django puts ``%FF`` for bytes that are not UTF-8, so ``/queues/%FF`` would reach the queue whose name is
    the three characters ``%FF``, which is addressed as ``%25FF``.
    """
    if "\0" in part:
        return False
    return "%" not in part or _is_utf8(request.META.get("PATH_INFO", ""))


def _is_utf8(wsgi_text: str) -> bool:
    try:
        wsgi_text.encode("latin-1").decode()
    except UnicodeError:
        return False
    return True


class RestOfPath(StringConverter):
    """Everything up to the end of the path: slashes and, unlike Django's ``path``, line feeds too."""

    regex = r"[\s\S]+"
