"""What a key may do (docs/accounts.md). No part of the contract, whose keys may do everything."""

from __future__ import annotations

import pytest

from . import routes, stream
from .client import MISSING, Queue
from .conftest import NewClient
from .routes import Operation
from .stream import Stream

ACCOUNT = Operation(1, "GET", "/account", 200)
PEEK = Operation(8, "GET", "/queues/{queue}/messages?peek=true", 200)

NEEDS = {
    "read": (
        ACCOUNT, routes.LIST, routes.READ, routes.STATS, PEEK, routes.GET_ONE, stream.LIST, stream.READ,
    ),
    "publish": (routes.ENQUEUE, routes.PUBLISH, stream.PRODUCE),
    "consume": (routes.RECEIVE, routes.ACK, stream.CONSUME, stream.COMMIT),
    "manage": (
        routes.CREATE, routes.PATCH, routes.RESET, routes.DELETE_ONE, routes.CLEAR, routes.DELETE,
        stream.CREATE, stream.PATCH, stream.CLEAR, stream.DELETE,
    ),
}  # fmt: skip


def test_every_operation_is_here() -> None:
    """All 24 of the contract, and peek, which is one of two things its call may be."""
    known = [operation for operations in NEEDS.values() for operation in operations]
    assert len(known) == 25
    assert {operation.number for operation in known} == set(range(1, 25))


@pytest.mark.parametrize("scope", NEEDS)
def test_a_key_opens_what_its_scope_says_and_nothing_else(
    client_of: NewClient, topic: str, scope: str
) -> None:
    owner = client_of()
    key = client_of(owner.email, scopes=[scope])
    queue, log = (
        Queue(owner, "q").create(topics=[topic], max_delivery_attempts=9),
        Stream(owner, "q").create(),
    )
    queue.enqueue("m", "n", "o")
    log.produce("m")
    for needed, operations in NEEDS.items():
        for operation in operations:
            path = operation.at("q", "m", topic)
            answer = key.request(operation.method, path, json=operation.json)
            if needed == scope:
                assert answer.status == operation.success, answer
                if operation is routes.DELETE:
                    Queue(owner, "q").create(topics=[topic])
            else:
                text = answer.expect(403).json()["error"]
                assert needed in text and scope in text


def test_the_scope_is_looked_at_before_the_object_and_the_body(client_of: NewClient) -> None:
    key = client_of(scopes=["read"])
    key.request("POST", "/queues/missing/messages", body=b"{not json").expect(403)
    key.request("DELETE", "/queues/missing").expect(403)
    key.request("POST", "/account", json=MISSING).expect(405)
    key.request("GET", "/nope").expect(404)


def test_scopes_add_up(client_of: NewClient) -> None:
    owner = client_of()
    worker = client_of(owner.email, scopes=["publish", "consume"])
    Queue(owner, "q").create()
    queue = Queue(worker, "q")
    queue.enqueue("m")
    assert [found["id"] for found in queue.receive()] == ["m"]
    queue.ack("m")
    queue.call("GET").expect(403)
    queue.call("GET", "/messages", query={"peek": "true"}).expect(403)
