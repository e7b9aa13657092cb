"""A receiver of webhooks on this machine, which answers as a test wants it to."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from queues.api.agentuity import ids
from tests.broker.at_once import eventually


@dataclass(frozen=True)
class Request:
    """``headers`` by lower-case name."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def message_id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def public_id(self) -> str:
        """The id in the engine, of a message that came as an object or as its payload alone."""
        return ids.public_id(self.message_id) or self.message_id


@dataclass
class Answer:
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"ok"


Answering = Callable[[Request], Answer | int]


class Receiver:
    """``answering`` decides on each request's answer: a status, or more; it may block. The default is 200."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answering: Answering = lambda request: 200
        self.in_flight = 0
        self.most_in_flight = 0
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/hook"

    @property
    def ids(self) -> list[str]:
        """The messages' ids in the engine, in the order in which the requests came."""
        return [request.public_id for request in self.requests]

    def wait(self, count: int) -> list[Request]:
        """The requests, once there are ``count``."""
        eventually(lambda: len(self.requests) >= count)
        return self.requests

    def wait_until(self, condition: Callable[[], object]) -> None:
        eventually(condition)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _come(self, request: Request) -> None:
        with self._lock:
            self.requests.append(request)
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)

    def _gone(self) -> None:
        with self._lock:
            self.in_flight -= 1

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(self.command, self.path, headers, body)
                receiver._come(request)
                try:
                    found = receiver.answering(request)
                finally:
                    receiver._gone()
                self._write(found if isinstance(found, Answer) else Answer(found))

            def _write(self, answer: Answer) -> None:
                try:
                    self.send_response(answer.status)
                    for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(answer.body)
                except OSError:
                    self.close_connection = True

            do_POST = do_PUT = do_PATCH = answer  # noqa: N815

            def log_message(self, *_: Any) -> None: ...

        return Handler
