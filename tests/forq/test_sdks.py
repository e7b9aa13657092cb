"""Forq's client libraries against a real server: what each does in its README (``sdks.py``)."""

from __future__ import annotations

from functools import partial
from uuid import uuid4

import pytest

from tests.broker.at_once import at_once
from tests.server import Server, ServerFactory

from .client import now_ms
from .sdks import OF_FORQ_1, OLDER, Failed, Sdk

CONTENT = "I am going on an <adventure>! é 😀"


def failure_of(sdk: Sdk, call: str, queue: str, given: object) -> str | None:
    with pytest.raises(Failed) as failed:
        getattr(sdk, call)(queue, given)
    return failed.value.code


def use_forq_1(server: Server, key: str, kind: type[Sdk]) -> None:
    sdk, queue = kind(server.url, key), f"q.{uuid4().hex[:12]}"
    sdk.produce(queue, CONTENT)
    message = sdk.consume(queue)
    assert message is not None
    assert message["content"] == CONTENT
    sdk.nack(queue, message)
    again = sdk.consume(queue)
    assert again is not None
    assert again["id"] == message["id"]
    assert failure_of(sdk, "ack", queue, message) == "not_found.message"
    sdk.ack(queue, again)
    assert failure_of(sdk, "ack", queue, again) == "not_found.message"
    assert sdk.consume(queue) is None
    assert failure_of(sdk, "produce", f"{queue}-dlq", CONTENT) == "bad_request.queue.produce_to_dlq"
    sdk.connection.close()


def use_older(server: Server, key: str, kind: type[Sdk]) -> None:
    sdk, queue = kind(server.url, key), f"q.{uuid4().hex[:12]}"
    sdk.produce(queue, "later", now_ms() + 1000)
    sdk.produce(queue, CONTENT)
    message = sdk.consume(queue)
    assert message is not None
    assert message["content"] == CONTENT
    sdk.ack(queue, message)
    sdk.ack(queue, message)
    delayed = sdk.consume(queue)
    assert delayed is not None
    assert delayed["content"] == "later"
    sdk.nack(queue, delayed)
    assert failure_of(sdk, "nack", queue, delayed) == "not_found.message"
    sdk.connection.close()


@pytest.mark.contract("53")
def test_libraries_of_forq_1(server: Server) -> None:
    _, key = server.create_key()
    at_once([partial(use_forq_1, server, key, kind) for kind in OF_FORQ_1])


@pytest.mark.contract("54")
def test_older_libraries_where_the_operator_has_them(make_server: ServerFactory) -> None:
    server = make_server(OKMQ_FORQ_V0="true")
    _, key = server.create_key()
    at_once([partial(use_older, server, key, kind) for kind in OLDER])


@pytest.mark.contract("54")
def test_older_libraries_beside_those_of_forq_1(server: Server) -> None:
    """With nothing set up for them."""
    _, key = server.create_key()
    at_once([partial(use_older, server, key, kind) for kind in OLDER])
