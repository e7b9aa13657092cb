"""Tasks run by real worker processes beside a real server: the built-in type from end to end, workers that
are killed, an operator's own app."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from queues.tasks.backend import ACCOUNT
from tests.broker.at_once import eventually
from tests.server import Server, ServerFactory
from tests.workers import PATIENCE, Workers

from .client import Event, parse
from .test_served import Api, RawStream


@pytest.fixture(scope="module")
def server(server_factory: ServerFactory) -> Server:
    return server_factory.start(
        arguments=("--no-worker",),
        OKMQ_APPS="tests.tasks.shop",
        OKMQ_DEMO_STEP_MS="40",
        OKMQ_STOP_SECONDS="5",
    )


@pytest.fixture
def api(server: Server) -> Api:
    return Api(server)


@pytest.fixture(scope="module")
def worker(server: Server) -> Iterator[None]:
    with Workers(server) as workers:
        workers.start()
        yield


def run(server: Server, *command: str) -> str:
    process = server.run_python("-m", "tests.tasks.in_server", *command)
    printed, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, printed
    return printed


def create(api: Api, type: str, **fields: Any) -> str:
    body = {"type": type, "payload": {}, **fields}
    return str(api.call("POST", "/api/v1/tasks", body)["task_id"])


def demo(api: Api, count: int, **fields: Any) -> str:
    return create(api, "demo", payload={"message": "hällo", "count": count}, **fields)


def history(api: Api, task_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.call("GET", f"/api/v1/tasks/{task_id}/progress/history")["history"]
    return found


def stream(api: Api, task_id: str) -> list[Event]:
    """All there is to come, to the end."""
    opened = RawStream(api, f"/api/v1/tasks/{task_id}/progress/stream?start_id=0")
    data = b""
    while chunk := opened.chunk():
        data += chunk
    opened.close()
    return list(parse(data))


def test_what_a_killed_worker_had_is_done_by_another(server: Server, api: Api, tmp_path: Path) -> None:
    """Before the others: no worker but these may run."""
    gate = tmp_path / "gate"
    with Workers(server) as workers:
        killed = workers.start()
        task_id = create(api, "shop:order", payload={"gate": str(gate)})
        eventually(lambda: len(history(api, task_id)) == 1)
        killed.kill()
        killed.wait(PATIENCE)
        assert api.state(task_id) == "active", "nobody knows yet"
        run(server, "expire-leases")
        task = api.call("GET", f"/api/v1/tasks/{task_id}")
        assert (task["state"], task["retried"], task["last_err"]) == ("pending", 1, "task lease expired")
        gate.touch()
        workers.start()
        eventually(lambda: api.state(task_id) == "completed")
    assert api.call("GET", f"/api/v1/tasks/{task_id}")["result"] == {"attempt": 2}
    told = [(entry["progress"]["stage"], entry["progress"]["message"]) for entry in history(api, task_id)]
    assert told == [
        ("processing", "attempt 1"), ("retry", "task lease expired"), ("processing", "attempt 2"),
        ("completed", "Done"),
    ]  # fmt: skip


@pytest.mark.contract("21", "30", "31", "36", "38", "51")
def test_the_demo_from_end_to_end(api: Api, worker: None) -> None:
    queue = f"q-{uuid4().hex[:12]}"
    task_id = demo(api, 3, queue=queue)
    events = stream(api, task_id)
    assert api.state(task_id, queue) == "completed"
    assert [event.name for event in events] == ["progress"] * 4 + ["done"]
    assert events[-1].data == {"task_id": task_id, "status": "completed"}
    entries = history(api, task_id)
    assert [event.data for event in events[:-1]] == [entry["progress"] for entry in entries]
    assert [event.id for event in events[:-1]] == [entry["stream_id"] for entry in entries]
    told = [(entry["progress"]["percentage"], entry["progress"]["stage"]) for entry in entries]
    assert told == [(33, "processing"), (66, "processing"), (100, "processing"), (100, "completed")]
    assert entries[0]["progress"]["message"] == "hällo 1/3"
    assert [entry["is_final"] for entry in entries] == [False] * 3 + [True]
    (figures,) = api.call("GET", f"/api/v1/queues/stats?queue={queue}")
    assert (figures["completed"], figures["pending"], figures["active"]) == (1, 0, 0)


@pytest.mark.contract("25")
def test_cancelling_the_demo_while_it_counts(api: Api, worker: None) -> None:
    task_id = demo(api, 1000)
    eventually(lambda: len(history(api, task_id)) >= 2)
    assert api.state(task_id) == "active"
    assert api.call("POST", f"/api/v1/tasks/{task_id}/cancel") == {"message": "task cancelled"}
    assert api.state(task_id) == "archived"
    ended = history(api, task_id)
    assert (ended[-1]["is_final"], ended[-1]["status"]) == (True, "cancelled")
    after = demo(api, 3)
    eventually(lambda: api.state(after) == "completed")
    assert history(api, task_id) == ended, "nothing comes after the end"
    task = api.call("GET", f"/api/v1/tasks/{task_id}")
    assert (task["state"], task["retried"], task["last_err"]) == ("archived", 0, "task cancelled")


@pytest.mark.contract("62")
def test_the_worker_leaves_remote_types_alone(api: Api, worker: None) -> None:
    api.call("PUT", "/api/v1/task-types/email:send")
    remote = create(api, "email:send")
    own = demo(api, 0)
    eventually(lambda: api.state(own) == "completed")
    assert api.state(remote) == "pending"
    (claimed,) = api.call("POST", "/api/v1/tasks/claim", {"types": ["email:send"]})["tasks"]
    assert claimed["id"] == remote
    api.say(claimed, "complete")


def test_a_django_task_of_an_operators_own_app(server: Server, worker: None) -> None:
    api = Api(server, server.create_key(ACCOUNT)[1])
    task_id = run(server, "enqueue", "40", "2").strip()
    eventually(lambda: api.state(task_id) == "completed")
    assert api.call("GET", f"/api/v1/tasks/{task_id}")["result"] == 42
