"""The WSGI application: one door, behind it the console with its middleware and the APIs without.

An API call needs no session, no CSRF token, no messages and no HTML error page, and their middleware costs
60 us a request: half as much again as all else Django does for it. So a path of the console goes through
``settings.MIDDLEWARE``, any other straight to its view.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import TYPE_CHECKING, Any

import django
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from gunicorn.http.errors import ParseException

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "okmq_site.settings")
django.setup(set_prefix=False)

from django.conf import settings  # noqa: E402

from okmq_site import errors  # noqa: E402


class ApiHandler(WSGIHandler):
    """Django's handler with nothing between the server and the view but JSON error answers."""

    def load_middleware(self, is_async: bool = False) -> None:
        self._view_middleware: list[Callable[..., Any]] = []
        self._template_response_middleware: list[Callable[..., Any]] = []
        self._exception_middleware: list[Callable[..., Any]] = []
        self._middleware_chain = self._answer

    def _answer(self, request: HttpRequest) -> HttpResponseBase:
        try:
            response: HttpResponseBase = self._get_response(request)  # type: ignore[attr-defined]
        except Exception as error:
            response = errors.for_exception(request, error)
        # Without a length the answer would go out in chunks. 204 has no body to measure.
        if isinstance(response, HttpResponse) and response.status_code != 204:
            response.headers["Content-Length"] = str(len(response.content))
        return response


console = WSGIHandler()
api = ApiHandler()


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if "HTTP_TRANSFER_ENCODING" in environ:
        try:
            buffer_chunked(environ, settings.OKMQ_MAX_REQUEST_BYTES)
        except ParseException:
            return refuse(path, start_response)
    handler = console if errors.is_console(path) else api
    return handler(environ, start_response)


def buffer_chunked(environ: WSGIEnvironment, limit: int) -> None:
    """Read a body sent in chunks, so that views see a plain one: Django takes a body for empty when it
    has no Content-Length.

    At most ``limit`` bytes and one more are read: one too many is what tells a view to refuse it.
    """
    data = environ["wsgi.input"].read(limit + 1)
    environ["wsgi.input"] = BytesIO(data)
    environ["CONTENT_LENGTH"] = str(len(data))


def refuse(path: str, start_response: StartResponse) -> Iterable[bytes]:
    """Broken chunks: where the next request begins is unknown, so the connection ends here."""
    text = errors.body(path, 400, "the request's body is not valid chunked encoding")
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(text))),
        ("Connection", "close"),
    ]
    start_response("400 Bad Request", headers)
    return [text]
