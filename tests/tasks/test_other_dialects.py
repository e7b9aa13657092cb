"""A task is a message: any dialect may take it on and settle it, and it ends as its own workers would end it.
The other way round a message is no task: see test_life.py."""

from __future__ import annotations

import pytest

from accounts.models import Account
from queues.broker.types import Encoding
from tests.dialects.adapter import Adapter, Stored
from tests.dialects.adapters import ADAPTERS

from .client import Queue

PAYLOAD = '{"to": "a", "numbers": [1.50, 10000000000000000000000]}'

each_dialect = pytest.mark.parametrize("dialect", ADAPTERS, ids=lambda dialect: dialect.name)


@pytest.fixture
def task_id(q: Queue) -> str:
    content = f'{{"type": "{q.type}", "queue": "{q.name}", "payload": {PAYLOAD}}}'
    made = q.client.call("POST", "/api/v1/tasks", content=content.encode()).expect(201)
    return str(made.json()["task_id"])


@each_dialect
def test_who_acks_it_completes_it(
    dialect: type[Adapter], account: Account, api_key: str, q: Queue, task_id: str
) -> None:
    other = dialect(account, api_key)
    taken = other.receive(q.name)
    assert taken is not None and taken.body == other.form(Stored(Encoding.JSON, PAYLOAD))
    assert q.state(task_id) == "active"
    other.ack(q.name, taken)
    *_, last = q.history(task_id)
    assert (last["is_final"], last["status"]) == (True, "completed")


@each_dialect
def test_who_gives_it_back_has_failed(
    dialect: type[Adapter], account: Account, api_key: str, q: Queue, task_id: str
) -> None:
    other = dialect(account, api_key)
    taken = other.receive(q.name)
    assert taken is not None
    other.give_back(q.name, taken)
    task = q.task(task_id)
    assert task["state"] in ("retry", "pending")
    assert (task["retried"], len(q.history(task_id))) == (1, 1)
