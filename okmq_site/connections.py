"""Connections that have no thread: what has come of their next request, and how long it may still take.

gunicorn gives a thread to whoever connects, and reads the request in it: a client that sends a byte a
second, or nothing, holds one for as long as it likes, and a few hundred of them hold all. Here a request gets
a thread when it is whole. A large body is too much to gather for everybody: a few threads read those.
"""

from __future__ import annotations

import contextlib
import re
import socket
import struct
from collections import OrderedDict
from collections.abc import Callable, Iterator
from enum import Enum
from math import inf
from time import monotonic
from typing import Any

from django.conf import settings
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import TConn

MAX_HEAD = 65_536
"""Bytes of request line and headers together; gunicorn's bounds for each line are lower."""
GATHERED = 65_536
"""Bytes of a body that are gathered before it needs a thread. Nearly all requests are smaller."""
SLOWEST = 8_192
"""A request may take ``OKMQ_REQUEST_SECONDS`` to come, and a second more for so many bytes that have come."""
SENDING_SECONDS = 30
"""A client that takes nothing of its answer for so long is given up: it holds a thread."""
CHUNK = 16_384

_LINE = 8_192
_FRAMING = re.compile(rb"\r\n(content-length|transfer-encoding|expect):[ \t]*([^\r\n]*)", re.IGNORECASE)
_HEX = re.compile(rb"[0-9a-fA-F]{1,16}")
_END_OF_HEAD = b"\r\n\r\n"


class Progress(Enum):
    """What can be done with a connection now."""

    PARTIAL = "wait for more"
    WHOLE = "answer the request"
    LARGE = "have a thread read the rest of it"
    TOO_LARGE = "refuse it: its head has no end"
    GONE = "close it: the client hung up"


