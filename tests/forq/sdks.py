"""Forq's own client libraries as a server sees them: what they send, and what they take for an answer
(forq.md section 11). Both generations: those of Forq 1 settle with a receipt, older ones with an id."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote, urlsplit

Message = dict[str, Any]


class Failed(Exception):
    """The library throws. ``code``: what it tells its caller."""

    def __init__(self, status: int, code: str | None) -> None:
        super().__init__(status, code)
        self.code = code


class Sdk(ABC):
    agent: Mapping[str, str]
    content_type = "application/json"
    message_fields: frozenset[str] | None = None
    """Those it knows, if any other makes it throw."""
    errors_are_exact = False

    def __init__(self, url: str, secret: str) -> None:
        parts = urlsplit(url)
        self.connection = HTTPConnection(parts.hostname or "", parts.port, timeout=40)
        self.secret = secret

    def produce(self, queue: str, content: str, process_after: int | None = None) -> None:
        body = json.dumps(self.new_message(content, process_after), ensure_ascii=False).encode()
        path = f"/api/v1/queues/{self.escaped(queue)}/messages"
        self._done("POST", path, body, {"Content-Type": self.content_type})

    def consume(self, queue: str) -> Message | None:
        path = f"/api/v1/queues/{self.escaped(queue)}/messages"
        status, body = self._exchange("GET", path, None, {})
        if status == 204:
            return None
        if status != 200:
            raise self._failure(status, body)
        message: Message = json.loads(body)
        if self.message_fields is not None:
            assert message.keys() <= self.message_fields, "UnrecognizedPropertyException"
        return message

    def ack(self, queue: str, message: Message) -> None:
        self._settle("ack", queue, message)

    def nack(self, queue: str, message: Message) -> None:
        self._settle("nack", queue, message)

    def _settle(self, verb: str, queue: str, message: Message) -> None:
        path = f"/api/v1/queues/{self.escaped(queue)}/messages/{self.escaped(message['id'])}/{verb}"
        self._done("POST", path, b"", self.of_delivery(message))

    @abstractmethod
    def new_message(self, content: str, process_after: int | None) -> Message: ...

    @abstractmethod
    def escaped(self, part: str) -> str: ...

    @abstractmethod
    def of_delivery(self, message: Message) -> Mapping[str, str]:
        """The headers by which a settlement says which delivery it means."""

    def _done(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Nothing but a 204 is a success."""
        status, answer = self._exchange(method, path, body, headers)
        if status != 204:
            raise self._failure(status, answer)
        assert answer == b""

    def _failure(self, status: int, body: bytes) -> Failed:
        error = json.loads(body)
        if self.errors_are_exact:
            assert error.keys() == {"code"}, "UnrecognizedPropertyException"
        return Failed(status, error["code"])

    def _exchange(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        """On one connection that is kept."""
        sent = {"Accept": "application/json", "X-API-Key": self.secret, **headers, **self.agent}
        self.connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in sent.items():
            self.connection.putheader(name, value)
        if body is not None:
            self.connection.putheader("Content-Length", str(len(body)))
        self.connection.endheaders(body)
        answer = self.connection.getresponse()
        return answer.status, answer.read()


class Go1(Sdk):
    agent = {"User-Agent": "Go-http-client/1.1", "Accept-Encoding": "gzip"}

    def new_message(self, content: str, process_after: int | None) -> Message:
        return {"content": content} | ({"processAfter": process_after} if process_after else {})

    def escaped(self, part: str) -> str:
        return quote(part, safe="$&+=:@")

    def of_delivery(self, message: Message) -> Mapping[str, str]:
        return {"X-Forq-Receipt": message.get("receipt", "")}


class TypeScript1(Sdk):
    agent = {
        "accept-language": "*",
        "sec-fetch-mode": "cors",
        "user-agent": "node",
        "accept-encoding": "gzip, deflate",
        "connection": "keep-alive",
    }

    def new_message(self, content: str, process_after: int | None) -> Message:
        return {"content": content} | ({} if process_after is None else {"processAfter": process_after})

    def escaped(self, part: str) -> str:
        return quote(part, safe="-_.!~*'()")

    def of_delivery(self, message: Message) -> Mapping[str, str]:
        assert message.get("id") and message.get("receipt"), "it throws before it sends anything"
        return {"X-Forq-Receipt": message["receipt"]}


class Java1(Sdk):
    agent = {
        "Accept-Encoding": "gzip, x-gzip, deflate",
        "Connection": "keep-alive",
        "User-Agent": "Apache-HttpClient/5.5 (Java/21.0.8)",
    }
    content_type = "application/json; charset=UTF-8"
    message_fields = frozenset({"id", "content", "receipt"})
    errors_are_exact = True

    def new_message(self, content: str, process_after: int | None) -> Message:
        return {"content": content} | ({} if process_after is None else {"processAfter": process_after})

    def escaped(self, part: str) -> str:
        return quote(part)

    def of_delivery(self, message: Message) -> Mapping[str, str]:
        assert message["receipt"].strip(), "it throws before it sends anything"
        return {"X-Forq-Receipt": message["receipt"]}


class TypeScript0(TypeScript1):
    def escaped(self, part: str) -> str:
        return part

    def of_delivery(self, message: Message) -> Mapping[str, str]:
        return {}


class Java0(Java1):
    agent = {"Connection": "Keep-Alive", "Accept-Encoding": "gzip", "User-Agent": "okhttp/5.1.0"}
    message_fields = frozenset({"id", "content"})

    def new_message(self, content: str, process_after: int | None) -> Message:
        return {"content": content, "ProcessAfter": process_after}

    def of_delivery(self, message: Message) -> Mapping[str, str]:
        return {}


class Go0(Go1):
    def escaped(self, part: str) -> str:
        return part

    def of_delivery(self, message: Message) -> Mapping[str, str]:
        return {}


OF_FORQ_1: tuple[type[Sdk], ...] = (Go1, TypeScript1, Java1)
OLDER: tuple[type[Sdk], ...] = (Go0, TypeScript0, Java0)
