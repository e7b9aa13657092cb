"""A plain HTTP client that hides nothing: raw paths, bodies, headers go in; status, headers, bytes come out.

Every answer is held against the rules that hold for all calls (contract §2.4) before a test sees it, so no
test can overlook an HTML page, a 5xx, a redirect or a 204 with a body.
"""

import select
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPMessage
from json import dumps, loads
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

TIMEOUT = 60.0
MISSING: Any = object()
Query = Mapping[str, object] | str | None
Headers = Mapping[str, str | bytes | None]


@dataclass(frozen=True)
class Answer:
    """One HTTP answer and the request it belongs to."""

    request: str
    status: int
    headers: HTTPMessage
    content: bytes

    def json(self) -> Any:
        return loads(self.content)

    def expect(self, *statuses: int) -> "Answer":
        assert self.status in statuses, f"{self} instead of {' or '.join(map(str, statuses))}"
        return self

    def __str__(self) -> str:
        return f"{self.request[:300]} answered {self.status} {self.content[:300]!r}"

    def check_shape(self) -> None:
        """Holds the answer against contract §2.4 and §1: known status, JSON errors, empty 201 and 204."""
        # 403 is no part of the contract: a key without the scope (docs/accounts.md).
        assert self.status in {200, 201, 204, 400, 401, 403, 404, 405, 409, 413, 429}, str(self)
        content_type = self.headers.get("Content-Type")
        if self.status in {201, 204}:
            assert self.content == b"", str(self)
            assert self.status == 201 or content_type is None, f"{self} with {content_type}"
            return
        assert content_type is not None, f"{self} without a content type"
        assert content_type.split(";")[0].strip() == "application/json", f"{self} as {content_type}"
        if self.status != 200:
            self._check_error()

    def _check_error(self) -> None:
        error = self.json()
        assert isinstance(error, dict) and list(error) == ["error"], str(self)
        assert isinstance(error["error"], str) and error["error"].strip(), str(self)
        if self.status == 401:
            assert self.headers.get("WWW-Authenticate", "").startswith("Bearer"), f"{self}: no challenge"
        if self.status == 405:
            assert self.headers.get("Allow"), f"{self}: no Allow header"


class Pending:
    """A request that was sent on a connection of its own; its answer is read later, as a parked poll's is."""

    def __init__(self, connection: HTTPConnection, request: str) -> None:
        self._connection = connection
        self._request = request

    def fileno(self) -> int:
        return self._connection.sock.fileno()

    def is_answered(self, within: float = 0.0) -> bool:
        return bool(first_answered([self], within))

    def answer(self, within: float = TIMEOUT) -> Answer:
        assert self.is_answered(within), f"{self._request} has no answer after {within} s"
        answer = read_answer(self._connection, self._request)
        self._connection.close()
        return answer


def first_answered(polls: Sequence[Pending], within: float = TIMEOUT) -> list[Pending]:
    """Those of the polls that have an answer, as soon as there is at least one; empty when time is up."""
    return list(select.select(polls, [], [], within)[0])


def read_answer(connection: HTTPConnection, request: str) -> Answer:
    response = connection.getresponse()
    answer = Answer(request, response.status, response.headers, response.read())
    answer.check_shape()
    return answer


class Client:
    """Speaks for one key. Every thread has a keep-alive connection of its own."""

    def __init__(self, url: str, key: str) -> None:
        parts = urlsplit(url)
        self.host, self.port, self.key = parts.hostname or "", parts.port or 80, key
        self.email = ""
        """Of its account, if a test asked for it."""
        self._of_thread = threading.local()
        self._connections: list[HTTPConnection] = []

    def connect(self) -> HTTPConnection:
        """A new connection, which is closed with this client at the latest."""
        self._connections.append(HTTPConnection(self.host, self.port, timeout=TIMEOUT))
        return self._connections[-1]

    def close(self) -> None:
        for connection in self._connections:
            connection.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Query = None,
        json: Any = MISSING,
        body: bytes | None = None,
        headers: Headers | None = None,
    ) -> Answer:
        """Sends one request and reads its answer; a header that is None is not sent.

        An `Authorization` among the headers replaces the client's own.
        """
        target = path + _query_text(query)
        content = body if json is MISSING else dumps(json).encode()
        return self._exchange(method, target, content, self._headers(headers))

    def open_poll(self, path: str, query: Query = None) -> Pending:
        """Sends a GET on a new connection and returns without waiting for its answer."""
        target = path + _query_text(query)
        connection = self.connect()
        write_request(connection, "GET", target, None, self._headers(None))
        return Pending(connection, f"GET {target}")

    def get(self, path: str, **query: object) -> Answer:
        return self.request("GET", path, query=query)

    def post(self, path: str, json: Any = MISSING, **query: object) -> Answer:
        return self.request("POST", path, json=json, query=query)

    def _headers(self, extra: Headers | None) -> Headers:
        return {"Authorization": f"Bearer {self.key}"} | dict(extra or {})

    def _exchange(self, method: str, target: str, body: bytes | None, headers: Headers) -> Answer:
        connection, is_new = self._kept_connection()
        try:
            write_request(connection, method, target, body, headers)
            return read_answer(connection, f"{method} {target}")
        except (HTTPException, OSError):
            connection.close()
            if is_new:
                raise
        # The server may close an idle connection in the instant it is used again: that one case is repeated.
        return self._exchange(method, target, body, headers)

    def _kept_connection(self) -> tuple[HTTPConnection, bool]:
        connection: HTTPConnection | None = getattr(self._of_thread, "connection", None)
        if connection is None:
            connection = self._of_thread.connection = self.connect()
        sock = connection.sock
        if sock is not None and select.select([sock], [], [], 0)[0]:
            connection.close()  # Readable while idle means closed by the server.
        return connection, connection.sock is None


