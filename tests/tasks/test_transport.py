"""Keys, methods, paths and health. Contract: tasks.md §1, §6, checks 1, 2, 14, 52 and 53."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.models import Account

from .client import Client, Queue, error_of


@pytest.mark.contract("1", "2")
def test_health_needs_no_key(api: Client) -> None:
    nobody = {"Authorization": None}
    health = api.call("GET", "/health", headers=nobody).expect(200).json()
    assert health["status"] == "healthy"
    assert set(health["services"].values()) == {"healthy"} and "redis" in health["services"]
    assert api.call("GET", "/ready", headers=nobody).expect(200).json() == {"status": "ready"}
    assert api.call("GET", "/live", headers=nobody).expect(200).json() == {"status": "alive"}


@pytest.mark.contract("14", "52")
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/tasks/x/cancel"), ("PUT", "/api/v1/tasks/x"), ("POST", "/api/v1/queues/stats"),
        ("DELETE", "/api/v1/tasks"), ("PATCH", "/api/v1/tasks/x"), ("GET", "/api/v1/tasks/claim"),
        ("POST", "/api/v1/task-types"), ("DELETE", "/api/v1/progress/stream"), ("OPTIONS", "/api/v1/tasks"),
        ("POST", "/health"), ("POST", "/ready"), ("DELETE", "/live"),
    ],
)  # fmt: skip
def test_a_method_that_is_none_is_told_as_json(api: Client, method: str, path: str) -> None:
    assert error_of(api.call(method, path)) == (405, "METHOD_NOT_ALLOWED")


@pytest.mark.contract("14", "52")
@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/tasks/", "/api/v1/tasks/x/nope", "/api/v1/tasks/x/y/z", "/api/v1/progress",
        "/api/v1/task-types/", "/api/v1/progress/stream/", "/api/v1/queues/stats/",
        "/api/v1/tasks/x/progress/nope",
    ],
)  # fmt: skip
def test_a_path_that_is_none_is_told_as_json(api: Client, path: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        assert error_of(api.call(method, path)) == (404, "NOT_FOUND")


CALLS = [
    ("POST", "/api/v1/tasks"), ("GET", "/api/v1/tasks"), ("GET", "/api/v1/tasks/x"),
    ("DELETE", "/api/v1/tasks/x"), ("POST", "/api/v1/tasks/x/cancel"), ("POST", "/api/v1/tasks/x/run"),
    ("GET", "/api/v1/tasks/x/progress"), ("POST", "/api/v1/tasks/x/progress"),
    ("GET", "/api/v1/tasks/x/progress/history"), ("GET", "/api/v1/tasks/x/progress/info"),
    ("GET", "/api/v1/tasks/x/progress/stream"), ("GET", "/api/v1/progress/stream"),
    ("GET", "/api/v1/queues/stats"), ("GET", "/api/v1/task-types"), ("PUT", "/api/v1/task-types/x"),
    ("DELETE", "/api/v1/task-types/x"), ("POST", "/api/v1/tasks/claim"),
    ("POST", "/api/v1/tasks/x/heartbeat"), ("POST", "/api/v1/tasks/x/complete"),
    ("POST", "/api/v1/tasks/x/fail"),
]  # fmt: skip


@pytest.mark.contract("53")
@pytest.mark.parametrize(("method", "path"), CALLS)
def test_every_call_wants_a_key(api: Client, method: str, path: str) -> None:
    for header in (None, "Bearer wrong", "Basic x", "wrong"):
        answer = api.call(method, path, headers={"Authorization": header})
        assert error_of(answer) == (401, "UNAUTHORIZED")
    answer = api.call(method, path, headers={"Authorization": None, "X-API-Key": api.key})
    assert answer.status not in (401, 403)


@pytest.mark.contract("53")
def test_a_stream_takes_its_key_from_the_query(q: Queue) -> None:
    task_id = q.worked()
    path = f"/api/v1/tasks/{task_id}/progress/stream"
    nobody = {"Authorization": None}
    for query, status in ((f"?api_key={q.client.key}", 200), ("?api_key=wrong", 401), ("", 401)):
        assert q.client.call("GET", path + query, headers=nobody).status == status
    several = f"/api/v1/progress/stream?task_ids={task_id}&api_key={q.client.key}"
    assert q.client.call("GET", several, headers=nobody).status == 200
    answer = q.client.call("GET", f"/api/v1/tasks/{task_id}?api_key={q.client.key}", headers=nobody)
    assert answer.status == 401


def test_nobody_may_be_let_in_without_a_key(account: Account, q: Queue, settings: Any) -> None:
    task_id = q.made()
    settings.OKMQ_ANONYMOUS_ACCOUNT = account.email
    path = f"/api/v1/tasks/{task_id}?queue={q.name}"
    q.client.call("GET", path, headers={"Authorization": None}).expect(200)
    assert q.client.call("GET", path, headers={"Authorization": "Bearer wrong"}).status == 401


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        ("read", "GET /api/v1/tasks"),
        ("publish", "POST /api/v1/tasks"),
        ("consume", "POST /api/v1/tasks/claim"),
        ("manage", "PUT /api/v1/task-types/x"),
    ],
)
def test_a_key_opens_what_its_scope_allows(account: Account, scope: str, allowed: str) -> None:
    from accounts.services import create_key

    api = Client(create_key(account, "test", scopes=[scope]))
    for call in (
        "GET /api/v1/tasks",
        "POST /api/v1/tasks",
        "POST /api/v1/tasks/claim",
        "PUT /api/v1/task-types/x",
    ):
        method, path = call.split()
        answer = api.call(method, path)
        assert (answer.status == 403) == (call != allowed)
        if answer.status == 403:
            assert answer.json()["code"] == "FORBIDDEN"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/api/v1/tasks/x/progress", "PROGRESS_FETCH_ERROR"),
        ("/api/v1/tasks/x/progress/history", "PROGRESS_HISTORY_ERROR"),
        ("/api/v1/tasks/x/progress/info", "STREAM_INFO_ERROR"),
        ("/api/v1/queues/stats", "STATS_FAILED"),
        ("/api/v1/tasks", "LIST_TASKS_FAILED"),
    ],
)
def test_a_store_that_is_away_is_told_in_the_documents_words(
    api: Client, path: str, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from queues.broker.errors import Unavailable
    from queues.tasks import tasks

    def away(*_: object, **__: object) -> None:
        raise Unavailable("gone")

    for name in ("latest", "history", "info", "stats", "list_tasks", "get"):
        monkeypatch.setattr(tasks, name, away)
    answer = api.get(path)
    assert error_of(answer) == (500, code)
    assert answer.headers["retry-after"] == "1"
    assert error_of(api.get("/api/v1/tasks/x")) == (503, "SERVICE_UNAVAILABLE")
