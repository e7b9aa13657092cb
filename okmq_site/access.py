"""The one log line of each request, and its measurement: written when the answer is sent.

Neither body, key, query string nor path stands in it; the route says what was called, and the names in it
what on. gunicorn calls ``Logger.access`` for every request that reached the application.
"""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from queue import SimpleQueue
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from gunicorn.glogging import Logger as GunicornLogger

from accounts.wrong_keys import client_address
from okmq_site import logs, request_ids

NOTE = "okmq.note"
"""Where in the WSGI environ an answered request's ``Note`` is."""

log = logging.getLogger("okmq.access")

measure: Callable[[str, str, int, float], None] | None = None
"""Told method, route, status and seconds of each request; set while there are metrics."""

NAMES = ("queue", "topic", "stream")
"""Parts of a path that are shown in the log."""
NAME_SHOWN = 256
ADDRESS_SHOWN = 64
NO_ROUTE = "unmatched"

Note = tuple[str, dict[str, Any]]
"""Route and what else is known of a request: account id, names."""

_routes: dict[str, str] = {}
_VARIABLE = re.compile(r"<(?:\w+:)?(\w+)>")


def note(request: HttpRequest) -> Note:
    """What the views' side knows about a request, once it is answered."""
    known: dict[str, Any] = {}
    key = getattr(request, "user", None)
    if key is not None and hasattr(key, "account_id"):
        known["account"] = key.account_id
    match = request.resolver_match
    if match is None:
        return NO_ROUTE, known
    for name in NAMES:
        if name in match.kwargs:
            known[name] = match.kwargs[name][:NAME_SHOWN]
    return _route(match.route), known


def note_of_console(path: str) -> Note:
    """Its pages are many and measured together."""
    return next((prefix for prefix in settings.CONSOLE_PREFIXES if path.startswith(prefix)), "/admin/"), {}


def _route(pattern: str) -> str:
    """``queues/<str:queue>/ack/`` as ``/queues/{queue}/ack``: with and without a slash is one route."""
    route = _routes.get(pattern)
    if route is None:
        route = _routes[pattern] = "/" + _VARIABLE.sub(r"{\1}", pattern.rstrip("/"))
    return route


def record(
    method: str, status: int, seconds: float, told: Note, client: str, received: int | None, sent: int
) -> None:
    """Measure and log one request. ``received`` and ``sent`` are bytes of body, None when unknown."""
    route, known = told
    if measure is not None:
        measure(method, route, status, seconds)
    level = logging.INFO if status < 500 else logging.WARNING
    if not settings.OKMQ_ACCESS_LOG or not log.isEnabledFor(level):
        return
    # Made by hand: logging would look up the caller's file and line for it, at the price of all the rest.
    line = logging.LogRecord(log.name, level, "", 0, "request", None, None)
    line.fields = {
        "method": method,
        "route": route,
        "status": status,
        "ms": round(seconds * 1000, 3),
        "bytes_in": received,
        "bytes_out": sent,
        "client": client,
        **known,
    }
    # What a formatter would look up in this thread, if it wrote the line.
    line.request_id = request_ids.current.get()
    WRITER.put(line)


class Writer:
    """Writes the lines from a thread of its own. A write gives up the GIL, and a request's thread may then
    wait for several others before it goes on: that cost a tenth of the throughput of small requests. A
    process that is killed loses the lines of its last moment."""

    def __init__(self) -> None:
        self._lines: SimpleQueue[logging.LogRecord | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._pid = 0

    def put(self, line: logging.LogRecord) -> None:
        if self._pid != os.getpid():
            self._start()
        self._lines.put(line)

    def close(self) -> None:
        """Write what is left."""
        if self._thread is not None and self._pid == os.getpid():
            self._lines.put(None)
            self._thread.join(5)
            self._pid = 0

    def _start(self) -> None:
        with self._lock:
            if self._pid != os.getpid():
                self._lines = SimpleQueue()
                self._thread = threading.Thread(target=self._write, name="okmq-access-log", daemon=True)
                self._thread.start()
                self._pid = os.getpid()

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            log.handle(line)


WRITER = Writer()


def answered(environ: Mapping[str, Any], status: int, seconds: float, sent: int) -> None:
    """The application answered this thread's request."""
    length = environ.get("CONTENT_LENGTH") or ("" if environ.get("HTTP_TRANSFER_ENCODING") else "0")
    received = int(length) if length.isascii() and length.isdigit() else None
    client = client_address(environ)[:ADDRESS_SHOWN]
    record(environ["REQUEST_METHOD"], status, seconds, environ[NOTE], client, received, sent)
    request_ids.current.set("")


def refused(client: str, status: int, sent: int) -> None:
    """gunicorn answered a request itself: it was not HTTP, or more than the server takes."""
    record("", status, 0.0, (NO_ROUTE, {}), client, None, sent)
    request_ids.current.set("")


class Logger(GunicornLogger):
    """``logger_class`` of ``gunicorn.conf.py``: its lines look like all others."""

    access_log_enabled = True

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.filters[:] = [logs.GunicornFilter()]
        self.error_log.propagate = True

    def access(self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> None:
        if NOTE in environ:  # else it never reached the application: see ``refused``
            answered(environ, resp.status_code, request_time.total_seconds(), resp.sent)