class Connection(TConn):
    """gunicorn's, with a request in the making. ``timeout``: when it is closed if nothing happens to it
    (monotonic seconds). ``has_place``: a thread may wait for the rest of its large body; ``uploaded`` is
    called as soon as that is there, if its end can be known."""

    def __init__(self, cfg: Any, sock: socket.socket, client: Any, server: Any) -> None:
        super().__init__(cfg, sock, client, server)
        self.data_ready = True  # gunicorn would wait for the first byte in a thread
        self.drained = 0
        self.has_place = False
        self.uploaded: Callable[[], None] | None = None
        self._begin()
        with contextlib.suppress(OSError):  # gone already
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", SENDING_SECONDS, 0))

    def _begin(self) -> None:
        self.received = bytearray()
        self.since = 0.0
        self.taken = 0
        self.missing = inf
        self._searched = self._head = 0
        self._length = 0
        self._chunk = -1
        self._expects = False

    def init(self) -> None:
        made = self.initialized
        super().init()
        if not made:
            self.parser.unreader = Unreader(self)

    def set_timeout(self) -> None:
        """An idle connection may stay for the keep-alive time, one with a request for as long as that may
        take to come."""
        if self.since:
            self.timeout = self.since + settings.OKMQ_REQUEST_SECONDS + self.taken / SLOWEST
        else:
            super().set_timeout()

    def restart_clock(self) -> None:
        """It was the server that let the client wait."""
        self.since = monotonic() - self.taken / SLOWEST

    def receive(self) -> Progress:
        """Take what has come of a request, without waiting for more."""
        if self.parser is not None and not self.received:
            self._add(self.parser.unreader.take_buffered())
        while (progress := self._progress()) is Progress.PARTIAL:
            try:
                data = self.sock.recv(CHUNK, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return progress
            except OSError:
                return Progress.GONE
            if not data:
                # What is cut off is told so by whoever reads it.
                return Progress.WHOLE if self.received else Progress.GONE
            self._add(data)
        return progress

    def hand_over(self) -> None:
        """Have gunicorn find what was gathered where it reads requests."""
        self.init()
        self.parser.unreader.buf.write(self.received)
        self.received = bytearray()

    def end_request(self) -> None:
        """The next one begins."""
        self._begin()

    def _add(self, data: bytes) -> None:
        if data and not self.since:
            self.since = monotonic()
        self.received += data
        self.taken += len(data)

    def _progress(self) -> Progress:
        if not self._head:
            found = self.received.find(_END_OF_HEAD, max(0, self._searched - 3))
            if found < 0:
                self._searched = len(self.received)
                return self._without_end()
            self._head = found + len(_END_OF_HEAD)
            self._read_head(bytes(self.received[: found + 2]))
        have = len(self.received) - self._head
        if self._chunk >= 0:
            whole = self._chunks_end()
        else:
            whole = have >= self._length
            self.missing = self._length - have
        if whole:
            return Progress.WHOLE
        # One that expects to be told to go on sends no body before, and gunicorn's thread tells it.
        return Progress.LARGE if have >= GATHERED or self._expects else Progress.PARTIAL

    def _without_end(self) -> Progress:
        """Of a head whose end has not come: some will never have one."""
        received = self.received
        if len(received) > MAX_HEAD:
            return Progress.TOO_LARGE
        broken = received.count(b"\n") != received.count(b"\r\n")
        endless = len(received) > _LINE and received.find(b"\r\n", 0, _LINE + 2) < 0
        return Progress.WHOLE if broken or endless else Progress.PARTIAL

    def _read_head(self, head: bytes) -> None:
        """How long the body is, as far as it takes to know when it is there. gunicorn judges whether it may
        be so: what looks wrong here goes to it at once."""
        for name, value in _FRAMING.findall(head):
            kind = name.lower()
            if kind == b"content-length":
                self._length = int(value[:20]) if value.isdigit() else 0
            elif kind == b"transfer-encoding":
                self._chunk = self._head if value.strip().lower() == b"chunked" else -1
            else:
                self._expects = True

    def _chunks_end(self) -> bool:
        """Whether the last chunk is there, or something that is no chunk."""
        while True:
            line = self.received.find(b"\r\n", self._chunk)
            if line < 0:
                return False
            digits = _HEX.match(self.received, self._chunk, line)
            if digits is None:
                return True
            size = int(digits[0], 16)
            if size == 0:
                return self.received.find(_END_OF_HEAD, line) >= 0
            if len(self.received) < line + size + 4:
                return False
            self._chunk = line + size + 4


class Unreader(SocketUnreader):
    """Reads in its thread what is missing of a request, for no longer than that may take."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection.sock)
        self._connection = connection

    def chunk(self, size_hint: int | None = None) -> bytes:
        connection = self._connection
        connection.set_timeout()
        left = max(connection.timeout - monotonic(), 0.001)
        usual = self.sock.gettimeout()
        self.sock.settimeout(left if usual is None else min(left, usual))
        try:
            data: bytes = super().chunk(size_hint)
        finally:
            self.sock.settimeout(usual)
        connection.taken += len(data)
        connection.missing -= len(data)
        if connection.missing <= 0 and connection.uploaded is not None:
            uploaded, connection.uploaded = connection.uploaded, None
            uploaded()
        return data


class Waiting:
    """Connections in the order in which they came. Any may leave at once: in gunicorn's deque each request of
    a busy client would walk past all idle ones."""

    def __init__(self) -> None:
        self._all: OrderedDict[Connection, None] = OrderedDict()

    def append(self, connection: Connection) -> None:
        self._all[connection] = None

    def remove(self, connection: Connection) -> None:
        del self._all[connection]

    def popleft(self) -> Connection:
        return self._all.popitem(last=False)[0]

    def __getitem__(self, index: int) -> Connection:
        assert index == 0
        return next(iter(self._all))

    def __iter__(self) -> Iterator[Connection]:
        return iter(list(self._all))

    def __len__(self) -> int:
        return len(self._all)
