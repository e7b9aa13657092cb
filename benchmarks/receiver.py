"""A receiver of pushed messages that adds next to nothing to what it measures: it notes when each came."""

from __future__ import annotations

import asyncio
import threading
import time

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Receiver:
    """Listens on a free port of this machine. ``hanging``: it reads and never answers. ``came``: by message
    id the instant (``time.time()``) at which the request was there."""

    def __init__(self, *, hanging: bool = False) -> None:
        self.came: dict[str, float] = {}
        self.requests = 0
        self.hanging = hanging
        self._loop = asyncio.new_event_loop()
        self._listening = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()
        self._listening.wait()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/"

    def wait(self, count: int, seconds: float) -> None:
        """Until that many different messages have come."""
        deadline = time.monotonic() + seconds
        while len(self.came) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(self.came)} of {count} messages came within {seconds} s")
            time.sleep(0.01)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            self._loop.create_server(lambda: _Connection(self), "127.0.0.1", 0, backlog=1000)
        )
        self._port = server.sockets[0].getsockname()[1]
        self._listening.set()
        self._loop.run_forever()


class _Connection(asyncio.Protocol):
    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._unread += data
        while (end := self._unread.find(b"\r\n\r\n")) >= 0:
            head = self._unread[:end].lower()
            length = int(_value(head, b"content-length"))
            if len(self._unread) < end + 4 + length:
                return
            self._unread = self._unread[end + 4 + length :]
            self._receiver.requests += 1
            self._receiver.came.setdefault(_value(head, b"webhook-id").decode(), time.time())
            if not self._receiver.hanging:
                self._transport.write(ANSWER)  # type: ignore[attr-defined]


def _value(head: bytes, name: bytes) -> bytes:
    return head.partition(b"\r\n" + name + b":")[2].partition(b"\r\n")[0].strip()
