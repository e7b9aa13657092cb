"""Destinations and deliveries (section 11, 54 to 60)."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest

from tests.broker.at_once import eventually
from tests.push.conftest import Running, new_pusher, pusher, receiver  # noqa: F401
from tests.push.receiver import Receiver
from tests.push.test_egress import MALFORMED, PRIVATE_HOSTS
from tests.wsgi import Answer

from .client import Client, Queue, check_object, data
from .conftest import NewQueue

URL = "https://example.com/webhook"
FAST = {"max_attempts": 2, "initial_backoff_ms": 100, "max_backoff_ms": 100}


def try_create(q: Queue, url: str = URL, **fields: Any) -> Answer:
    sent = {"name": "my-webhook", "destination_type": "http", "config": {"url": url}, **fields}
    return q.call("POST", "destinations/create", content=sent)


def create(q: Queue, url: str = URL, **fields: Any) -> dict[str, Any]:
    made: dict[str, Any] = data(try_create(q, url, **fields))["destination"]
    check_object("destination", made)
    return made


def listed(q: Queue) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = data(q.call("GET", "destinations/list"))["destinations"]
    return found


def update(q: Queue, made: dict[str, Any], **fields: Any) -> dict[str, Any]:
    found: dict[str, Any] = data(q.call("PATCH", "destinations/update", made["id"], content=fields))[
        "destination"
    ]
    return found


def deliveries(q: Queue, made: dict[str, Any], **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = data(q.call("GET", "destinations/deliveries", made["id"], **query))[
        "deliveries"
    ]
    for one in found:
        check_object("delivery", one)
    return found


@pytest.mark.contract("54")
def test_a_destination_is_made(q: Queue) -> None:
    made = create(q)
    assert made["id"].startswith("qdest_") and made["id"][6:].isalnum()
    assert (made["enabled"], made["queue_id"], made["config"]["url"]) == (True, q.get()["id"], URL)
    assert made["config"]["method"] == "POST" and made["config"]["timeout_ms"] == 30000
    assert made["stats"]["total_deliveries"] == 0
    assert create(q, URL + "2", enabled=False)["enabled"] is False
    assert listed(q)[0]["id"] == made["id"]


@pytest.mark.contract("55")
def test_a_target_is_taken_once_in_a_queue(q: Queue, new_queue: NewQueue) -> None:
    create(q)
    answer = try_create(q).expect(409)
    assert "already exists" in answer.json()["message"]
    create(new_queue())


@pytest.mark.contract("55")
@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": None},
        {"destination_type": "pigeon"},
        {"config": {}},
        {"config": []},
        {"config": {"url": "ftp://x"}},
        {"config": {"url": URL, "method": "GET"}},
        {"config": {"url": URL, "timeout_ms": 10}},
        {"config": {"url": URL, "headers": {"a": 1}}},
        {"config": {"url": URL, "retry_policy": {"max_attempts": 0}}},
        {"config": {"url": "http://127.0.0.1/"}},
        {"destination_type": "queue", "config": {"queue_id": "queue_0000000000000000000000"}},
        {"destination_type": "queue", "config": {"queue_id": "queue_ffffffffffffffffffffff"}},
        {"description": "d" * 1025},
        {"config": {"url": URL, "timeout_ms": 10**30}},
        {"enabled": "yes"},
    ],
)
def test_what_no_destination_can_be_made_from(ag: Client, q: Queue, fields: dict[str, Any]) -> None:
    try_create(q, **fields).expect(400)
    assert listed(q) == []
    try_create(Queue(ag, "none"), **fields).expect(404)


@pytest.mark.contract("55")
def test_no_form_of_a_private_address_is_taken(q: Queue) -> None:
    """Neither for a new destination, nor for one that was made with a public one."""
    made = create(q)
    for url in [*(f"http://{host}/" for host in PRIVATE_HOSTS), *MALFORMED]:
        try_create(q, config={"url": url}).expect(400)
        q.call("PATCH", "destinations/update", made["id"], content={"config": {"url": url}}).expect(400)
    assert listed(q) == [made]


@pytest.mark.contract("56")
def test_a_destination_is_changed_in_part(q: Queue) -> None:
    made = create(q, config={"url": URL, "headers": {"X-A": "1"}})
    off = update(q, made, enabled=False)
    assert off == made | {"enabled": False, "updated_at": off["updated_at"]}
    slow = update(q, made, config={"timeout_ms": 20000})
    assert slow["config"] == made["config"] | {"timeout_ms": 20000}
    assert update(q, made, timeout_seconds=20)["config"] == slow["config"]
    assert update(q, made, description="d")["description"] == "d"
    assert update(q, made, description=None, name="other") == listed(q)[0] | {
        "description": None,
        "name": "other",
    }
    q.call("PATCH", "destinations/update", made["id"], content={"config": {"method": "GET"}}).expect(400)
    q.call("PATCH", "destinations/update", "qdest_none", content={"enabled": True}).expect(404)
    q.call("PATCH", "destinations/update", made["id"], content=b"{").expect(400)
    for wrong in ({"name": "n" * 257}, {"description": "\0"}, {"config": {"url": "ftp://x"}}):
        q.call("PATCH", "destinations/update", made["id"], content=wrong).expect(400)
        Queue(q.client, "none").call("PATCH", "destinations/update", made["id"], content=wrong).expect(404)


@pytest.mark.contract("57")
def test_a_deleted_destination_is_gone(q: Queue) -> None:
    made = create(q)
    assert q.call("DELETE", "destinations/delete", made["id"]).expect(200).json() == {"success": True}
    assert listed(q) == []
    q.call("DELETE", "destinations/delete", made["id"]).expect(404)
    q.call("GET", "destinations/deliveries", made["id"]).expect(404)


@pytest.mark.contract("58")
def test_a_message_is_sent(q: Queue, receiver: Receiver, pusher: Running) -> None:  # noqa: F811
    made = create(q, receiver.url, config={"url": receiver.url, "headers": {"X-Mine": "yes"}})
    published = q.publish({"a": 1}, metadata={"p": "high"})
    (request,) = receiver.wait(1)
    assert request.method == "POST" and request.headers["content-type"] == "application/json"
    assert request.headers["x-mine"] == "yes"
    sent = json.loads(request.body)
    assert sent == sent | {"id": published["id"], "queue_id": published["queue_id"], "payload": {"a": 1}}
    assert request.headers["x-agentuity-message-id"] == published["id"]
    eventually(lambda: deliveries(q, made))
    (log,) = deliveries(q, made)
    assert (log["status"], log["http_status_code"], log["attempt_number"]) == ("success", 200, 1)
    assert (log["message_id"], log["payload"]) == (published["id"], {"a": 1})
    assert listed(q)[0]["stats"]["successful_deliveries"] == listed(q)[0]["success_count"] == 1
    assert q.take()["id"] == published["id"]  # receivers get it all the same


@pytest.mark.contract("59")
def test_a_failing_receiver_is_tried_as_often_as_its_policy_says(
    q: Queue,
    receiver: Receiver,  # noqa: F811
    pusher: Running,  # noqa: F811
) -> None:
    receiver.answering = lambda request: 500
    made = create(q, receiver.url, config={"url": receiver.url, "retry_policy": FAST})
    q.publish()
    eventually(lambda: len(deliveries(q, made, status="failed")) == 2)
    failed = deliveries(q, made, status="failed")
    assert [(log["http_status_code"], log["attempt_number"]) for log in failed] == [(500, 2), (500, 1)]
    assert deliveries(q, made, status="success") == []
    assert len(deliveries(q, made, limit=1, offset=1)) == 1
    assert len(receiver.requests) == 2
    q.call("GET", "destinations/deliveries", made["id"], status="lost").expect(400)


@pytest.mark.contract("60")
def test_all_enabled_destinations_are_called_and_requests_are_signed(
    q: Queue,
    receiver: Receiver,  # noqa: F811
    pusher: Running,  # noqa: F811
) -> None:
    create(q, f"{receiver.url}/off", enabled=False)
    create(q, f"{receiver.url}/plain")
    signing = {"enabled": True, "secret_key": "the secret key"}
    signed = create(q, config={"url": f"{receiver.url}/signed", "signing": signing})
    assert signed["config"]["signing"] == {"enabled": True, "secret_key": "********"}
    q.publish({"a": 1})
    requests = {request.path.rpartition("/")[2]: request for request in receiver.wait(2)}
    assert set(requests) == {"plain", "signed"}
    request = requests["signed"]
    content = request.headers["x-agentuity-timestamp"].encode() + b"." + request.body
    expected = hmac.new(b"the secret key", content, hashlib.sha256).hexdigest()
    assert request.headers["x-agentuity-signature"] == f"sha256={expected}"


def test_another_queue_is_a_destination_by_its_id(q: Queue, new_queue: NewQueue, pusher: Running) -> None:  # noqa: F811
    other = new_queue()
    target = other.get()["id"]
    made = create(q, destination_type="queue", config={"queue_id": target})
    assert made["config"] == {"queue_id": target}
    published = q.publish({"a": 1})
    received = other.receive(20)
    assert received is not None
    assert (received["id"], received["payload"]) == (published["id"], {"a": 1})
    third = new_queue().get()["id"]
    assert update(q, made, config={"queue_id": third})["config"] == {"queue_id": third}


def test_a_secret_the_server_makes_is_shown_once(q: Queue) -> None:
    made = create(q, config={"url": URL, "signing": {"enabled": True}})
    assert len(made["config"]["signing"]["secret_key"]) > 20
    assert listed(q)[0]["config"]["signing"]["secret_key"] == "********"
