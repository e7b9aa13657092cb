"""Keys, methods, paths and what is on every answer (forq.md sections 2 and 3)."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from accounts import wrong_keys
from accounts.models import Account
from accounts.services import create_key
from queues.broker.errors import Unavailable

from .client import Client, Queue, code_of

UNAUTHORIZED = (401, "unauthorized")
ID = "0199164b-4dea-78d9-9b4c-c699d5037962"
BASE = "/api/v1/queues/q/messages"
ROUTES = [("POST", BASE), ("GET", BASE), ("POST", f"{BASE}/{ID}/ack"), ("POST", f"{BASE}/{ID}/nack")]
each_route = pytest.mark.parametrize(("method", "path"), ROUTES)


@pytest.mark.contract("1")
def test_health_needs_no_key(forq: Client) -> None:
    forq.call("GET", "/healthcheck", headers={"X-API-Key": None}).expect(204)
    assert code_of(forq.call("POST", "/healthcheck")) == (405, "method_not_allowed")
    assert code_of(forq.call("GET", "/healthcheck/")) == (404, "not_found")


def test_health_says_when_the_database_does_not_answer(forq: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queues.api.forq.views.database_trouble", lambda seconds: "it is away")
    assert code_of(forq.call("GET", "/healthcheck")) == (503, "forq.unhealthy")


@pytest.mark.contract("2", "3")
@each_route
def test_only_a_key_in_its_header_opens_anything(forq: Client, method: str, path: str) -> None:
    for headers in (
        {"X-API-Key": None},
        {"X-API-Key": ""},
        {"X-API-Key": "wrong"},
        {"X-API-Key": f"{forq.key}x"},
        {"X-API-Key": "ApiKey"},
        {"X-API-Key": None, "Authorization": f"Bearer {forq.key}"},
        {"X-API-Key": None, "Authorization": forq.key},
        {"X-API-Key": None, "Cookie": f"X-API-Key={forq.key}"},
    ):
        assert code_of(forq.call(method, path, b'{"content":"x"}', headers)) == UNAUTHORIZED
    assert code_of(forq.call(method, f"{path}?X-API-Key={forq.key}", headers={"X-API-Key": None})) == (
        UNAUTHORIZED
    )


@pytest.mark.contract("4")
def test_the_documented_prefix_is_accepted_too(q: Queue) -> None:
    for key in (f"ApiKey {q.client.key}", f"apikey {q.client.key}", f"{q.client.key},another"):
        q.post(b'{"content":"x"}', {"X-API-Key": key}).expect(204)
    q.post(b'{"content":"x"}', {"Authorization": "Basic eDp5"}).expect(204)


@pytest.mark.contract("5")
def test_wrong_keys_are_slowed_down_and_the_right_one_is_not(
    q: Queue, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Clock:
        now = 1000.0

        def monotonic(self) -> float:
            return self.now

    clock = Clock()
    monkeypatch.setattr(wrong_keys, "time", clock)
    monkeypatch.setattr(wrong_keys, "_counts", wrong_keys.WrongKeys())
    settings.OKMQ_WRONG_KEYS_PER_MINUTE = 5

    def send(key: str, address: str = "192.0.2.1") -> tuple[int, str]:
        answer = q.client.call("POST", q.path, b'{"content":"x"}', {"X-API-Key": key}, address=address)
        return (204, "") if answer.status == 204 else code_of(answer)

    assert [send("wrong") for _ in range(5)] == [UNAUTHORIZED] * 5
    assert send("wrong") == (429, "too_many_requests")
    assert send(q.client.key) == (204, "")
    assert send("wrong", "192.0.2.2") == UNAUTHORIZED
    clock.now += 60
    assert [send("wrong") for _ in range(5)] == [UNAUTHORIZED] * 5
    assert send("wrong") == (429, "too_many_requests")


@each_route
def test_a_key_needs_the_scope_of_the_call(account: Account, method: str, path: str) -> None:
    """Forq's keys may do everything; ours may not (docs/accounts.md)."""
    publishes = path == BASE and method == "POST"
    other, own = ("consume", "publish") if publishes else ("publish", "consume")
    client = Client(account, create_key(account, scopes=[other]))
    assert code_of(client.call(method, path, b'{"content":"x"}')) == (403, f"forbidden.scope.{own}")
    allowed = Client(account, create_key(account, scopes=[own]))
    allowed.call(method, path, b'{"content":"x"}').expect(204, 404)


@pytest.mark.contract("35")
def test_the_content_type_is_not_looked_at(q: Queue) -> None:
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None):
        q.post(b'{"content":"x"}', {"Content-Type": content_type}).expect(204)
    assert q.taken() == ["x"] * 4


@pytest.mark.contract("36")
@pytest.mark.parametrize("name", ["a" * 65, "or%23ders", "%C3%A9mails", "a%20b", "a%0A", "%FF", "a%2Fb", "ä"])
def test_a_name_is_64_letters_digits_dots_underscores_and_hyphens(forq: Client, name: str) -> None:
    for method, route in ROUTES:
        path = route.replace("/q/", f"/{name}/")
        assert code_of(forq.call(method, path, b"{not json")) == (400, "bad_request.queue.invalid_name")
        assert code_of(forq.call(method, path, headers={"X-API-Key": None})) == UNAUTHORIZED


