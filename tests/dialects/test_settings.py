"""Queues that another dialect made, through OKMQ's calls about settings."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from jsonschema import Draft202012Validator

from accounts.models import Account
from queues import broker
from queues.api.okmq.openapi import DOCUMENT
from queues.api.openapi.generate import generate
from queues.broker.types import QueueSettings
from tests import wsgi

from .adapter import Adapter, dumps
from .agentuity import Agentuity
from .forq import Forq
from .okmq import Okmq
from .tinymq import Tinymq

MADE_BY: dict[str, tuple[type[Adapter], str, Any]] = {
    "Forq": (Forq, "/api/v1/queues/{queue}/messages", {"content": "x"}),
    "TinyMQ": (Tinymq, "/publish/{queue}", b"x"),
    "Tasks": (Okmq, "/api/v1/tasks", {"type": "demo", "queue": "{queue}", "payload": {}}),
    "Agentuity": (
        Agentuity,
        "/queue/create",
        {"name": "{queue}", "queue_type": "worker", "settings": {"default_ttl_seconds": 99_999_999}},
    ),
}


@pytest.fixture(params=MADE_BY)
def foreign(request: pytest.FixtureRequest, account: Account, api_key: str) -> str:
    """The name of a queue that a client of the dialect made."""
    dialect, path, content = MADE_BY[request.param]
    name = f"q-{uuid4().hex[:12]}"
    body = content if isinstance(content, bytes) else dumps(content).replace(b"{queue}", name.encode())
    dialect(account, api_key).call("POST", path.format(queue=name), body).expect(200, 201, 202, 204)
    return name


def settings_of(account: Account, queue: str) -> QueueSettings:
    return broker.get_queue(account.pk, queue).settings


def test_what_is_shown_of_a_queue_may_be_sent_back(account: Account, api_key: str, foreign: str) -> None:
    """A client that always sends all nine settings (okmq.md §3.4) can change one of any queue."""
    okmq, before = Okmq(account, api_key), settings_of(account, foreign)
    shown = okmq.call("GET", f"/queues/{foreign}").expect(200).json()
    assert shown in okmq.call("GET", "/queues").expect(200).json()
    okmq.call("PATCH", f"/queues/{foreign}", shown).expect(204)
    assert settings_of(account, foreign) == before
    okmq.call("PATCH", f"/queues/{foreign}", shown | {"lock_duration": 77}).expect(204)
    assert settings_of(account, foreign) == before.but(lease_seconds=77)


def test_what_a_queue_does_not_have_is_not_to_be_had(account: Account, api_key: str, foreign: str) -> None:
    okmq, before = Okmq(account, api_key), settings_of(account, foreign)
    for wrong in ({"max_delivery_attempts": 101}, {"ttl": 31_536_001}, {"retry_strategy": {"type": "list"}}):
        okmq.call("PATCH", f"/queues/{foreign}", wrong | {"auto_ack": True}).expect(400)
    assert settings_of(account, foreign) == before


def test_what_is_shown_of_a_queue_is_what_the_document_says(api_key: str, foreign: str) -> None:
    """Clients that are generated from it refuse anything else, and one queue would spoil the whole list."""
    document = generate(DOCUMENT)
    schema = {"$ref": "#/components/schemas/Queue", "components": document["components"]}
    found = wsgi.call("GET", f"/queues/{foreign}", headers={"Authorization": api_key}).expect(200).json()
    Draft202012Validator(schema).validate(found)
