"""Queues of a fresh account, spoken to through the Agentuity API in this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from accounts.models import Account

from .client import Client, Queue

NewQueue = Callable[..., Queue]
NO_BACKOFF = {"default_retry_backoff_ms": 0, "default_retry_max_backoff_ms": 0}


@pytest.fixture
def ag(account: Account, api_key: str) -> Client:
    return Client(account, api_key)


@pytest.fixture
def name() -> str:
    return f"q-{uuid4().hex[:12]}"


@pytest.fixture
def new_queue(ag: Client) -> NewQueue:
    """Makes worker queues with the given settings, ``default_`` being added to names that want it."""

    def make(**settings: Any) -> Queue:
        known = ("max_in_flight_per_client", "retention_seconds")
        given = {name if name in known else f"default_{name}": value for name, value in settings.items()}
        return ag.create(f"q-{uuid4().hex[:12]}", settings=given)

    return make


@pytest.fixture
def q(new_queue: NewQueue) -> Queue:
    return new_queue()
