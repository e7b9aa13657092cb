"""Following several tasks. Contract: tasks.md §5.4, checks 47 to 49."""

from __future__ import annotations

from uuid import uuid4

import pytest

from .client import Event, Queue, error_of

PATH = "/api/v1/progress/stream"


def path_of(*task_ids: str, query: str = "") -> str:
    return f"{PATH}?task_ids={','.join(task_ids)}{query}"


def of(events: list[Event], task_id: str) -> list[Event]:
    return [event for event in events if event.data["task_id"] == task_id]


@pytest.mark.contract("47")
def test_one_to_ten_ids_are_wanted(q: Queue) -> None:
    for path in (PATH, path_of(""), path_of(" ", ","), path_of(*(str(uuid4()) for _ in range(11)))):
        assert error_of(q.client.get(path)) == (400, "INVALID_REQUEST")
    made = [q.made() for _ in range(10)]
    with q.client.stream(path_of(*made, made[0], "%20", "")).opened() as stream:
        assert stream.raw.startswith(b"retry: 3000\n")


@pytest.mark.contract("48")
def test_two_live_tasks(q: Queue) -> None:
    one, two, other = q.started(), q.started(), q.started()
    with q.client.stream(path_of(one["id"], two["id"])).opened() as stream:
        q.report(other, 10)
        for claimed, percentage in ((one, 10), (two, 20), (one, 30)):
            q.report(claimed, percentage)
            event = stream.next()
            assert (event.data["task_id"], event.data["progress"]["percentage"]) == (
                claimed["id"],
                percentage,
            )
            assert set(event.data) == {"task_id", "progress"}
        q.say(one, "complete").expect(200)
        q.say(two, "fail", error="x", retry=False).expect(200)
        stream.rest()
        events = stream.events()
    for claimed, status in ((one, "completed"), (two, "failed")):
        *_, final, done = of(events, claimed["id"])
        assert (final.name, final.data["is_final"], final.data["status"]) == ("progress", True, status)
        assert done.name == "done" and done.data == {"task_id": claimed["id"], "status": status}
    assert of(events, other["id"]) == []


@pytest.mark.contract("49")
def test_finished_tasks_are_told_at_once_and_resumed_to_nothing(q: Queue) -> None:
    made = [q.worked(), q.worked()]
    events = q.client.events(path_of(*made))
    for task_id in made:
        assert [event.name for event in of(events, task_id)] == ["progress", "done"]
    assert len(events[-1].id.split(",")) == 2
    answer = q.client.call("GET", path_of(*made), headers={"Last-Event-ID": events[-1].id})
    assert (answer.status, answer.content) == (204, b"")
    rest = q.client.events(path_of(*made), {"Last-Event-ID": events[1].id})
    assert [event.data["task_id"] for event in rest if event.name == "progress"] == [made[1]]


@pytest.mark.contract("49")
def test_a_resumed_stream_misses_nothing(q: Queue) -> None:
    one, two = q.started(), q.started()
    with q.client.stream(path_of(one["id"], two["id"])).opened() as stream:
        q.report(one, 10)
        cursor = stream.next().id
    assert cursor.endswith(",0-0")
    missed = [q.report(two, 20), q.report(one, 30)]
    q.cancel(one["id"]).expect(200)
    q.cancel(two["id"]).expect(200)
    events = q.client.events(path_of(one["id"], two["id"]), {"Last-Event-ID": cursor})
    told = [event.data["progress"]["percentage"] for event in events if event.name == "progress"]
    assert sorted(told) == [20, 20, 30, 30] and len(missed) == 2
    everything = q.client.events(path_of(one["id"], two["id"], query="&start_id=0"))
    assert len([event for event in everything if event.name == "progress"]) == 5


@pytest.mark.contract("49")
def test_unknown_tasks_among_known_ones(q: Queue) -> None:
    known, unknown = q.worked(), str(uuid4())
    events = q.client.events(path_of(unknown, known))
    assert [event.name for event in events] == ["error", "progress", "done"]
    assert events[0].data["task_id"] == unknown and events[0].data["code"] == "TASK_NOT_FOUND"
    assert events[-1].id.startswith("0-0,")
    assert error_of(q.client.get(path_of(unknown, "nope"))) == (404, "TASK_NOT_FOUND")


@pytest.mark.contract("49")
def test_an_id_that_is_no_text_is_told_as_unknown(q: Queue) -> None:
    events = q.client.events(path_of(q.worked(), "%FF", "a%00b"))
    assert [event.name for event in events] == ["error", "error", "progress", "done"]
    assert {event.data["code"] for event in events[:2]} == {"TASK_NOT_FOUND"}


def test_a_task_deleted_meanwhile_is_done(q: Queue) -> None:
    one, two = q.made(), q.made()
    with q.client.stream(path_of(one, two)).opened() as stream:
        q.delete(one).expect(200)
        done = stream.next()
        assert (done.name, done.data) == ("done", {"task_id": one, "status": "cancelled"})
        q.cancel(two).expect(200)
        assert [event.name for event in stream.rest()] == ["progress", "done"]
