"""Error answers that no view gives: unknown routes, crashes, a database that is away, requests HTTP forbids.

Each dialect documents its own error body. A dialect registers a *shape* for its path prefixes; every
other path has OKMQ's, ``{"error": "..."}``. Only the console answers in HTML.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

import msgspec
from django.conf import settings
from django.core import signals
from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.views import defaults

from queues.broker.errors import Unavailable

Shape = Callable[[int, str], object]
"""From HTTP status and message to what is sent: a ``str`` as plain text, anything else as JSON."""

logger = logging.getLogger("okmq.errors")

RETRY_AFTER_SECONDS = "1"

_shapes: dict[str, Shape] = {}
_headers: dict[str, Mapping[str, str]] = {}


def okmq_shape(status: int, message: str) -> object:
    """OKMQ contract, section 2.4."""
    return {"error": message}


def register(
    prefixes: Iterable[str], shape: Shape, headers: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Use ``shape`` for every path that begins with one of ``prefixes``; the longest match decides.
    ``headers``: what all answers of that dialect carry."""
    for prefix in prefixes:
        _shapes[prefix] = shape
        _headers[prefix] = headers


def body(path: str, status: int, message: str) -> tuple[bytes, str]:
    """An error in the shape of ``path``'s dialect, and its content type."""
    told = _shapes.get(_prefix(path), okmq_shape)(status, message)
    if isinstance(told, str):
        return told.encode(), "text/plain; charset=utf-8"
    return msgspec.json.encode(told), "application/json"


def response(path: str, status: int, message: str, headers: Mapping[str, str] | None = None) -> HttpResponse:
    content, content_type = body(path, status, message)
    headers = {**headers_of(path), **(headers or {})}
    return HttpResponse(content, status=status, content_type=content_type, headers=headers)


def headers_of(path: str) -> Mapping[str, str]:
    """What all answers of ``path``'s dialect carry."""
    return _headers.get(_prefix(path), {})


def _prefix(path: str) -> str:
    """The longest registered prefix of ``path``; "" for OKMQ's."""
    return max((prefix for prefix in _shapes if path.startswith(prefix)), key=len, default="")


def is_console(path: str) -> bool:
    """Whether ``path`` belongs to the console (HTML, sessions) and not to an API."""
    return any(path.startswith(prefix) for prefix in settings.CONSOLE_PREFIXES) or path in ("/admin", "/docs")


def for_exception(request: HttpRequest, error: Exception) -> HttpResponse:
    """The answer for an exception that left a view (or the URL resolver)."""
    path = request.path_info
    if isinstance(error, Http404):
        return response(path, 404, "not found")
    if isinstance(error, PermissionDenied):
        return response(path, 403, "forbidden")
    if isinstance(error, UnreadablePostError):
        return response(path, 400, "the request's body could not be read")
    if isinstance(error, (BadRequest, SuspiciousOperation, MultiPartParserError)):
        return response(path, 400, "bad request")
    if isinstance(error, (Unavailable, OperationalError, InterfaceError)):
        logger.warning("%s %s: the database is not available: %s", request.method, path, error)
        message = "the database is not available, try again"
        return response(path, 503, message, {"Retry-After": RETRY_AFTER_SECONDS})
    signals.got_request_exception.send(sender=None, request=request)
    logger.error("%s %s failed", request.method, path, exc_info=error)
    return response(path, 500, "internal server error")


def nowhere(request: HttpRequest) -> HttpResponse:
    """There is nothing at this path, whatever stands around it."""
    raise Http404


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_console(request.path_info):
        return defaults.bad_request(request, exception)
    return response(request.path_info, 400, "bad request")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_console(request.path_info):
        told = _in_console(request, 403, "Not for your role", "Somebody with another role has to do that.")
        return told or defaults.permission_denied(request, exception)
    return response(request.path_info, 403, "forbidden")


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_console(request.path_info):
        reason = exception.args[0] if exception.args and isinstance(exception.args[0], str) else ""
        told = _in_console(request, 404, "Not there (any more)", reason)
        return told or defaults.page_not_found(request, exception)
    return response(request.path_info, 404, "not found")


def _in_console(request: HttpRequest, status: int, title: str, text: str) -> HttpResponse | None:
    """With the console's navigation, for those who may see that."""
    from django.contrib import admin  # both need the apps

    from okmq_site.console import pages

    if not request.path_info.startswith("/admin/") or not admin.site.has_permission(request):
        return None
    return pages.draw(request, "console/refused.html", title, status=status, text=text)


def server_error(request: HttpRequest) -> HttpResponse:
    if is_console(request.path_info):
        return defaults.server_error(request)
    return response(request.path_info, 500, "internal server error")
