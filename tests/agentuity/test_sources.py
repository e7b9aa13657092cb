"""Sources: addresses that publish what is posted to them (agentuity.md section 7)."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import urlsplit

import pytest

from queues.broker.errors import Unavailable
from queues.models import Source, SourceEvent
from queues.sources import ingest
from tests import wsgi
from tests.wsgi import Answer

from .client import Client, Queue, check, check_object, data
from .conftest import NewQueue


def create(q: Queue, **fields: Any) -> dict[str, Any]:
    answer = q.call("POST", "sources/create", content={"name": "hooks", **fields})
    made: dict[str, Any] = data(answer)["source"]
    check_object("source", made)
    return made


def get(q: Queue, made: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = data(q.call("GET", "sources/get", made["id"]))["source"]
    check_object("source", found)
    return found


def events(q: Queue, made: dict[str, Any], **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = data(q.call("GET", "sources/events", made["id"], **query))["events"]
    for event in found:
        check_object("event", event)
    return found


def post(made: dict[str, Any], content: bytes = b'{"a": 1}', headers: Any = None) -> Answer:
    path = urlsplit(made["url"]).path
    return check(wsgi.call("POST", path, content, headers or {}, address="192.0.2.7"))


def test_what_is_posted_to_a_source_is_published(q: Queue) -> None:
    made = create(q, description="d")
    assert made["id"].startswith("qsrc_") and made["url"].startswith("http://")
    assert (made["auth_type"], made["enabled"], made["description"]) == ("none", True, "d")
    answered = data(post(made, b' {"a": 1.50} ', {"Content-Type": "text/plain", "Cookie": "s=1"}))
    taken = q.take()
    assert answered == {"message_id": taken["id"], "offset": 0}
    assert taken["payload"] == {"a": 1.5} and taken["size"] == 10
    assert (taken["source_id"], taken["source_name"]) == (made["id"], "hooks")
    (event,) = events(q, made)
    assert (event["status"], event["http_status_code"], event["message_id"]) == ("success", 200, taken["id"])
    assert (event["payload"], event["remote_addr"]) == ({"a": 1.5}, "192.0.2.7")
    assert "Cookie" not in event["headers"] and event["headers"]["Content-Type"] == "text/plain"
    shown = get(q, made)
    assert (shown["request_count"], shown["success_count"], shown["failure_count"]) == (1, 1, 0)
    assert shown["last_success_at"] == shown["last_request_at"] != None  # noqa: E711


def test_its_address_names_the_server_as_the_client_does(q: Queue, settings: Any) -> None:
    """Whatever names the console answers to, and also where Django takes none, as with an underscore."""
    settings.ALLOWED_HOSTS = ["console.example.com"]
    for n, host in enumerate(("okmq_1:8080", "192.0.2.9", "[2001:db8::1]:80")):
        sent = {"name": f"hooks{n}"}
        answer = q.client.call("POST", f"/queue/sources/create/{q.name}", sent, {"Host": host})
        made = data(answer)["source"]
        assert made["url"] == f"http://{host}/queue/ingest/{made['id']}"


def test_behind_a_trusted_proxy_the_log_has_the_clients_address(q: Queue, settings: Any) -> None:
    made = create(q)
    forwarded = {"X-Forwarded-For": "192.0.2.1, 198.51.100.2"}
    post(made, headers=forwarded)
    settings.OKMQ_TRUST_PROXY_HEADERS = True
    post(made, headers=forwarded)
    assert [event["remote_addr"] for event in events(q, made)] == ["198.51.100.2", "192.0.2.7"]


@pytest.mark.parametrize(
    ("content", "status"), [(b"", 400), (b"{", 400), (b"null", 400), (b'"' + b"x" * 1_048_576 + b'"', 413)]
)
def test_what_is_no_payload_is_refused_and_told(q: Queue, content: bytes, status: int) -> None:
    made = create(q)
    post(made, content).expect(status)
    (event,) = events(q, made, status="failed")
    assert (event["http_status_code"], event["payload"], event["message_id"]) == (status, None, None)
    assert event["error"] and events(q, made, status="success") == []
    assert get(q, made)["last_failure_error"] == event["error"]
    assert q.receive() is None


@pytest.mark.parametrize(
    ("auth", "value", "header", "right"),
    [
        ("basic", "me:secret", "Authorization", "Basic " + base64.b64encode(b"me:secret").decode()),
        ("basic", "me:secret", "Authorization", "bAsIc  " + base64.b64encode(b"me:secret").decode()),
        ("header", "X-Token: s:e cret", "X-Token", "s:e cret"),
        ("header", "Bearer my:token", "Authorization", "Bearer my:token"),
    ],
)
def test_a_source_asks_for_what_it_was_told(q: Queue, auth: str, value: str, header: str, right: str) -> None:
    made = create(q, auth_type=auth, auth_value=value)
    for shown in ({}, {header: "wrong"}, {header: right + "x"}):
        post(made, headers=shown).expect(401)
    post(made, headers={header: right}).expect(200)
    assert get(q, made)["failure_count"] == 3
    assert all(right not in str(event) for event in events(q, made))
    assert right not in str(Source.objects.filter(public_id=made["id"]).values())


def test_a_source_is_changed_disabled_and_deleted(q: Queue) -> None:
    made, other = create(q), create(q, name="other")

    def update(**fields: Any) -> Answer:
        return q.call("PATCH", "sources/update", made["id"], content=fields)

    changed = data(update(name="n", description="d"))["source"]
    assert changed == made | {"name": "n", "description": "d", "updated_at": changed["updated_at"]}
    assert data(update(description=None))["source"]["description"] is None
    assert "already exists" in update(name="other").expect(409).json()["message"]
    update(auth_type="basic").expect(400)
    assert data(update(auth_type="basic", auth_value="a:b"))["source"]["auth_type"] == "basic"
    assert data(update(auth_type="none"))["source"]["auth_type"] == "none"
    update(enabled=False).expect(200)
    post(made).expect(404)
    assert [one["id"] for one in data(q.call("GET", "sources/list"))["sources"]] == [made["id"], other["id"]]
    assert q.call("DELETE", "sources/delete", other["id"]).expect(200).json() == {"success": True}
    for method, action in (("GET", "get"), ("DELETE", "delete"), ("GET", "events"), ("PATCH", "update")):
        q.call(method, f"sources/{action}", other["id"], content={}).expect(404)
    post(other).expect(404)


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": "n" * 257},
        {"description": "d" * 1025},
        {"auth_type": "magic"},
        {"auth_type": "basic"},
        {"auth_type": "basic", "auth_value": "nocolon"},
        {"auth_type": "basic", "auth_value": " "},
        {"auth_type": "header", "auth_value": " "},
        {"auth_type": "header", "auth_value": "X-Token:  "},
        {"auth_type": "header", "auth_value": "X-Token: \u3000"},
        {"auth_type": "header", "auth_value": "a\nb"},
    ],
)
def test_what_no_source_can_be_made_from(ag: Client, q: Queue, fields: dict[str, Any]) -> None:
    sent = {"name": "hooks", **fields}
    q.call("POST", "sources/create", content=sent).expect(400)
    Queue(ag, "none").call("POST", "sources/create", content=sent).expect(404)
    assert data(q.call("GET", "sources/list"))["sources"] == []


def test_a_name_is_taken_once_in_a_queue_and_goes_with_it(q: Queue, new_queue: NewQueue) -> None:
    made = create(q)
    q.call("POST", "sources/create", content={"name": "hooks"}).expect(409)
    create(new_queue())
    post(made)
    q.delete()
    post(made).expect(404)
    assert not Source.objects.filter(public_id=made["id"]).exists()


def test_the_log_keeps_the_newest(q: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "KEPT", 2)
    monkeypatch.setattr(ingest, "TRIM_EVERY", 1)
    made = create(q)
    for n in range(4):
        post(made, str(n).encode())
    assert [event["payload"] for event in events(q, made)] == [3, 2]
    assert SourceEvent.objects.filter(source__public_id=made["id"]).count() == 2
    assert len(events(q, made, limit=1, offset=1)) == 1
    assert get(q, made)["request_count"] == 4


def test_what_is_published_and_cannot_be_logged_is_no_failure(
    q: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is told that it failed sends it again."""

    def away(*_: Any, **__: Any) -> None:
        raise Unavailable

    made = create(q)
    monkeypatch.setattr(ingest, "record", away)
    answered = data(post(made))
    assert answered == {"message_id": q.take()["id"], "offset": 0}


def test_a_paused_or_foreign_queue_makes_no_difference_to_its_source(q: Queue, stranger: Any) -> None:
    made = create(q)
    q.pause()
    post(made).expect(200)
    from accounts.services import create_key

    other = Queue(Client(stranger, create_key(stranger, "test")), q.name)
    other.call("GET", "sources/get", made["id"]).expect(404)
