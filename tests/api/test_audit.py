"""Every call that steers or destroys leaves one row in the audit log: whose key did what, to what.

A call with the scope ``manage`` that is not in this table fails the test, and so does one that leaves more
than one row, or none.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
from django.urls import URLPattern, URLResolver, get_resolver, resolve

from accounts.models import MANAGE, Account
from queues import broker
from queues.api.agentuity.ids import message_id
from queues.broker.audit_log import Entry, entries
from queues.broker.types import Nack, NewMessage, QueueSettings
from queues.push import destinations
from queues.push.types import Kind
from queues.tasks import tasks
from queues.tasks.types import NewTask
from tests import wsgi

HOOK = "https://hooks.example.com/in"
SECRET = "whsec_" + "c2VjcmV0" * 4


@dataclass
class Calls:
    """An account's calls by its key, and what each of them left. ``found``: ids that answers told."""

    account_id: int
    key: str
    found: dict[str, str] = field(default_factory=dict)
    walked: set[tuple[str, str]] = field(default_factory=set)

    def send(self, method: str, path: str, body: Any = None) -> tuple[list[Entry], Any]:
        """The rows that the call left, and its answer."""
        before = {entry.id for entry in entries(self.account_id)}
        content = b"" if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.key}"}
        answer = wsgi.call(method, path, content, headers).expect(200, 201, 202, 204)
        self.walked.add(action_of(method, path))
        left = [entry for entry in entries(self.account_id) if entry.id not in before]
        return left, json.loads(answer.content) if answer.content else None

    def dead(self, queue: str, *public_ids: str) -> None:
        """Have the queue hold these as dead letters."""
        self.stored(queue, *public_ids)
        taken = broker.receive(self.account_id, queue, limit=100)
        broker.settle(self.account_id, queue, [Nack(one.public_id, dead=True) for one in taken])

    def stored(self, queue: str, *public_ids: str) -> None:
        messages = [NewMessage(body="1", size=1, public_id=public_id) for public_id in public_ids]
        broker.publish(self.account_id, queue, messages)

    def held(self, queue: str, public_id: str) -> None:
        """Have one message in somebody's hands, and another one waiting."""
        broker.receive(self.account_id, queue, limit=1)
        self.stored(queue, public_id)

    def task(self, *, busy: bool = False) -> None:
        self.found["task"] = tasks.create(
            self.account_id, NewTask(type="t", payload="{}", queue="work")
        ).task_id
        if busy:
            tasks.claim(self.account_id, ["t"], ["work"])


@dataclass(frozen=True)
class Act:
    """One call of the table. ``did`` and ``to``: what the row is to say; ``before``: what has to be there."""

    method: str
    path: str
    did: str
    to: str
    count: int | None = None
    body: Any = None
    before: Callable[[Calls], Any] | None = None
    learns: Callable[[Any], dict[str, str]] | None = None


