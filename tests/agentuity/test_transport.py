"""What holds for all calls: keys, paths, errors (section 11, 1, 2, 61 to 64)."""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import Any

import pytest

from accounts.models import Account
from accounts.services import create_key
from queues.api.agentuity.urls import urlpatterns
from tests import wsgi

from .client import Client, Queue, check, data


@pytest.mark.contract("1", "2")
@pytest.mark.parametrize(
    "shown", [None, "KEY", "Bearer", "Bearer wrong", "Basic KEY", "ApiKey KEY", "Bearer KEY x"]
)
def test_only_a_bearer_with_a_key_is_let_in(ag: Client, shown: str | None) -> None:
    header = None if shown is None else shown.replace("KEY", ag.key)
    answer = ag.call("GET", "/queue/list", headers={"Authorization": header}).expect(401)
    assert answer.json()["code"] == "UNAUTHORIZED"
    assert answer.headers["www-authenticate"] == "Bearer"
    with_header = {"Authorization": header, "X-API-Key": ag.key}
    ag.call("GET", "/queue/list", headers=with_header).expect(401)


@pytest.mark.contract("61")
def test_every_route_asks_for_a_key_and_has_errors_in_their_shape(
    ag: Client, q: Queue, stranger: Account
) -> None:
    """No key, no queue, another's queue, a wrong method: JSON from each route (``check`` looks at it)."""
    other = Client(stranger, create_key(stranger, "test"))
    message = q.publish()["id"]
    for pattern in urlpatterns:
        path = "/" + str(pattern.pattern).replace("<str:messageId>", message).replace("<str:offset>", "0")
        path = re.sub(r"<str:(?!name)(\w+)>", r"\1", path)
        actions: dict[str, str] = pattern.callback.actions  # type: ignore[attr-defined]
        if "ingest" in path:
            continue
        for method in list(actions):
            if method == "head":
                continue
            ag.call(method.upper(), path, {}, headers={"Authorization": None}).expect(401)
            if "<str:name>" in path:
                ag.call(method.upper(), path.replace("<str:name>", "none"), b"{").expect(404)
                other.call(method.upper(), path.replace("<str:name>", q.name), {"payload": 1}).expect(404)
        wrong = next(one for one in ("put", "patch", "delete") if one not in actions)
        assert ag.call(wrong.upper(), path).expect(405).json()["code"] == "METHOD_NOT_ALLOWED"


@pytest.mark.contract("62", "63")
def test_slashes_too_many_change_nothing(ag: Client, q: Queue) -> None:
    one, other = (ag.call("GET", path).content for path in ("/queue/list", "//queue/list"))
    assert one == other
    for path in (f"/queue/pause/{q.name}/", f"//queue/pause/{q.name}", f"//queue/resume/{q.name}/"):
        ag.call("POST", path, {}).expect(200)
    body = {"payload": 1}
    assert data(ag.call("POST", f"/queue/messages/publish/{q.name}/", body))["message"]["offset"] == 0
    assert data(ag.call("POST", f"//queue/messages/publish/{q.name}", body))["message"]["offset"] == 1
    ag.call("GET", "//queue/nonsense").expect(404)


@pytest.mark.contract("64")
def test_the_organisation_makes_no_difference(ag: Client, q: Queue) -> None:
    plain = ag.call("GET", f"/queue/get/{q.name}")
    assert (
        ag.call("GET", f"/queue/get/{q.name}", headers={"x-agentuity-orgid": "org_x"}).content
        == plain.content
    )


def test_a_published_message_is_at_top_level_for_old_clients(q: Queue) -> None:
    body = q.try_publish({"a": 1}).json()
    message = body["data"]["message"]
    assert body == {"success": True, "data": {"message": message}, **message}


