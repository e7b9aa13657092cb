"""Queues of a fresh account, spoken to through the Forq API in this process. Consumes do not wait unless a
test asks them to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from accounts.models import Account

from .client import Client, Queue

Waiting = Callable[[float], None]


@pytest.fixture(autouse=True)
def waiting(settings: Any) -> Waiting:
    """Sets for how many seconds a consume waits: not at all, at first."""

    def wait(seconds: float) -> None:
        settings.OKMQ_FORQ_POLL_SECONDS = seconds

    wait(0)
    return wait


@pytest.fixture
def forq(account: Account, api_key: str) -> Client:
    return Client(account, api_key)


@pytest.fixture
def q(forq: Client) -> Queue:
    """A queue that does not exist yet."""
    return Queue(forq, f"q-{uuid4().hex[:12]}")
