"""B. The account: its quotas and what it uses."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import pytest

from .client import Client, Queue
from .conftest import NewQueue, NewStream
from .stream import Stream

QUOTAS = ("max_channels", "max_mb", "max_messages", "max_concurrency")
FIGURES = ("max_bytes_used", "total_bytes", "total_messages")
NAMES = ("queues", "streams")


def account(client: Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/account").expect(200).json()
    return found


@pytest.mark.contract("B14")
@pytest.mark.parametrize("path", ["/account", "/account/"])
def test_an_account_shows_all_its_fields(mq: Client, q: Queue, s: Stream, path: str) -> None:
    """B 14: all 12 fields with their types, quotas > 0, `max_bytes_used` ≥ `total_bytes`."""
    q.enqueue("m")
    s.produce("n")
    found = mq.get(path).expect(200).json()
    assert set(found) == {"id", "email", "created", *QUOTAS, *FIGURES, *NAMES}
    assert str(UUID(found["id"])) == found["id"]
    assert re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", found["email"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", found["created"])
    assert all(type(found[name]) is int and 0 < found[name] < 2**31 for name in QUOTAS)
    assert all(type(found[name]) is int and found[name] >= 0 for name in FIGURES)
    assert found["max_bytes_used"] >= found["total_bytes"] > 0
    assert (found["queues"], found["streams"]) == ([q.name], [s.name])


@pytest.mark.contract("A4")
@pytest.mark.parametrize("form", ["{}", "Bearer {}", "bearer {}"])
def test_an_account_is_shown_for_every_form_of_the_key(mq: Client, form: str) -> None:
    """A 4: GET /account with `<key>`, `Bearer <key>`, `bearer <key>` → 200."""
    mq.request("GET", "/account", headers={"Authorization": form.format(mq.key)}).expect(200)


@pytest.mark.contract("A1", "A2")
def test_no_account_without_a_key(mq: Client) -> None:
    """A 1, A 2: without or with a wrong key → 401 E."""
    for header in (None, "wrong", "Bearer wrong"):
        mq.request("GET", "/account", headers={"Authorization": header}).expect(401)


@pytest.mark.contract("A7")
def test_an_account_can_only_be_read(mq: Client) -> None:
    """A 7: POST /account and other verbs → 405 E."""
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        for path in ("/account", "/account/"):
            assert mq.request(method, path, body=b"{}").expect(405).headers["Allow"] == "GET"


@pytest.mark.contract("B15")
def test_names_come_and_go(mq: Client, new_queue: NewQueue, new_stream: NewStream) -> None:
    """B 15: new q and s appear in the right list, in order of creation, and vanish on delete."""
    queues, streams = [new_queue() for _ in range(3)], [new_stream() for _ in range(2)]
    found = account(mq)
    assert found["queues"] == [queue.name for queue in queues]
    assert found["streams"] == [stream.name for stream in streams]
    queues.pop(1).delete()
    streams.pop(0).delete()
    found = account(mq)
    assert found["queues"] == [queue.name for queue in queues]
    assert found["streams"] == [stream.name for stream in streams]


@pytest.mark.contract("B16")
def test_figures_follow_the_messages(mq: Client, q: Queue, s: Stream) -> None:
    """B 16: 3 + 2 messages of 1,000 bytes → +5, +5,000; after purging q −3; the peak does not fall."""
    body = "x" * 1000
    q.enqueue(*({"id": str(n), "body": body} for n in range(3)))
    s.produce(*({"id": str(n), "body": body} for n in range(2)))
    full = account(mq)
    assert (full["total_messages"], full["total_bytes"], full["max_bytes_used"]) == (5, 5000, 5000)
    q.call("DELETE", "/messages").expect(204)
    found = account(mq)
    assert (found["total_messages"], found["total_bytes"], found["max_bytes_used"]) == (2, 2000, 5000)
    q.enqueue("m", "m")
    q.enqueue("m")
    found = account(mq)
    assert (found["total_messages"], found["total_bytes"], found["max_bytes_used"]) == (3, 2001, 5000)


@pytest.mark.contract("B16")
def test_everything_that_removes_messages_is_counted(mq: Client, new_queue: NewQueue, s: Stream) -> None:
    """B 16: messages acked, auto-deleted, committed away or gone with their queue or stream count no more;
    acked and failed ones that stay do."""
    plain, deleting, auto = (
        new_queue(),
        new_queue(auto_delete=True),
        new_queue(auto_ack=True, auto_delete=True),
    )
    for queue in (plain, deleting, auto):
        queue.enqueue("a", "b", "c")
        queue.receive()
    assert account(mq)["total_messages"] == 6
    plain.ack("a")
    plain.ack("b", delete=True)
    plain.nack("c")
    deleting.ack("a", "b")
    assert account(mq)["total_messages"] == 3
    s.patch(auto_delete=True)
    s.produce("a", "b", "c")
    s.commit(2)
    assert account(mq)["total_messages"] == 4
    plain.delete()
    s.delete()
    assert (account(mq)["total_messages"], account(mq)["total_bytes"]) == (1, 1)
    deleting.call("DELETE", "/messages/c").expect(204)
    assert (account(mq)["total_messages"], account(mq)["total_bytes"]) == (0, 0)


def test_a_topics_copies_count_each(mq: Client, new_queue: NewQueue, topic: str) -> None:
    for _ in range(3):
        new_queue(topics=[topic])
    mq.post(f"/topics/{topic}/messages", [{"id": "m", "body": "four"}]).expect(204)
    assert (account(mq)["total_messages"], account(mq)["total_bytes"]) == (3, 12)


def test_a_dead_letter_moves_within_the_figures(mq: Client, q: Queue) -> None:
    q.enqueue("m")
    q.receive()
    q.nack("m")
    assert (account(mq)["total_messages"], account(mq)["max_bytes_used"]) == (1, 1)