def test_what_the_document_names_is_at_top_level(ag: Client, q: Queue) -> None:
    q.publish()
    assert set(ag.call("GET", "/queue/list").json()) == {"success", "data", "queues", "total"}
    assert set(q.call("GET", "receive").json()) == {"success", "data", "message"}
    assert set(q.call("GET", "head").json()) == {"success", "data", "offset"}
    assert set(q.call("GET", "consume", offset=0).json()) == {"success", "data", "messages"}
    assert set(q.call("GET", "messages/list").json()) == {"success", "data", "messages", "total"}
    assert q.call("GET", "get").json()["name"] == q.name


@pytest.mark.parametrize("scopes", [["read"], ["publish"], ["consume"], ["manage"]])
def test_a_key_opens_what_its_scopes_say(account: Any, q: Queue, scopes: list[str]) -> None:
    narrow = Queue(Client(account, create_key(account, "narrow", scopes=scopes)), q.name)
    message = q.publish()["id"]
    calls = {
        "read": ("GET", "get"),
        "publish": ("POST", "messages/publish"),
        "consume": ("GET", "receive"),
        "manage": ("DELETE", "dlq/purge"),
    }
    for scope, (method, action) in calls.items():
        answer = narrow.call(method, action, content={"payload": 1})
        assert answer.status == (200 if scope in scopes else 403), answer
    assert message


def test_a_quota_that_is_used_up_is_told(ag: Client, q: Queue, account: Any) -> None:
    from tests.broker.usage import set_quotas

    set_quotas(account.pk, max_messages=1, max_channels=1)
    q.publish()
    answer = q.try_publish().expect(413)
    assert answer.json()["code"] == "QUOTA_EXCEEDED"
    answer = ag.call("POST", "/queue/create", {"queue_type": "worker"}).expect(403)
    assert answer.json()["code"] == "QUOTA_EXCEEDED"


def test_too_many_receives_at_once_are_told_to_come_back(q: Queue, account: Any) -> None:
    from tests.broker.usage import set_quotas

    set_quotas(account.pk, max_concurrency=0)
    answer = q.call("GET", "receive").expect(429)
    assert answer.headers["retry-after"] == "1"


def test_a_request_over_the_servers_limit_is_refused(q: Queue, settings: Any) -> None:
    settings.OKMQ_MAX_REQUEST_BYTES = 1000
    answer = q.call("POST", "messages/batch", content={"messages": [{"payload": "x" * 1000}]}).expect(413)
    assert "1000" in answer.json()["message"]


def test_a_database_that_is_away_is_told_in_shape(ag: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from queues import broker
    from queues.broker.errors import Unavailable

    def away(*_: Any, **__: Any) -> None:
        raise Unavailable("away")

    monkeypatch.setattr(broker, "get_queue", away)
    answer = wsgi.call("GET", "/queue/get/q", b"", {"Authorization": f"Bearer {ag.key}"})
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["code"] == "UNAVAILABLE" and answer.json()["success"] is False


def test_errors_no_view_gives_are_in_shape(ag: Client) -> None:
    answer = check(wsgi.call("GET", "/queue/no/such/path", b"", {}))
    assert (answer.status, answer.json()["code"]) == (404, "NOT_FOUND")


def test_what_is_nested_as_deeply_as_it_may_be_is_answered(ag: Client, q: Queue) -> None:
    """Nothing behind the check goes deeper than the check did."""

    def told(queue: Queue, action: str, body: bytes, depth: int) -> str:
        deep = b'{"a": ' * depth + b"1" + b"}" * depth
        return str(queue.call("POST", action, content=body % deep).json()["message"])

    config = b'{"name":"n","destination_type":"http","config":{"url":"ftp://x","x":%s}}'
    destination = ("destinations/create", config)
    first = bisect_left(range(1000), True, lo=500, key=lambda n: "deeply" in told(q, *destination, n))
    for depth in range(first - 8, first + 2):
        told(q, *destination, depth)
        told(Queue(ag, "none"), "messages/publish", b'{"payload":%s}', depth)