@pytest.mark.contract("36")
def test_a_name_of_64_characters_has_a_dead_letter_queue_that_can_be_consumed(forq: Client) -> None:
    queue = Queue(forq, "a" * 64)
    queue.produce("x").expect(204)
    assert queue.take()["content"] == "x"
    queue.dlq().consume().expect(204)
    assert code_of(queue.dlq().produce("x")) == (400, "bad_request.queue.produce_to_dlq")
    assert code_of(Queue(forq, "a" * 65 + "-dlq").consume()) == (400, "bad_request.queue.invalid_name")


@pytest.mark.contract("38")
def test_messages_may_end_with_a_slash_and_nothing_else(q: Queue) -> None:
    q.client.call("POST", f"{q.path}/", b'{"content":"x"}').expect(204)
    message = q.client.call("GET", f"{q.path}/").expect(200).json()
    for verb in ("ack", "nack"):
        answer = q.client.call("POST", f"{q.path}/{message['id']}/{verb}/")
        assert code_of(answer) == (404, "not_found")
    q.ack(message).expect(204)


@pytest.mark.contract("39")
@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        *((method, BASE, {"GET", "POST"}) for method in ("PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")),
        ("PUT", f"{BASE}/", {"GET", "POST"}),
        *((method, f"{BASE}/{ID}/ack", {"POST"}) for method in ("GET", "HEAD", "DELETE")),
        ("GET", f"{BASE}/{ID}/nack", {"POST"}),
    ],
)
def test_other_methods_are_refused(forq: Client, method: str, path: str, allowed: set[str]) -> None:
    answer = forq.call(method, path).expect(405)
    assert set(answer.headers["allow"].split(", ")) == allowed
    assert answer.content == (b"" if method == "HEAD" else b'{"code":"method_not_allowed"}')
    forq.call(method, path, headers={"X-API-Key": None}).expect(401)


@pytest.mark.contract("40")
def test_what_is_not_there_asks_for_the_key_first(forq: Client) -> None:
    for method, path in [
        ("GET", "/api/v1/nope"),
        ("POST", "/api/v1/nope"),
        ("DELETE", "/api/v1/queues/q/nope"),
        ("HEAD", f"{BASE}/{ID}/y/z"),
        ("POST", f"{BASE}/{ID}"),
        ("GET", "/api/v1/queues//messages"),
    ]:
        assert forq.call(method, path, headers={"X-API-Key": None}).status == 401
        answer = forq.call(method, path)
        assert answer.status == 404
        assert method == "HEAD" or code_of(answer) == (404, "not_found")
    for method in ("GET", "PUT"):
        answer = forq.call(method, "/api/v1/queues/a%20b/nope/at/all")
        assert code_of(answer) == (400, "bad_request.queue.invalid_name")
    for path in (f"{BASE}/x", f"{BASE}/x/y/z", f"{BASE}/x/ack/", f"{BASE}/a%2Fb/nope"):
        assert code_of(forq.call("POST", path)) == (400, "bad_request.messageId.invalid")
        forq.call("POST", path, headers={"X-API-Key": None}).expect(401)


@pytest.mark.contract("45")
def test_security_headers_are_on_every_answer(q: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    """``client.check`` looks at those that are on all; HSTS is for servers behind TLS."""
    answer = q.produce("x").expect(204)
    assert "strict-transport-security" not in answer.headers
    from queues.api.forq import errors

    monkeypatch.setitem(errors.HEADERS, "Strict-Transport-Security", "max-age=31536000; includeSubDomains")
    for answer in (
        q.produce("x"),
        q.post(b"{"),
        q.post(b"{}", {"X-API-Key": None}),
        q.client.call("GET", "/healthcheck/"),
    ):
        assert answer.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"


@pytest.mark.parametrize(
    ("error", "expected"),
    [(Unavailable("gone"), (503, "forq.unhealthy")), (ValueError("a bug"), (500, "internal"))],
)
def test_trouble_of_ours_is_told_in_the_same_shape(
    q: Queue, monkeypatch: pytest.MonkeyPatch, error: Exception, expected: tuple[int, str]
) -> None:
    def fail(*args: Any, **options: Any) -> None:
        raise error

    monkeypatch.setattr("queues.broker.publish", fail)
    assert code_of(q.produce("x")) == expected


def test_quotas_are_told_as_what_they_are(q: Queue) -> None:
    accounts = Account.objects.filter(pk=q.client.account.pk)
    accounts.update(max_channels=1)
    assert code_of(q.produce("x")) == (413, "quota_exceeded.max_channels")
    accounts.update(max_channels=2, max_messages=1)
    q.produce("x").expect(204)
    assert code_of(q.produce("x")) == (413, "quota_exceeded.max_messages")
    accounts.update(max_concurrency=0)
    assert code_of(q.consume()) == (429, "too_many_requests")


def test_an_account_sees_nothing_of_anothers_queues(q: Queue, stranger: Account) -> None:
    q.produce("x").expect(204)
    other = Queue(Client(stranger, create_key(stranger)), q.name)
    other.consume().expect(204)
    message = q.take()
    for id in (message["id"], str(uuid4())):
        assert code_of(other.settle("ack", id, message["receipt"])) == (404, "not_found.message")
        assert code_of(other.settle("nack", id)) == (404, "not_found.message")
        other.settle("ack", id).expect(204)
    assert len(q.ids()) == 1
    other.produce("y").expect(204)
    assert (other.taken(), len(q.ids())) == (["y"], 1)
    q.ack(message).expect(204)
