"""The server under test comes from tests/conftest.py; here are its clients, and queues with fresh names."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any
from uuid import uuid4

import pytest

from tests.server import Server

from .client import Client, Queue
from .stream import Stream

NewClient = Callable[..., Client]
NewQueue = Callable[..., Queue]
NewStream = Callable[..., Stream]


@pytest.fixture
def mq(server: Server) -> Iterator[Client]:
    """The owner: the key of a fresh account."""
    with closing(Client(server.url, server.create_key()[1])) as client:
        yield client


@pytest.fixture
def client_of(server: Server) -> Iterator[NewClient]:
    """Makes clients: ``client_of(scopes=["read"], max_messages=10)``, by default of a fresh account."""
    with ExitStack() as made:

        def make(email: str | None = None, on: Server = server, **wanted: Any) -> Client:
            account, key = on.create_key(email, **wanted)
            client = made.enter_context(closing(Client(on.url, key)))
            client.email = account.email
            return client

        yield make


@pytest.fixture
def stranger(server: Server) -> Iterator[Client]:
    """The key of a second account on the same server."""
    with closing(Client(server.url, server.create_key()[1])) as client:
        yield client


@pytest.fixture
def name() -> str:
    """A name that no queue has."""
    return f"n-{uuid4().hex}"


@pytest.fixture
def topic() -> str:
    """A topic that no queue has subscribed to."""
    return f"t-{uuid4().hex}"


@pytest.fixture
def new_queue(mq: Client) -> NewQueue:
    """Makes queues with the given settings."""
    return lambda **settings: Queue(mq, f"q-{uuid4().hex}").create(**settings)


@pytest.fixture
def q(new_queue: NewQueue) -> Queue:
    """A fresh queue with the default settings."""
    return new_queue()


@pytest.fixture
def new_stream(mq: Client) -> NewStream:
    """Makes streams with the given settings."""
    return lambda **settings: Stream(mq, f"s-{uuid4().hex}").create(**settings)


@pytest.fixture
def s(new_stream: NewStream) -> Stream:
    """A fresh stream with the default settings."""
    return new_stream()
