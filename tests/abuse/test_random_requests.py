"""Random and malicious requests to every operation: no 5xx, errors in the dialect's shape, and nothing
changed by those that are refused.

``make faults`` sends 400 to each operation, or ``ABUSE_REQUESTS`` of them, and 10,000 bodies of random bytes
to each that takes one; the suite a dozen. A failure shows the request.
"""

from __future__ import annotations

import contextlib
import json
import os
import uuid
from collections import Counter
from functools import cache

import jsonschema
import pytest

from accounts.services import create_account, create_key
from queues.broker import wakes
from tests import wsgi
from tests.abuse.mischief import Mischief, Request
from tests.abuse.operations import Operation, operations

BOUNDED = 12
MANY = int(os.environ.get("ABUSE_REQUESTS", "400"))
BODIES = 10_000
REFUSALS = 2
OPERATIONS = operations()
TAKE_BODIES = [operation for operation in OPERATIONS if operation.example is not None]


@pytest.fixture(scope="module")
def credentials(django_db_setup: None) -> dict[str, str]:
    """Of an account that all operations work on."""
    account = create_account(f"{uuid.uuid4().hex}@example.com")
    return {"Authorization": f"Bearer {create_key(account, 'test')}"}


@pytest.fixture(autouse=True)
def _nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if too many did."""
    monkeypatch.setattr(wakes.Hub, "park", lambda *_, **__: contextlib.nullcontext(None))


def furnish(credentials: dict[str, str]) -> None:
    """What NAMES names, as far as it is not there (any more)."""
    message = [{"id": id, "body": {"n": 1}} for id in ("m1", "m2")]
    for path, body in (
        ("/queues", {"name": "plain", "topics": ["news"]}),
        ("/queues/plain/messages", message),
        ("/streams", {"name": "plain"}),
        ("/streams/plain/messages", message),
        ("/queue/create", {"name": "news", "queue_type": "worker"}),
    ):
        wsgi.call("POST", path, json.dumps(body).encode(), credentials)


def state(credentials: dict[str, str]) -> list[bytes]:
    """What the account has, as far as it is easily seen."""
    paths = ("/account", "/queues", "/streams", "/queues/plain/messages?peek=true&limit=100")
    return [wsgi.call("GET", path, b"", credentials).content for path in paths]


def send(request: Request) -> wsgi.Answer:
    """Of an event stream, the first frames."""
    return wsgi.call(request.method, request.target, request.content, request.headers, chunks=2)


def judge(operation: Operation, request: Request, answer: wsgi.Answer) -> None:
    assert answer.status < 500, f"{request}\n{answer}"
    assert b"<html" not in answer.content[:500].lower(), f"{request}\n{answer}"
    if answer.status >= 400 and request.method != "HEAD":
        content_type = answer.headers.get("content-type", "").partition(";")[0]
        said = json.loads(answer.content) if content_type == "application/json" else None
        if _is_elsewhere(request, operation):
            return
        if operation.error is not None:
            assert said is not None, f"{request}\n{answer}"
            validator(operation).validate(said)
        else:
            assert content_type in (operation.error_type, "application/json"), f"{request}\n{answer}"
            assert answer.content, f"{request}\n{answer}"


@cache
def validator(operation: Operation) -> jsonschema.Draft202012Validator:
    assert operation.error is not None
    return jsonschema.Draft202012Validator(operation.error)


def _is_elsewhere(request: Request, operation: Operation) -> bool:
    """Slashes and dots in a name may lead to another dialect's path, which answers in its own way."""
    return request.target.partition("?")[0].count("/") != operation.path.count("/") or "%2" in request.target


def abuse(operation: Operation, credentials: dict[str, str], count: int) -> Counter[int]:
    mischief = Mischief(operation, credentials)
    statuses: Counter[int] = Counter()
    for number in range(count):
        if number % 100 == 0:
            furnish(credentials)
        request = mischief.request()
        answer = send(request)
        judge(operation, request, answer)
        statuses[answer.status] += 1
    if operation.takes_json:
        furnish(credentials)
        before = state(credentials)
        for _ in range(REFUSALS):
            request = mischief.garbage()
            assert 400 <= send(request).status < 500, request
        assert state(credentials) == before
    return statuses


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_no_request_is_the_servers_fault(operation: Operation, credentials: dict[str, str]) -> None:
    abuse(operation, credentials, BOUNDED)


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_nor_is_one_of_many(operation: Operation, credentials: dict[str, str]) -> None:
    print(operation.label, dict(sorted(abuse(operation, credentials, MANY).items())))


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.parametrize("operation", TAKE_BODIES, ids=lambda operation: operation.label)
def test_nor_is_any_body_of_random_bytes(operation: Operation, credentials: dict[str, str]) -> None:
    mischief = Mischief(operation, credentials)
    statuses: Counter[int] = Counter()
    furnish(credentials)
    for _ in range(BODIES):
        request = mischief.noise()
        answer = send(request)
        judge(operation, request, answer)
        statuses[answer.status] += 1
    print(operation.label, dict(sorted(statuses.items())))
