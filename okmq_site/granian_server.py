"""granian in the place of gunicorn: ``manage.py serve --server granian``.

It speaks HTTP outside of Python, which leaves more of Python's one lock to everything else. What it does
otherwise than gunicorn stands in docs/operations.md.
"""

from __future__ import annotations

import functools
import multiprocessing
import multiprocessing.util
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_from_bytes

from django.conf import settings
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

from okmq_site import access, env, process
from okmq_site.connections import MAX_HEAD
from queues.api.body import DISCARDS

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

STOP_SECONDS = 30
"""How long requests in flight may take to finish after SIGTERM."""
BACKLOG = 2048
LOOK_SECONDS = 0.02
_OF_A_REQUEST = ("HTTP_", "CONTENT_", "REMOTE_")


def run(host: str, port: int, processes: int, threads: int) -> None:
    """Serve until SIGTERM or Ctrl-C. Raises SystemExit when web processes cannot live."""
    # What the processes share in memory is what they inherit.
    multiprocessing.set_start_method("fork", force=True)
    process.raise_open_files_limit()
    process.begin_server()
    with _hold_address(host, port) as address:
        server = Granian(
            "okmq_site.wsgi:application",
            address=address.getsockname()[0],
            port=address.getsockname()[1],
            interface=Interfaces.WSGI,
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(
                header_read_timeout=settings.OKMQ_REQUEST_SECONDS * 1000, max_buffer_size=MAX_HEAD
            ),
            websockets=False,
            workers=processes,
            blocking_threads=threads,
            backlog=BACKLOG,
            # Of connections, idle ones included; requests beyond ``threads`` wait for one.
            backpressure=process.most_connections(),
            respawn_failed_workers=True,
            workers_kill_timeout=STOP_SECONDS,
            log_level=LogLevels.debug if settings.OKMQ_LOG_LEVEL == "DEBUG" else LogLevels.error,
            log_dictconfig={"loggers": {"_granian": {"propagate": True}}, "handlers": {}, "formatters": {}},
        )
        server.on_startup(functools.partial(_announce, address.getsockname()))
        server.on_shutdown(process.end_server)
        server.serve(target_loader=_load, wrap_loader=False)


def _hold_address(host: str, port: int) -> socket.socket:
    """The address, kept for this server while its processes come and go: each opens a socket of its own."""
    family, kind, proto, _, address = socket.getaddrinfo(host or "0.0.0.0", port, type=socket.SOCK_STREAM)[0]  # noqa: S104
    held = socket.socket(family, kind, proto)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    held.bind(address)
    return held


def _announce(address: tuple[Any, ...]) -> None:
    """Say where the server listens, once it does."""

    def wait() -> None:
        while True:
            try:
                socket.create_connection(address[:2]).close()
            except OSError:
                time.sleep(LOOK_SECONDS)
            else:
                process.announce([address])
                return

    threading.Thread(target=wait, name="okmq-announce", daemon=True).start()


def _load() -> WSGIApplication:
    """What each web process does before its first request."""
    # granian puts all of the environment into each request's, where these would look like its headers.
    env.forget(_OF_A_REQUEST)
    _stop_on_sigterm()
    from okmq_site.wsgi import application

    if settings.OKMQ_METRICS_ENABLED:
        from okmq_site.metrics import shared

        shared.forget_ended()
    process.begin()
    multiprocessing.util.Finalize(None, process.end, exitpriority=0)
    return functools.partial(_serve, application)


def _stop_on_sigterm() -> None:
    """Have waiting receives answer first, then granian stop. It must hear of that once: told twice, as when a
    whole process group gets the signal and then the master sends its own, it may never end. So no thread gets
    signals, and one waits for the first SIGTERM. A Ctrl-C is the master's to decide on."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    masters = signal.getsignal(signal.SIGTERM)

    def wait() -> None:
        signal.sigwait({signal.SIGTERM})
        process.begin_stop()
        while (stop := signal.getsignal(signal.SIGTERM)) is masters:
            time.sleep(LOOK_SECONDS)  # granian has not come to setting its own
        if callable(stop):
            stop(signal.SIGTERM, None)

    threading.Thread(target=wait, name="okmq-stop", daemon=True).start()


def _serve(
    application: WSGIApplication, environ: WSGIEnvironment, start_response: StartResponse
) -> Iterable[bytes]:
    """A request, with what gunicorn tells of it and does after it."""
    began = time.perf_counter()
    path = quote_from_bytes(environ["PATH_INFO"].encode("latin-1"))
    environ["RAW_URI"] = f"{path}?{environ['QUERY_STRING']}"
    environ[DISCARDS] = True
    status = 500

    def start(line: str, headers: list[tuple[str, str]], *error: Any) -> Any:
        nonlocal status
        status = int(line[:3])
        return start_response(line, headers, *error)

    def end(sent: int) -> None:
        access.answered(environ, status, time.perf_counter() - began, sent)

    body = application(environ, start)
    if isinstance(body, tuple):
        end(sum(map(len, body)))
        return list(body)  # the one kind of body that granian sends as a whole
    return _Body(body, end)


class _Body:
    """A console page, or a stream. ``end`` is told how many bytes were taken of it."""

    def __init__(self, body: Iterable[bytes], end: Callable[[int], None]) -> None:
        self._body = body
        self._chunks = iter(body)
        self._end = end
        self._sent = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        chunk = next(self._chunks)
        self._sent += len(chunk)
        return chunk

    def close(self) -> None:
        if hasattr(self._body, "close"):
            self._body.close()
        self._end(self._sent)