def write_request(
    connection: HTTPConnection,
    method: str,
    target: str,
    body: bytes | None,
    headers: Headers,
) -> None:
    connection.putrequest(method, target, skip_accept_encoding=True)
    names = {name.lower() for name in headers}
    if body is not None and "content-type" not in names:
        connection.putheader("Content-Type", "application/json")
    if body is not None or method in {"POST", "PUT", "PATCH"}:
        connection.putheader("Content-Length", str(len(body or b"")))
    for name, value in headers.items():
        if value is not None:
            connection.putheader(name, value)
    connection.endheaders(body)


def segment(name: str) -> str:
    """A name as one percent-encoded part of a path."""
    return quote(name, safe="")


def _query_text(query: Query) -> str:
    if not query:
        return ""
    return "?" + (query if isinstance(query, str) else urlencode(query, quote_via=quote))


Item = str | Mapping[str, Any]


def message(item: Item) -> Mapping[str, Any]:
    """An item as enqueue takes it; a bare string is an id and its own body."""
    return {"id": item, "body": item} if isinstance(item, str) else item


class Queue:
    """One queue as its owner sees it; each call asserts that it succeeded. `call` asserts nothing."""

    def __init__(self, client: Client, name: str) -> None:
        self.client, self.name = client, name
        self.path = "/queues/" + segment(name)

    def call(self, method: str, rest: str = "", **request: Any) -> Answer:
        return self.client.request(method, self.path + rest, **request)

    def create(self, **settings: Any) -> "Queue":
        self.client.post("/queues", {"name": self.name} | settings).expect(201)
        return self

    def settings(self) -> dict[str, Any]:
        return dict(self.call("GET").expect(200).json())

    def patch(self, **settings: Any) -> None:
        self.call("PATCH", json=settings).expect(204)

    def delete(self) -> None:
        self.call("DELETE").expect(204)

    def send(self, *items: Item) -> Answer:
        return self.call("POST", "/messages", json=[message(item) for item in items])

    def enqueue(self, *items: Item) -> None:
        self.send(*items).expect(204)

    def receive(self, **query: object) -> list[dict[str, Any]]:
        return _checked(self.call("GET", "/messages", query=query).expect(200).json())

    def poll(self, **query: object) -> Pending:
        return self.client.open_poll(self.path + "/messages", query)

    def peek(self, **query: object) -> list[dict[str, Any]]:
        return self.receive(**({"peek": "true", "limit": 100} | query))

    def get(self, id: str) -> dict[str, Any]:
        found = self.call("GET", message_path(id)).expect(200).json()
        assert found["id"] == id
        return _checked([found])[0]

    def settle(self, *items: Mapping[str, Any]) -> None:
        self.call("POST", "/ack", json=items).expect(204)

    def ack(self, *ids: str, **fields: Any) -> None:
        self.settle(*({"id": id, "ack": True} | fields for id in ids))

    def nack(self, *ids: str, **fields: Any) -> None:
        self.settle(*({"id": id, "ack": False} | fields for id in ids))

    def stats(self, **query: object) -> dict[str, int]:
        found = self.call("GET", "/stats", query=query).expect(200).json()
        return {name: found[name] for name in counts()}

    def ids(self, **query: object) -> list[str]:
        return ids_of(self.peek(**query))


def message_path(id: str) -> str:
    """The path of one message below its queue; one slash more keeps an id's own last slash."""
    return "/messages/" + segment(id) + ("/" if id.endswith("/") else "")


def counts(**states: int) -> dict[str, int]:
    """What stats must show: the given states, zero for the others, and their sum."""
    zeros = dict.fromkeys(("pending", "processing", "acked", "failed", "scheduled"), 0)
    assert states.keys() <= zeros.keys()
    return zeros | states | {"total": sum(states.values())}


def ids_of(messages: Iterable[Mapping[str, Any]]) -> list[str]:
    return [found["id"] for found in messages]


def _checked(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Contract §2.4: what has no value is left out, never null."""
    for found in messages:
        for name in ("acked", "locked_until", "tag", "ttl", "delivery_time"):
            assert found.get(name, "") is not None, f"{name} is null in {found}"
    return messages
