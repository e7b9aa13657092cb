"""Tasks of a fresh account."""

from __future__ import annotations

from uuid import uuid4

import pytest

from accounts.models import Account
from queues.tasks import tasks

from .client import Client, Queue
from .handle import Tasks


@pytest.fixture
def t(account: Account) -> Tasks:
    """Tasks of a type that is known, in a queue that there is not yet."""
    made = Tasks(account.pk)
    tasks.register(account.pk, made.type)
    return made


@pytest.fixture
def api(api_key: str) -> Client:
    return Client(api_key)


@pytest.fixture
def q(api: Client) -> Queue:
    """Tasks of a remote type in a queue that does not exist yet."""
    return Queue(api, api.register(), f"q-{uuid4().hex[:12]}")


@pytest.fixture
def behind(account: Account, q: Queue) -> Tasks:
    """The same tasks as the engine has them: to let time pass."""
    return Tasks(account.pk, q.type, q.name)
