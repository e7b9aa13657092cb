"""Queues of a fresh account, spoken to through the broker's own functions."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest

from accounts.models import Account
from queues import broker
from queues.broker.types import QueueSettings

from .handle import LASTING, Handle

NewQueue = Callable[..., Handle]


@pytest.fixture
def new_queue(account: Account) -> NewQueue:
    """Makes queues: ``new_queue(max_attempts=2, topics=("t",))``. Messages never expire unless asked to."""

    def make(name: str | None = None, topics: tuple[str, ...] = (), **settings: object) -> Handle:
        wanted = QueueSettings().but(**{**LASTING, **settings})
        info = broker.create_queue(account.pk, name or f"q-{uuid4().hex}", settings=wanted, topics=topics)
        return Handle(account.pk, info.name, info.id)

    return make


@pytest.fixture
def q(new_queue: NewQueue) -> Handle:
    """A queue whose messages may be tried three times, again at once, and live for ever."""
    return new_queue()
