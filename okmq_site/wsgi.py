"""The WSGI application: one door, behind it the console with its middleware and the APIs without.

An API call needs no session, no CSRF token, no messages and no HTML error page, and their middleware costs
60 us a request: half as much again as all else Django does for it. So a path of the console goes through
``settings.MIDDLEWARE``, any other straight to its view.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "okmq_site.settings")
django.setup(set_prefix=False)

from django.db import DEFAULT_DB_ALIAS, connections  # noqa: E402

from okmq_site import access, cors, errors, request_ids  # noqa: E402


class ApiHandler(WSGIHandler):
    """Django's handler with nothing between the server and the view but JSON error answers."""

    def load_middleware(self, is_async: bool = False) -> None:
        self._view_middleware: list[Callable[..., Any]] = []
        self._template_response_middleware: list[Callable[..., Any]] = []
        self._exception_middleware: list[Callable[..., Any]] = []
        self._middleware_chain = self._answer

    def __call__(  # type: ignore[override]
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Without Django's request signals, which cost as much as routing does: all that listens to them
        here is the care for database connections, and what a view borrowed it has mostly given back long
        since, because it may wait for half a minute afterwards."""
        request = self._request(environ)
        try:
            response = self._answer(request)
        finally:
            connections[DEFAULT_DB_ALIAS].close_if_unusable_or_obsolete()
            environ[access.NOTE] = access.note(request)
        start_response(f"{response.status_code} {response.reason_phrase}", list(response.items()))
        return response if response.streaming else (response.content,)  # type: ignore[attr-defined]

    def _request(self, environ: WSGIEnvironment) -> HttpRequest:
        """Django reads the parameters of Content-Type at once, and raises for some that nobody here needs."""
        try:
            return self.request_class(environ)
        except Exception:
            environ["CONTENT_TYPE"] = environ.get("CONTENT_TYPE", "").partition(";")[0]
            return self.request_class(environ)

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


def _serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    request_id = request_ids.take(environ)

    def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
        headers.append((request_ids.HEADER, request_id))
        return start_response(status, headers, *error)

    path = environ["PATH_INFO"]
    if errors.is_console(path):
        environ[access.NOTE] = access.note_of_console(path)
        return console(environ, start)
    if settings.OKMQ_CORS_ORIGIN:
        return _serve_across_origins(environ, start)
    return api(environ, start)


def _serve_across_origins(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
        return start_response(status, headers + cors.headers(), *error)

    return cors.preflight(environ, start) if cors.is_preflight(environ) else api(environ, start)


def _counting() -> WSGIApplication:
    """``_serve``, with the requests in flight counted."""
    from okmq_site.metrics.sampler import IN_FLIGHT

    def counted(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        IN_FLIGHT.begin()
        try:
            return _serve(environ, start_response)
        finally:
            IN_FLIGHT.end()

    return counted


application = _counting() if settings.OKMQ_METRICS_ENABLED else _serve
