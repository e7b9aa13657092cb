"""Reading progress. Contract: tasks.md §5.1, §5.2, checks 30 to 33."""

from __future__ import annotations

import time
from typing import Any

import pytest

from queues.tasks import journal
from queues.tasks.progress import position

from .client import Queue, error_of
from .handle import Tasks


def number(stream_id: str) -> tuple[int, int]:
    ms, seq = stream_id.split("-")
    return int(ms), int(seq)


@pytest.mark.contract("30", "32")
def test_the_newest_entry_and_what_there_is(q: Queue) -> None:
    begin = time.time()
    task_id = q.worked()
    latest = q.client.get(f"/api/v1/tasks/{task_id}/progress").expect(200).json()
    history = q.history(task_id)
    assert latest == {key: history[-1][key] for key in ("progress", "is_final", "stream_id", "status")}
    progress: dict[str, Any] = latest["progress"]
    assert (latest["is_final"], latest["status"]) == (True, "completed")
    assert (progress["percentage"], progress["stage"], progress["message"]) == (100, "completed", "Done")
    assert begin - 1 <= progress["timestamp_ms"] / 1000 <= time.time() + 1
    assert number(latest["stream_id"])[0] == progress["timestamp_ms"]
    info = q.client.get(f"/api/v1/tasks/{task_id}/progress/info").expect(200).json()
    assert info == {
        "task_id": task_id,
        "has_progress": True,
        "length": len(history),
        "first_entry": history[0]["stream_id"],
        "last_entry": history[-1]["stream_id"],
    }


@pytest.mark.contract("31")
def test_history_is_in_order_and_ends_with_the_one_final_entry(q: Queue) -> None:
    history = q.history(q.worked())
    assert 3 <= len(history) <= 6
    ids = [number(entry["stream_id"]) for entry in history]
    assert ids == sorted(set(ids))
    percentages = [entry["progress"]["percentage"] for entry in history]
    assert percentages == sorted(percentages)
    assert [entry["is_final"] for entry in history] == [False] * 3 + [True]
    assert ["status" in entry for entry in history] == [False] * 3 + [True]
    assert [entry["progress"]["stage"] for entry in history[:-1]] == ["processing"] * 3


@pytest.mark.contract("33")
def test_history_from_an_entry_on(q: Queue) -> None:
    task_id = q.worked()
    ids = [entry["stream_id"] for entry in q.history(task_id)]

    def since(start: str) -> list[str]:
        return [entry["stream_id"] for entry in q.history(task_id, f"?start_id={start}")]

    assert since(ids[1]) == ids[1:]
    assert since(f"({ids[1]}") == ids[2:]
    assert since("9999999999999-0") == since("9" * 400) == []
    for beginning in ("0", "-", "0-0", ""):
        assert since(beginning) == ids
    assert [entry["stream_id"] for entry in q.history(task_id, "?limit=2")] == ids[:2]
    for wrong in ("abc", "$", "%2B", "5-", "-5", "(", "(-", "%D9%A3", "1-2-3"):
        answer = q.client.get(f"/api/v1/tasks/{task_id}/progress/history?start_id={wrong}")
        assert error_of(answer) == (400, "INVALID_REQUEST")


def test_ids_are_compared_as_numbers(q: Queue, behind: Tasks, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve entries of one millisecond: -10 comes after -9."""
    claimed = q.started()
    first = q.report(claimed, 1)
    ms = number(first)[0] + 3_600_000
    from queues.models import Task

    Task.objects.filter(public_id=claimed["id"]).update(last_position=position(ms, 0))
    ids = [q.report(claimed, 2) for _ in range(12)]
    assert ids == [f"{ms}-{seq}" for seq in range(1, 13)]
    later = [entry["stream_id"] for entry in q.history(claimed["id"], f"?start_id=({ms}-9")]
    assert later == [f"{ms}-{seq}" for seq in (10, 11, 12)]


def test_a_thousand_entries_are_kept_and_the_final_one_always(
    q: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "KEPT_ENTRIES", 5)
    claimed = q.started()
    ids = [q.report(claimed, step) for step in range(8)]
    q.say(claimed, "complete", message="At last").expect(200)
    history = q.history(claimed["id"])
    assert [entry["stream_id"] for entry in history[:-1]] == ids[-4:]
    assert history[-1]["progress"]["message"] == "At last"
    info = q.client.get(f"/api/v1/tasks/{claimed['id']}/progress/info").json()
    assert (info["length"], info["first_entry"]) == (5, ids[4])


def test_a_failure_to_be_retried_is_no_final_entry(q: Queue) -> None:
    claimed = q.started()
    q.report(claimed, 40)
    q.say(claimed, "fail", error="boom").expect(200)
    *_, last = q.history(claimed["id"])
    assert (last["is_final"], last["progress"]["stage"], last["progress"]["message"]) == (
        False,
        "retry",
        "boom",
    )
