"""Topics of a fresh account, spoken to through the TinyMQ API in this process."""

from __future__ import annotations

from uuid import uuid4

import pytest

from accounts.models import Account

from .client import Client, Topic


@pytest.fixture
def mq(account: Account, api_key: str) -> Client:
    return Client(account, api_key)


@pytest.fixture(autouse=True)
def _webhooks_are_looked_up(known_names: dict[str, list[str]]) -> None:
    pass


@pytest.fixture
def t(mq: Client) -> Topic:
    """A topic that does not exist yet."""
    return Topic(mq, f"t{uuid4().hex[:12]}")
