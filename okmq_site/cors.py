"""Letting pages of other origins call the APIs (WHATWG Fetch, CORS protocol). Off unless the operator names
an origin: ``OKMQ_CORS_ORIGIN``. Keys are sent by the page itself, never by the browser, so no credentials
are allowed and any origin may be named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings

METHODS = "GET, POST, PUT, PATCH, DELETE"
PREFLIGHT_SECONDS = "600"
EXPOSED = "X-Request-ID, Retry-After, Location"


def headers() -> list[tuple[str, str]]:
    """What every API answer has on top."""
    found = [("Access-Control-Allow-Origin", settings.OKMQ_CORS_ORIGIN)]
    if settings.OKMQ_CORS_ORIGIN != "*":
        found.append(("Vary", "Origin"))
    return [*found, ("Access-Control-Expose-Headers", EXPOSED)]


def is_preflight(environ: Mapping[str, Any]) -> bool:
    return environ["REQUEST_METHOD"] == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ


def preflight(environ: Mapping[str, Any], start_response: Any) -> Iterable[bytes]:
    """The answer to a browser that asks whether it may: whatever headers it wants to send."""
    wanted = environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "")
    answer = [("Access-Control-Allow-Methods", METHODS), ("Access-Control-Max-Age", PREFLIGHT_SECONDS)]
    if wanted and wanted.isascii() and wanted.isprintable():
        answer.append(("Access-Control-Allow-Headers", wanted))
    start_response("204 No Content", answer)
    return ()