OKMQ = (
    Act("POST", "/queues", "queue.create", "queue q", body={"name": "q"}),
    Act("PATCH", "/queues/q", "queue.change", "queue q", body={"lock_duration": 60}),
    Act("DELETE", "/queues/q/messages/m", "messages.delete", "queue q", 1,
        before=lambda c: c.stored("q", "m")),
    Act("POST", "/queues/q/resetfailed", "messages.replay", "queue q", 2,
        before=lambda c: c.dead("q", "a", "b")),
    Act("DELETE", "/queues/q/messages", "messages.delete", "queue q", 2),
    Act("DELETE", "/queues/q", "queue.delete", "queue q", 1, before=lambda c: c.stored("q", "m")),
    Act("POST", "/streams", "stream.create", "stream s", body={"name": "s"}),
    Act("PATCH", "/streams/s", "stream.change", "stream s", body={"ttl": 60}),
    Act("DELETE", "/streams/s/messages", "stream.delete_messages", "stream s", 1, before=lambda c: c.send(
        "POST", "/streams/s/messages", [{"id": "m", "body": 1}])),
    Act("DELETE", "/streams/s", "stream.delete", "stream s"),
)  # fmt: skip
OF_DESTINATION = "destination shop of queue q"
OF_SOURCE = "source till of queue q"
AGENTUITY = (
    Act("POST", "/queue/create", "queue.create", "queue q", body={"name": "q", "queue_type": "worker"}),
    Act("PATCH", "/queue/update/q", "queue.change", "queue q", body={"description": "orders"}),
    Act("POST", "/queue/pause/q", "queue.pause", "queue q"),
    Act("POST", "/queue/resume/q", "queue.resume", "queue q"),
    Act("POST", "/queue/destinations/create/q", "destination.create", OF_DESTINATION,
        body={"name": "shop", "destination_type": "http", "config": {"url": HOOK}},
        learns=lambda answer: {"destination": answer["data"]["destination"]["id"]}),
    Act("PATCH", "/queue/destinations/update/q/{destination}", "destination.change", OF_DESTINATION,
        body={"config": {
            "signing": {"enabled": True, "secret_key": SECRET}, "headers": {"X-Token": SECRET}}}),
    Act("DELETE", "/queue/destinations/delete/q/{destination}", "destination.delete", OF_DESTINATION),
    Act("POST", "/queue/sources/create/q", "source.create", OF_SOURCE,
        body={"name": "till", "auth_type": "header", "auth_value": SECRET},
        learns=lambda answer: {"source": answer["data"]["source"]["id"]}),
    Act("PATCH", "/queue/sources/update/q/{source}", "source.change", OF_SOURCE,
        body={"auth_type": "header", "auth_value": SECRET + "2"}),
    Act("DELETE", "/queue/sources/delete/q/{source}", "source.delete", OF_SOURCE),
    Act("DELETE", f"/queue/messages/delete/q/{message_id('a')}", "messages.delete", "queue q", 1,
        before=lambda c: c.stored("q", "a")),
    Act("POST", f"/queue/messages/replay/q/{message_id('b')}", "messages.replay", "queue q", 1,
        before=lambda c: c.dead("q", "b")),
    Act("POST", f"/queue/dlq/replay/q/{message_id('c')}", "messages.replay", "queue q", 1,
        before=lambda c: c.dead("q", "c")),
    Act("DELETE", f"/queue/dlq/delete/q/{message_id('d')}", "messages.delete", "queue q", 1,
        before=lambda c: c.dead("q", "d")),
    # With b and c, which were replayed and have died again.
    Act("DELETE", "/queue/dlq/purge/q", "messages.delete", "queue q", 4,
        before=lambda c: c.dead("q", "e", "f")),
    Act("DELETE", "/queue/delete/q", "queue.delete", "queue q", 0),
)  # fmt: skip
TINYMQ = (
    Act("POST", "/api/topics", "queue.create", "queue q", body={"name": "q"}),
    Act("POST", "/api/queues", "queue.create", "queue q.dlq", body={"name": "q.dlq"}),
    Act("POST", "/api/groups", "queue.create", "queue q::g", body={"topic": "q", "group": "g"}),
    Act("POST", "/webhook/q", "destination.create", f"destination {HOOK} of queue q", body={"url": HOOK}),
    Act("POST", "/api/queues/redrive?queue=q", "messages.move", "queue q.dlq", 2,
        before=lambda c: c.stored("q.dlq", "a", "b")),
    Act("DELETE", "/api/queues/purge?queue=q", "messages.clear", "queue q", 3,
        before=lambda c: c.held("q", "later")),
    Act("DELETE", "/api/queues/delete?queue=q.dlq", "queue.delete", "queue q.dlq", 0),
)  # fmt: skip
SCHEDULE = {"cron": "@daily", "task": {"type": "t", "payload": {}, "queue": "work"}}
TASKS = (
    Act("PUT", "/api/v1/task-types/t", "task_type.create", "task type t"),
    Act("POST", "/api/v1/tasks/{task}/cancel", "task.cancel", "task {task}", 1,
        before=lambda c: c.task(busy=True)),
    Act("POST", "/api/v1/tasks/{task}/run", "task.run", "task {task}", 1),
    Act("DELETE", "/api/v1/tasks/{task}?queue=work", "task.delete", "task {task}", 1),
    Act("PUT", "/api/v1/schedules/nightly", "schedule.create", "schedule nightly", body=SCHEDULE),
    Act("PUT", "/api/v1/schedules/nightly", "schedule.change", "schedule nightly",
        body={**SCHEDULE, "cron": "@hourly"}),
    Act("POST", "/api/v1/schedules/nightly/run", "schedule.run", "schedule nightly"),
    Act("DELETE", "/api/v1/schedules/nightly", "schedule.delete", "schedule nightly"),
    Act("DELETE", "/api/v1/task-types/t", "task_type.delete", "task type t"),
)  # fmt: skip
DIALECTS = {"okmq": OKMQ, "agentuity": AGENTUITY, "tinymq": TINYMQ, "tasks": TASKS}
"""In an order in which each succeeds after those before it. Forq has no such call."""

ALSO = {("queues.api.tasks.schedule_views.ScheduleViewSet", "run")}
"""Makes a task, but in the name of somebody who presses a button, not of the clock."""


def action_of(method: str, path: str) -> tuple[str, str]:
    callback: Any = resolve(path.partition("?")[0]).func
    return f"{callback.cls.__module__}.{callback.cls.__name__}", callback.actions[method.lower()]


