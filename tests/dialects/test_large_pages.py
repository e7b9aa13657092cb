"""A page whose bodies would fill the memory is refused, by name and in each dialect's own shape."""

from __future__ import annotations

import base64
import json
from typing import Any
from uuid import uuid4

import pytest

from accounts.models import Account
from queues import broker
from queues.broker import browse
from queues.broker.types import Nack
from tests import wsgi

MOST = 1_000
SIZE = 400
TOLD = f"limit: these messages hold {3 * SIZE:,} bytes, an answer holds at most {MOST:,}: ask for fewer"
"""Of the three messages of ``queue``."""


@pytest.fixture(autouse=True)
def _little_is_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browse, "MAX_PAGE_BYTES", MOST)
    monkeypatch.setattr(browse, "FEW", 1)


@pytest.fixture
def call(api_key: str) -> Any:
    def make(method: str, path: str, body: Any = None) -> wsgi.Answer:
        content = b"" if body is None else json.dumps(body).encode()
        return wsgi.call(method, path, content, {"Authorization": f"Bearer {api_key}"})

    return make


@pytest.fixture
def queue(call: Any) -> str:
    name = f"large-{uuid4().hex[:8]}"
    call("POST", "/queues", {"name": name}).expect(201)
    messages = [{"id": f"m{n}", "body": "x" * SIZE} for n in range(3)]
    call("POST", f"/queues/{name}/messages", messages).expect(204)
    return name


def test_okmq_refuses_a_peek(call: Any, queue: str) -> None:
    path = f"/queues/{queue}/messages?peek=true"
    refused = call("GET", f"{path}&limit=3").expect(400).json()
    assert refused["error"] == TOLD
    assert len(call("GET", f"{path}&limit=2").expect(200).json()) == 2
    assert len(call("GET", f"{path}&limit=3&offset=1").expect(200).json()) == 2
    assert call("GET", f"{path}&limit=3&tag=none").expect(200).json() == []


@pytest.mark.parametrize(
    "path", ["messages/list/{}?", "consume/{}?offset=0&", "messages/list/{}?state=pending&"]
)
def test_agentuity_refuses_a_page(call: Any, queue: str, path: str) -> None:
    full = f"/queue/{path.format(queue)}"
    refused = call("GET", f"{full}limit=3").expect(400).json()
    assert refused["message"] == TOLD
    assert len(call("GET", f"{full}limit=2").expect(200).json()["data"]["messages"]) == 2


def test_agentuity_refuses_a_page_of_dead_letters(call: Any, account: Account, queue: str) -> None:
    received = broker.receive(account.pk, queue, limit=3)
    broker.settle(account.pk, queue, [Nack(one.public_id, dead=True) for one in received])
    path = f"/queue/dlq/list/{queue}"
    assert call("GET", f"{path}?limit=3").expect(400).json()["message"] == TOLD
    assert len(call("GET", f"{path}?limit=2").expect(200).json()["data"]["messages"]) == 2


def test_tinymq_refuses_a_peek(call: Any, queue: str) -> None:
    refused = call("GET", f"/consume/{queue}?peek=true&limit=3").expect(400)
    assert refused.content.decode() == TOLD + "\n"
    shown = call("GET", f"/consume/{queue}?peek=true&limit=2").expect(200).json()
    assert [len(base64.b64decode(one["payload"])) for one in shown] == [SIZE, SIZE]
