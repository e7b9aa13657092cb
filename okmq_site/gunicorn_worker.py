"""gunicorn's threaded worker, with threads for requests only, JSON where gunicorn itself answers a request,
and a prompt stop.

A connection is in one of five places: with a thread, idle (``keepalived_conns``), with a part of a request or
nothing yet (``pending_conns``), with a large body that waits for a thread (``large_conns``), or answered
until the client closes its side (``closing_conns``). All but the first belong to the polling thread.
"""

from __future__ import annotations

import errno
import http
import select
import selectors
import socket
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from time import monotonic
from typing import Any

from django.conf import settings
from gunicorn import util
from gunicorn.workers.gthread import ThreadWorker

from okmq_site import access, errors, request_ids
from okmq_site.connections import MAX_HEAD, Connection, Progress, Waiting

LINGER_MILLISECONDS = 10
"""How long a thread stays with a connection after answering. A client in a loop is back within two or three;
one that thinks for longer costs nothing by going through the polling thread again."""

CLOSING_SECONDS = 2.0
"""How long a client may take to close its side. Closed at once, it could lose the end of its answer."""
CLOSING_BYTES = 65_536
SWEEP_SECONDS = 1.0


class Worker(ThreadWorker):
    """``worker_class`` of ``gunicorn.conf.py``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.keepalived_conns = Waiting()
        self.pending_conns = Waiting()
        self.large_conns = Waiting()
        self.closing_conns = Waiting()
        self.uploads = 0
        self.max_uploads = max(settings.OKMQ_RESERVED_THREADS // 2, 1)
        self._next_sweep = 0.0

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        super().check_config(cfg, log)
        if cfg.is_ssl:
            raise RuntimeError("OKMQ speaks no TLS itself: have a proxy in front of it do that")

    def init_process(self) -> None:
        # gunicorn answers by this function, in HTML, what it refuses: a broken request line, large headers.
        util.write_error = write_error
        super().init_process()

    # ------------------------------------------------------------ in a thread

    def handle(self, conn: Connection) -> Progress | bool:
        """Serve a request, and those that follow soon on the same connection, in one thread. What is to
        become of the connection: True keeps it, False closes it.

        gunicorn hands a connection back to its polling thread after every request, which costs a busy client
        two thread switches, an epoll registration and a future each: a third of all work for a small request.
        """
        while True:
            if not conn.has_place:
                progress = conn.receive()
                if progress is not Progress.WHOLE:
                    return progress
            conn.hand_over()
            result = super().handle(conn)
            if result is not True:
                return False
            conn.end_request()
            if not self._more_to_come(conn):
                return True

    def _more_to_come(self, conn: Connection) -> bool:
        """Whether the client's next request comes within a moment, and nobody else needs this thread."""
        if not self.alive or conn.has_place or self.tpool._work_queue.qsize():
            return False
        if conn.parser.unreader.buf.getvalue():
            return True
        poll = select.poll()
        poll.register(conn.sock, select.POLLIN)
        return bool(poll.poll(LINGER_MILLISECONDS))

    def busy_threads(self) -> int:
        """Threads that have a connection in hand."""
        busy: int = len(self.tpool._threads) - self.tpool._idle_semaphore._value
        return max(busy, 0)

    # ------------------------------------------------------------ in the polling thread

    def accept(self, listener: Any) -> None:
        if self.nr_conns >= self.worker_connections - 1:
            self._close_an_idle_one()
        try:
            sock, address = listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                self._close_an_idle_one()
            elif error.errno not in (errno.EAGAIN, errno.ECONNABORTED):
                raise
            return
        self.nr_conns += 1
        self._await(Connection(self.cfg, sock, address, listener.getsockname()), self.pending_conns)

    def finish_request(self, conn: Connection, future: Future[Progress | bool]) -> None:
        """A thread is done with a connection."""
        result = False if future.cancelled() or future.exception() else future.result()
        self._give_back_place(conn)
        try:
            self._go_on(conn, result)
        except (OSError, ValueError, KeyError):  # its socket is closed already
            self._close(conn)

    def _go_on(self, conn: Connection, result: Progress | bool) -> None:
        if result is True:
            self._keep(conn)
        elif result is Progress.PARTIAL:
            self._go_on_waiting(conn)
        elif result is Progress.LARGE:
            self._find_place(conn)
        elif result is Progress.TOO_LARGE:
            self._refuse(conn, 431, f"request line and headers must be at most {MAX_HEAD} bytes")
        elif result is Progress.GONE:
            self._close(conn)
        else:
            self._close_gently(conn)

    def _go_on_waiting(self, conn: Connection) -> None:
        # Not left to the sweep: one that sends a byte now and then may never be here when that comes.
        conn.set_timeout()
        if conn.timeout <= monotonic():
            self._end_late(conn)
        else:
            self._await(conn, self.pending_conns)

    def _keep(self, conn: Connection) -> None:
        if conn.parser.unreader.buf.getvalue():
            self.enqueue_req(conn)  # what is read already makes no socket readable
            return
        self._await(conn, self.keepalived_conns)

    def _await(self, conn: Connection, place: Waiting) -> None:
        """For a request, or more of it: also when the worker stops, but not for long then."""
        conn.set_timeout()
        if not self.alive:
            conn.timeout = min(conn.timeout, monotonic() + CLOSING_SECONDS)
        self._watch(conn, place, self._readable)

    def _watch(self, conn: Connection, place: Waiting, then: Callable[[Connection, Waiting], None]) -> None:
        place.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, lambda sock: then(conn, place))

    def _readable(self, conn: Connection, place: Waiting) -> None:
        self._unwatch(conn, place)
        self.enqueue_req(conn)

    def _unwatch(self, conn: Connection, place: Waiting) -> None:
        self.poller.unregister(conn.sock)
        place.remove(conn)

    # Large bodies. A place is a thread that may wait for a client.

    def _find_place(self, conn: Connection) -> None:
        if self.uploads < self.max_uploads:
            self.uploads += 1
            conn.has_place = True
            conn.uploaded = partial(self.method_queue.defer, self._give_back_place, conn)
            conn.restart_clock()
            self.enqueue_req(conn)
        else:
            conn.timeout = monotonic() + settings.OKMQ_REQUEST_SECONDS
            self.large_conns.append(conn)

    def _give_back_place(self, conn: Connection) -> None:
        if not conn.has_place:  # its body had come, and then its answer went
            return
        conn.has_place, conn.uploaded = False, None
        self.uploads -= 1
        if self.large_conns:
            self._find_place(self.large_conns.popleft())

    # Ends

    def murder_pending(self) -> None:
        """Once a second, end what has taken too long."""
        now = monotonic()
        if now < self._next_sweep:
            return
        self._next_sweep = now + SWEEP_SECONDS
        for conn in self.pending_conns:
            if conn.timeout <= now:
                self._unwatch(conn, self.pending_conns)
                self._end_late(conn)
        for conn in self.large_conns:
            if conn.timeout <= now:
                self.large_conns.remove(conn)
                self._refuse(conn, 503, "too many large requests are coming in, try again later")
        for conn in self.closing_conns:
            if conn.timeout <= now:
                self._unwatch(conn, self.closing_conns)
                self._close(conn)

    def _end_late(self, conn: Connection) -> None:
        if conn.since:
            self._refuse(conn, 408, "the request did not come in time")
        else:
            self._close(conn)

    def _close_an_idle_one(self) -> None:
        """The one that has been of no use for longest makes room."""
        for place in (self.keepalived_conns, self.closing_conns, self.pending_conns):
            if place:
                conn = place[0]
                self._unwatch(conn, place)
                self._close(conn)
                return

    def _refuse(self, conn: Connection, status: int, message: str) -> None:
        try:
            write_error(conn.sock, status, http.HTTPStatus(status).phrase, message)
        except OSError:
            self._close(conn)
        else:
            self._close_gently(conn)

    def _close_gently(self, conn: Connection) -> None:
        """Say that no more will come, and wait for the client to say the same. gunicorn waits for it in the
        polling thread: one client that does not answer would stop all others for two seconds."""
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._close(conn)
            return
        conn.timeout = monotonic() + CLOSING_SECONDS
        self._watch(conn, self.closing_conns, self._drain)

    def _drain(self, conn: Connection, place: Waiting) -> None:
        try:
            data = conn.sock.recv(CLOSING_BYTES, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        conn.drained += len(data)
        if not data or conn.drained > CLOSING_BYTES:
            self._unwatch(conn, place)
            self._close(conn)

    def _close(self, conn: Connection) -> None:
        self.nr_conns -= 1
        conn.close()

    def _cap_keepalive(self, deadline: float) -> None:
        """Called once when the worker stops. gunicorn bounds the life of idle connections here; those that
        never sent a request would otherwise hold up the stop for the whole graceful timeout."""
        self._close_listeners()
        super()._cap_keepalive(deadline)
        for connection in self.pending_conns:
            connection.timeout = min(connection.timeout, deadline)

    def _close_listeners(self) -> None:
        """Take in who has connected already, and have everybody else find nobody listening, so that clients
        turn to another server at once. gunicorn keeps the sockets open until its last request is answered:
        whoever connected meanwhile would be reset then, with a request that nobody read."""
        for listener in self.sockets:
            waiting = select.poll()
            waiting.register(listener, select.POLLIN)
            for _ in range(self.cfg.backlog):
                if not waiting.poll(0):
                    break
                self.accept(listener)
            listener.close()


def write_error(sock: socket.socket, status: int, reason: str, message: str) -> None:
    """Answer and end a request that never reached a view. Its path is unknown or cannot be trusted, so
    the body has OKMQ's shape."""
    text, content_type = errors.body("", status, message or http.HTTPStatus(status).phrase)
    retry = f"Retry-After: {errors.RETRY_AFTER_SECONDS}\r\n" if status == 503 else ""
    head = (
        f"HTTP/1.1 {status} {reason}\r\n"
        "Connection: close\r\n"
        f"{retry}"
        f"{request_ids.HEADER}: {request_ids.fresh()}\r\n"
        f"Content-Type: {content_type}\r\n"
        f"Content-Length: {len(text)}\r\n\r\n"
    )
    util.write_nonblock(sock, head.encode("latin-1") + text)
    access.refused(_address(sock), status, len(text))


def _address(sock: socket.socket) -> str:
    try:
        name = sock.getpeername()
    except OSError:  # gone already
        return ""
    return str(name[0]) if isinstance(name, tuple) else ""
