"""What the cross-dialect tests need to know of a dialect. Each has a module here with one class of this kind;
``adapters.py`` lists them. The table of forms is in docs/dialects.md."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from accounts.models import Account
from queues.broker.types import Encoding
from tests import wsgi


class Stored(NamedTuple):
    """A body as the engine keeps it."""

    encoding: Encoding
    body: str


class Sample(NamedTuple):
    """Something a client of the dialect publishes, and what is to be stored of it."""

    sent: Any
    stored: Stored


class JSONText(str):
    """A body that is shown as JSON, as the very text it has there."""

    __slots__ = ()


@dataclass(frozen=True)
class Taken:
    """A message as its receiver has it. ``body``: in the dialect's form; ``handle``: whatever it takes to
    settle it."""

    body: Any
    handle: Any


class Adapter(ABC):
    """One dialect, spoken for an account. Every method asserts that its call succeeded."""

    name: ClassVar[str]
    samples: ClassVar[Mapping[str, Sample]]

    def __init__(self, account: Account, key: str) -> None:
        self.account = account
        self.key = key

    @abstractmethod
    def publish(self, queue: str, sent: Any) -> None:
        """One message; the queue exists."""

    @abstractmethod
    def receive(self, queue: str) -> Taken | None:
        """The next message, or None, without waiting."""

    @abstractmethod
    def ack(self, queue: str, taken: Taken) -> None: ...

    @abstractmethod
    def give_back(self, queue: str, taken: Taken) -> None:
        """The delivery failed: the message is to come again."""

    @abstractmethod
    def form(self, stored: Stored) -> Any:
        """What ``Taken.body`` is to be for a body that is stored so. Said in words in docs/dialects.md."""

    def call(
        self,
        method: str,
        path: str,
        content: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> wsgi.Answer:
        """``content``: bytes as they are, anything else as JSON."""
        body = content if isinstance(content, bytes) else b"" if content is None else dumps(content)
        return wsgi.call(method, path, body, {**self.credentials(), **(headers or {})})

    def credentials(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


def dumps(value: Any) -> bytes:
    return json.dumps(value).encode()
