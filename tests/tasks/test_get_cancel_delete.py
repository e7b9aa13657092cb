"""Looking at tasks, cancelling and deleting them. Contract: tasks.md §3.4, §4, checks 19 to 29 and 50, 51."""

from __future__ import annotations

from uuid import uuid4

import pytest

from .client import Client, Queue, error_of
from .handle import Tasks
from .test_create import from_now

NOT_FOUND = (404, "TASK_NOT_FOUND")


@pytest.mark.contract("19")
def test_a_scheduled_task_shows_what_it_is(q: Queue) -> None:
    task = q.task(q.made(process_at="2099-01-01T00:00:00Z", metadata={"a": "b"}))
    assert {name: task[name] for name in list(task)[:8]} == {
        "id": task["id"],
        "queue": q.name,
        "type": q.type,
        "state": "scheduled",
        "max_retry": 3,
        "retried": 0,
        "last_err": "",
        "next_process_at": "2099-01-01T00:00:00Z",
    }


@pytest.mark.contract("20")
def test_a_task_is_looked_for_in_one_queue(q: Queue) -> None:
    task_id = q.made()
    q.get(task_id).expect(200)
    for path in (
        task_id,
        f"{task_id}?queue=other",
        f"{task_id}?queue=",
        uuid4(),
        "nope",
        "a%00b",
        "%FF" * 12,
    ):
        assert error_of(q.client.get(f"/api/v1/tasks/{path}")) == NOT_FOUND
    at_home = q.client.post("/api/v1/tasks", {"type": q.type, "payload": {}}).json()["task_id"]
    for query in ("", "?queue=", "?queue=default"):
        q.client.get(f"/api/v1/tasks/{at_home}{query}").expect(200)


@pytest.mark.contract("21")
def test_a_task_goes_through_its_states(q: Queue) -> None:
    task_id = q.made()
    states = [q.state(task_id)]
    claimed = q.take(worker_id="w1")
    states.append(q.state(task_id))
    assert q.task(task_id)["worker"] == "w1"
    q.say(claimed, "complete", result=[1, {"a": None}]).expect(200)
    task = q.task(task_id)
    assert [*states, task["state"]] == ["pending", "active", "completed"]
    assert task["result"] == [1, {"a": None}]
    assert "next_process_at" not in task and task["completed_at"] >= task["started_at"] >= task["created_at"]


@pytest.mark.contract("22")
def test_a_scheduled_task_does_not_run_before_its_time(q: Queue, behind: Tasks) -> None:
    task_id = q.made(process_at=from_now(seconds=60))
    assert q.claim().json() == {"tasks": []}
    behind.age(61)
    assert q.state(task_id) == "pending"
    assert q.take()["id"] == task_id


@pytest.mark.contract("23")
def test_cancelling_what_is_scheduled(q: Queue, behind: Tasks) -> None:
    task_id = q.made(process_at=from_now(seconds=60))
    assert q.cancel(task_id).expect(200).json() == {"message": "task cancelled"}
    task = q.task(task_id)
    assert (task["state"], task["last_err"]) == ("archived", "task cancelled")
    assert "next_process_at" not in task
    (entry,) = q.history(task_id)
    assert (entry["is_final"], entry["status"], entry["progress"]["stage"]) == (
        True,
        "cancelled",
        "cancelled",
    )
    behind.age(120)
    assert q.claim().json() == {"tasks": []}


@pytest.mark.contract("24")
def test_cancelling_what_has_ended(q: Queue) -> None:
    task_id = q.made()
    q.cancel(task_id).expect(200)
    refusal = q.cancel(task_id)
    assert error_of(refusal) == (500, "CANCEL_FAILED")
    assert refusal.json()["details"] == {"state": "archived"}
    refusal = q.cancel(q.worked())
    assert error_of(refusal) == (500, "CANCEL_FAILED")
    assert refusal.json()["details"] == {"state": "completed"}
    assert error_of(q.cancel(str(uuid4()))) == NOT_FOUND


@pytest.mark.contract("25")
def test_cancelling_what_somebody_works_on(q: Queue, behind: Tasks) -> None:
    claimed = q.started()
    q.report(claimed, 20)
    q.cancel(claimed["id"]).expect(200)
    assert q.state(claimed["id"]) == "archived"
    for what, fields in (("progress", {"percentage": 30}), ("complete", {}), ("fail", {"error": "x"})):
        assert error_of(q.say(claimed, what, **fields)) == (409, "TASK_CANCELLED")
    assert [entry["is_final"] for entry in q.history(claimed["id"])] == [False, True]
    behind.age(3600)
    assert q.claim().json() == {"tasks": []}


@pytest.mark.contract("26")
def test_deleting_what_is_scheduled(q: Queue) -> None:
    task_id = q.made(process_at=from_now(hours=1))
    assert q.delete(task_id).expect(200).json() == {"message": "task deleted"}
    assert error_of(q.get(task_id)) == NOT_FOUND
    assert error_of(q.delete(task_id)) == NOT_FOUND


@pytest.mark.contract("27")
def test_deleting_by_state_and_queue(q: Queue) -> None:
    task_id = q.worked()
    assert error_of(q.delete(task_id, "elsewhere")) == NOT_FOUND
    assert q.state(task_id) == "completed"
    q.delete(task_id).expect(200)
    archived = q.made()
    q.cancel(archived).expect(200)
    q.delete(archived).expect(200)
    claimed = q.started()
    refusal = q.delete(claimed["id"])
    assert error_of(refusal) == (500, "DELETE_FAILED")
    assert refusal.json()["details"] == {"state": "active"}
    q.say(claimed, "complete").expect(200)


