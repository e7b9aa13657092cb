"""HTTP without a server: requests go into the WSGI application as gunicorn puts them, and answers come out.

What depends on sockets (lengths, chunks, clients that hang up) is tested on real servers.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import unquote_to_bytes

PROXIED = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}


@dataclass(frozen=True)
class Answer:
    """``headers`` by their names in lower case."""

    request: str
    status: int
    headers: dict[str, str]
    content: bytes

    def json(self) -> Any:
        assert self.headers.get("content-type", "").split(";")[0] == "application/json", self
        return json.loads(self.content)

    def expect(self, *statuses: int) -> Answer:
        assert self.status in statuses, self
        return self


def call(
    method: str,
    target: str,
    content: bytes = b"",
    headers: Mapping[str, str] | None = None,
    *,
    address: str = "127.0.0.1",
    chunks: int | None = None,
) -> Answer:
    """Send a request to this process. ``target`` is what stands in the request line, percent-encoded. Of an
    answer that goes on for ever, take only the first ``chunks``."""
    from okmq_site.wsgi import application

    begun: list[tuple[str, list[tuple[str, str]]]] = []

    def start(status: str, sent: list[tuple[str, str]], *error: Any) -> Any:
        begun.append((status, sent))

    sent = application(_environ(method, target, content, headers or {}, address), start)
    try:
        body = b"".join(islice(sent, chunks))
    finally:
        if hasattr(sent, "close"):
            sent.close()
    status, told = begun[0]
    return Answer(f"{method} {target}", int(status.split()[0]), {n.lower(): v for n, v in told}, body)


def open_stream(target: str, headers: Mapping[str, str]) -> tuple[dict[str, str], Any]:
    """The headers of an answer that goes on, by their names in lower case, and its chunks, to be closed."""
    from okmq_site.wsgi import application

    begun: list[list[tuple[str, str]]] = []

    def start(status: str, sent: list[tuple[str, str]], *error: Any) -> Any:
        assert status.startswith("200"), status
        begun.append(sent)

    chunks = application(_environ("GET", target, b"", headers, "127.0.0.1"), start)
    return {name.lower(): value for name, value in begun[0]}, chunks


def _environ(
    method: str, target: str, content: bytes, headers: Mapping[str, str], address: str
) -> dict[str, Any]:
    path, _, query = target.partition("?")
    environ = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "RAW_URI": target,
        "REMOTE_ADDR": address,
        "SERVER_NAME": "test",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_LENGTH": str(len(content)),
        "wsgi.input": io.BytesIO(content),
        "wsgi.errors": io.StringIO(),
        "wsgi.url_scheme": "http",
        "wsgi.multithread": True,
    }
    for name, value in headers.items():
        key = PROXIED.get(name.lower()) or "HTTP_" + name.upper().replace("-", "_")
        environ[key] = value
    return environ