def calls_that_manage() -> Iterator[tuple[str, str]]:
    """Class and action of every call that changes something and wants the scope ``manage``."""

    def walk(resolver: URLResolver) -> Iterator[Any]:
        for entry in resolver.url_patterns:
            if isinstance(entry, URLResolver):
                yield from walk(entry)
            elif isinstance(entry, URLPattern) and hasattr(entry.callback, "actions"):
                yield entry.callback

    for callback in walk(get_resolver()):
        for method, action in callback.actions.items():
            # The framework adds "head" where it was asked for it.
            if method not in ("get", "head") and MANAGE in callback.cls.action_scopes.get(action, ()):
                yield f"{callback.cls.__module__}.{callback.cls.__name__}", action


@pytest.fixture
def calls(account: Account, api_key: str, known_names: dict[str, list[str]]) -> Calls:
    return Calls(account.pk, api_key)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_each_call_leaves_one_row(calls: Calls, dialect: str) -> None:
    for act in DIALECTS[dialect]:
        if act.before is not None:
            act.before(calls)
        left, answer = calls.send(act.method, act.path.format(**calls.found), act.body)
        told = [(entry.actor, entry.action, entry.target, entry.count) for entry in left]
        key = f"key {calls.key.split('_')[1]}"
        assert told == [(key, act.did, act.to.format(**calls.found), act.count)], act
        assert SECRET not in str(left)
        if act.learns is not None:
            calls.found |= act.learns(answer)


def test_every_call_that_manages_is_in_the_table() -> None:
    listed = {
        action_of(act.method, act.path.format(destination="d", source="s", task="t"))
        for table in DIALECTS.values()
        for act in table
    }
    assert listed == set(calls_that_manage()) | ALSO


def test_work_leaves_no_row(calls: Calls) -> None:
    """Publishing, receiving, settling, committing, whatever is done a thousand times a second."""
    broker.create_queue(calls.account_id, "q", settings=QueueSettings(max_attempts=2))
    calls.send("POST", "/streams", {"name": "s"})
    tasks.register(calls.account_id, "t")
    calls.task(busy=True)
    for method, path, body in (
        ("POST", "/queues/q/messages", [{"id": "a", "body": 1}, {"id": "b", "body": 1}]),
        ("GET", "/queues/q/messages", None),
        ("POST", "/queues/q/ack", [{"id": "a", "ack": True}]),
        ("POST", "/streams/s/messages", [{"id": "m", "body": 1}]),
        ("POST", "/streams/s/commit", {"offset": 1}),
        ("POST", "/api/v1/queues/q/messages", {"content": "x"}),
        ("POST", "/publish/q", {"any": "thing"}),
        ("POST", "/queue/messages/publish/q", {"payload": 1}),
        ("POST", "/api/v1/tasks", {"type": "t", "payload": {}, "queue": "work"}),
    ):
        headers = {"X-API-Key": calls.key} if "/api/v1/queues" in path else {}
        if headers:
            wsgi.call(method, path, json.dumps(body).encode(), headers).expect(204)
        else:
            assert calls.send(method, path, body)[0] == [], path


def test_what_a_change_leaves_as_it_was_leaves_no_row(calls: Calls) -> None:
    broker.create_queue(calls.account_id, "q", settings=QueueSettings(lease_seconds=60))
    calls.send("POST", "/streams", {"name": "s", "ttl": 60})
    assert calls.send("PATCH", "/queues/q", {"lock_duration": 60})[0] == []
    assert calls.send("PATCH", "/streams/s", {"ttl": 60})[0] == []
    ((row,), _) = calls.send("PATCH", "/queues/q", {"lock_duration": 90, "auto_ack": True})
    assert row.detail == {"lease_seconds": "60 to 90", "auto_ack": "false to true"}


def test_a_call_that_is_refused_leaves_no_row(calls: Calls) -> None:
    broker.create_queue(calls.account_id, "q", settings=QueueSettings())
    made = destinations.create(
        calls.account_id, "q", name="n", kind=Kind.HTTP, config={"url": f"https://example.com/{uuid4().hex}"}
    )
    before = entries(calls.account_id)
    headers = {"Authorization": f"Bearer {calls.key}"}
    for method, path, body in (
        ("POST", "/queues", {"name": "q"}),
        ("DELETE", "/queues/nothing", None),
        ("PATCH", f"/queue/destinations/update/q/{made.public_id}", {"config": {"timeout_ms": -1}}),
        ("POST", "/api/v1/tasks/nothing/cancel", None),
        ("DELETE", "/api/v1/schedules/nothing", None),
        ("DELETE", "/api/v1/task-types/nothing", None),
    ):
        content = b"" if body is None else json.dumps(body).encode()
        assert wsgi.call(method, path, content, headers).status >= 400
    assert entries(calls.account_id) == before