@pytest.mark.contract("28")
def test_progress_goes_with_its_task(q: Queue) -> None:
    task_id = q.worked()
    q.delete(task_id).expect(200)
    path = f"/api/v1/tasks/{task_id}/progress"
    assert error_of(q.client.get(path)) == (404, "PROGRESS_NOT_FOUND")
    assert q.history(task_id) == []


@pytest.mark.contract("29")
def test_there_is_no_progress_before_the_first_report(q: Queue) -> None:
    for task_id in (q.made(process_at=from_now(hours=1)), str(uuid4()), "nope"):
        path = f"/api/v1/tasks/{task_id}/progress"
        assert error_of(q.client.get(path)) == (404, "PROGRESS_NOT_FOUND")
        assert q.client.get(f"{path}/history").json() == {"task_id": task_id, "count": 0, "history": []}
        assert q.client.get(f"{path}/info").json() == {
            "task_id": task_id, "has_progress": False, "length": 0, "first_entry": "", "last_entry": "",
        }  # fmt: skip


# ---------------------------------------------------------------- figures, lists, run

STATES = ["pending", "active", "scheduled", "retry", "archived", "completed"]


@pytest.mark.contract("50")
def test_a_queue_is_counted_by_state(q: Queue) -> None:
    assert q.stats() == dict.fromkeys(STATES, 0)
    first, second = (q.made(process_at=from_now(hours=1)) for _ in range(2))
    assert q.stats() == dict.fromkeys(STATES, 0) | {"scheduled": 2}
    q.cancel(first).expect(200)
    assert q.stats() == dict.fromkeys(STATES, 0) | {"scheduled": 1, "archived": 1}
    q.delete(first).expect(200)
    q.delete(second).expect(200)
    assert q.stats() == dict.fromkeys(STATES, 0)
    rows = q.client.get("/api/v1/queues/stats").json()
    assert rows == [{"queue": q.name, **dict.fromkeys(STATES, 0)}]
    Queue(q.client, q.type, "a-queue").made()
    assert [row["queue"] for row in q.client.get("/api/v1/queues/stats").json()] == ["a-queue", q.name]


@pytest.mark.contract("50")
def test_nobody_has_no_queues(api: Client) -> None:
    assert api.get("/api/v1/queues/stats").json() == []
    for name in ("unknown", "a%00b", "%ED%A0%80", "%FF"):
        (row,) = api.get(f"/api/v1/queues/stats?queue={name}").expect(200).json()
        assert set(row) == {"queue", *STATES}


@pytest.mark.contract("51")
def test_every_state_has_its_column(q: Queue) -> None:
    q.worked()
    q.say(q.started(), "fail", error="x").expect(200)
    q.started()
    q.made()
    q.made(process_at=from_now(hours=1))
    q.cancel(q.made()).expect(200)
    assert q.stats() == dict.fromkeys(STATES, 1)


def test_lost_leases_are_counted_as_what_they_became(q: Queue, behind: Tasks) -> None:
    claimed = q.started()
    behind.age(31)
    assert q.stats() == dict.fromkeys(STATES, 0) | {"retry": 1}
    assert q.task(claimed["id"])["last_err"] == "task lease expired"


def test_tasks_are_listed_by_page_and_state(q: Queue) -> None:
    made = [q.made() for _ in range(3)]
    waiting = q.made(process_at=from_now(hours=1))

    def listed(query: str = "") -> list[str]:
        found = q.client.get(f"/api/v1/tasks?queue={q.name}{query}").expect(200).json()
        assert all(set(item) == {"id", "queue", "type", "state"} for item in found)
        return [item["id"] for item in found]

    assert listed() == [*made, waiting]
    assert listed("&status=scheduled") == [waiting]
    assert listed("&size=2") == made[:2]
    assert listed("&size=2&page=1") == [made[2], waiting]
    failed = q.take()
    q.say(failed, "fail", error="x").expect(200)
    assert (listed("&status=retry"), listed("&status=scheduled")) == ([failed["id"]], [waiting])
    assert listed("&status=completed") == []
    assert q.client.get("/api/v1/tasks?queue=unknown").json() == []


def test_a_list_is_refused_what_it_cannot_be(api: Client) -> None:
    for query, code in (
        ("status=x", "INVALID_TASK_STATE"), ("queue=a%20b", "INVALID_QUEUE"), ("page=-1", "INVALID_REQUEST"),
        ("size=0", "INVALID_REQUEST"), ("size=101", "INVALID_REQUEST"), ("page=x", "INVALID_REQUEST"),
    ):  # fmt: skip
        assert error_of(api.get(f"/api/v1/tasks?{query}")) == (400, code)


def test_running_what_waits(q: Queue) -> None:
    task_id = q.made(process_at=from_now(hours=1))
    path = f"/api/v1/tasks/{task_id}/run"
    assert q.client.post(path).expect(200).json() == {"message": "task pending"}
    assert q.state(task_id) == "pending"
    refusal = q.client.post(path)
    assert error_of(refusal) == (409, "RUN_FAILED")
    assert refusal.json()["details"] == {"state": "pending"}
    assert error_of(q.client.post(f"/api/v1/tasks/{uuid4()}/run")) == NOT_FOUND
