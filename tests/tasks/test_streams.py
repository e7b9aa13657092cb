"""Following one task. Contract: tasks.md §5.3, checks 34 to 46 and 59."""

from __future__ import annotations

from uuid import uuid4

import pytest

from queues.api import sse
from queues.broker.wakes import HUB
from tests.broker.at_once import eventually

from .client import Event, Queue, Stream, error_of

DONE = ["progress", "done"]


def path_of(task_id: str, query: str = "") -> str:
    return f"/api/v1/tasks/{task_id}/progress/stream{query}"


def names(events: list[Event]) -> list[str]:
    return [event.name for event in events]


def ids(events: list[Event]) -> list[str]:
    return [event.id for event in events]


def following(q: Queue, task_id: str, query: str = "") -> Stream:
    """An open stream, from whose start on nothing is missed."""
    return q.client.stream(path_of(task_id, query)).opened()


@pytest.mark.contract("34")
def test_headers_and_a_first_line_come_at_once(q: Queue) -> None:
    with following(q, q.made(process_at="2099-01-01T00:00:00Z")) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert stream.headers["cache-control"] == "no-cache"
        assert stream.headers["x-accel-buffering"] == "no"
        assert not {"content-length", "content-encoding"} & stream.headers.keys()
        assert stream.raw == b"retry: 3000\n: connected\n\n"
        assert stream.events() == []


@pytest.mark.contract("35")
@pytest.mark.parametrize("accept", ["text/event-stream", "*/*", "application/json", "text/html"])
def test_any_accept_will_do(q: Queue, accept: str) -> None:
    task_id = q.made()
    q.cancel(task_id).expect(200)
    assert names(q.client.events(path_of(task_id), {"Accept": accept})) == DONE


@pytest.mark.contract("36", "37", "38")
def test_a_live_task_is_told_step_by_step_and_ends_with_done(q: Queue) -> None:
    claimed = q.started()
    with following(q, claimed["id"], "?start_id=0") as stream:
        for step in (33, 66, 100):
            q.report(claimed, step)
            event = stream.next()
            assert (event.name, event.data["percentage"]) == ("progress", step)
        q.say(claimed, "complete").expect(200)
        final, done = stream.next(), stream.next()
        assert q.state(claimed["id"]) == "completed"
        assert stream.rest() == []
        events = stream.events()
    history = q.history(claimed["id"])
    assert [event.data for event in events[:-1]] == [entry["progress"] for entry in history]
    assert ids(events[:-1]) == [entry["stream_id"] for entry in history]
    assert final.data["stage"] == "completed"
    assert done == Event("done", {"task_id": claimed["id"], "status": "completed"}, final.id)


@pytest.mark.contract("39")
def test_a_finished_task_is_told_in_each_way(q: Queue) -> None:
    task_id = q.worked()
    everything = [entry["stream_id"] for entry in q.history(task_id)]

    def told(query: str) -> tuple[list[str], list[str]]:
        *events, done = q.client.events(path_of(task_id, query))
        assert (done.name, done.id) == ("done", everything[-1])
        return names(events), ids(events)

    count = len(everything)
    assert told("") == told("?start_id=$") == (["progress"], everything[-1:])
    assert told("?start_id=0") == told("?start_id=-") == (["progress"] * count, everything)
    assert told("?history=true") == told("?history=true&start_id=0") == (["history"] * count, everything)
    assert told("?history=1") == (["progress"], everything[-1:])
    assert told(f"?history=true&start_id={everything[0]}") == (["history"] * (count - 1), everything[1:])
    assert told(f"?start_id={everything[-1]}") == told("?start_id=9999999999999-0") == ([], [])


@pytest.mark.contract("40")
def test_a_stream_goes_on_where_it_was_cut_off(q: Queue) -> None:
    task_id = q.worked()
    everything = [entry["stream_id"] for entry in q.history(task_id)]
    assert ids(q.client.events(path_of(task_id, f"?start_id={everything[1]}")))[:-1] == everything[2:]
    path = path_of(task_id, "?start_id=0&history=true")
    events = q.client.events(path, {"Last-Event-ID": everything[1]})
    assert (ids(events)[:-1], set(names(events))) == (everything[2:], {"progress", "done"})
    assert names(q.client.events(path, {"Last-Event-ID": "not an id"}))[0] == "history"
    wrong = path_of(task_id, "?start_id=abc")
    assert ids(q.client.events(wrong, {"Last-Event-ID": everything[1]}))[:-1] == everything[2:]
    for last in (everything[-1], "9999999999999-0"):
        answer = q.client.call("GET", path, headers={"Last-Event-ID": last})
        assert (answer.status, answer.content) == (204, b"")


@pytest.mark.contract("41")
def test_only_what_is_new(q: Queue) -> None:
    claimed = q.started()
    q.report(claimed, 10)
    with following(q, claimed["id"]) as stream:
        new = q.report(claimed, 20)
        assert stream.next().id == new
        q.say(claimed, "complete").expect(200)
        assert names(stream.rest()) == DONE


@pytest.mark.contract("41")
def test_history_and_what_follows_have_no_gap_and_nothing_twice(q: Queue) -> None:
    claimed = q.started()
    q.report(claimed, 10)
    with following(q, claimed["id"], "?history=true") as stream:
        assert stream.next().name == "history"
        q.report(claimed, 20)
        q.say(claimed, "complete").expect(200)
        stream.rest()
        *events, _ = stream.events()
    assert ids(events) == [entry["stream_id"] for entry in q.history(claimed["id"])]
    assert names(events) == ["history", "progress", "progress"]


@pytest.mark.contract("42")
def test_cancelling_and_deleting_end_a_stream(q: Queue) -> None:
    task_id = q.made(process_at="2099-01-01T00:00:00Z")
    with following(q, task_id) as stream:
        q.cancel(task_id).expect(200)
        events = stream.rest()
        assert names(events) == DONE
        assert events[-1].data == {"task_id": task_id, "status": "cancelled"}
    task_id = q.made(process_at="2099-01-01T00:00:00Z")
    with following(q, task_id) as stream:
        q.delete(task_id).expect(200)
        (done,) = stream.rest()
        assert (done.name, done.data["status"]) == ("done", "cancelled")


@pytest.mark.contract("43")
def test_two_clients_see_the_same_and_neither_matters_to_the_task(q: Queue) -> None:
    claimed = q.started()
    with following(q, claimed["id"]) as one, following(q, claimed["id"]) as two:
        with following(q, claimed["id"]):
            pass  # hangs up
        q.report(claimed, 50)
        q.say(claimed, "complete").expect(200)
        assert one.rest() == two.rest()
        assert names(one.events()) == ["progress", *DONE]


@pytest.mark.contract("44")
def test_what_cannot_be_followed_is_told_as_json(q: Queue) -> None:
    assert error_of(q.client.get(path_of(str(uuid4())))) == (404, "TASK_NOT_FOUND")
    assert error_of(q.client.get(path_of("nope", "?start_id=abc"))) == (404, "TASK_NOT_FOUND")
    for start in ("abc", "%2B", "(1-0"):
        answer = q.client.get(path_of(q.made(), f"?start_id={start}"))
        assert error_of(answer) == (400, "INVALID_REQUEST")


@pytest.mark.contract("45", "59")
def test_any_text_arrives_unchanged_in_one_line(q: Queue) -> None:
    text = 'line\nfeed\r\n\u2028 and "quotes" \\ ü 🎈\ttab'
    claimed = q.started()
    q.report(claimed, 5, message=text, stage=text, metadata={text: text})
    q.say(claimed, "complete", message=text).expect(200)
    with q.client.stream(path_of(claimed["id"], "?start_id=0")) as stream:
        first, final, _ = stream.rest()
        assert first.data["message"] == first.data["stage"] == final.data["message"] == text
        assert first.data["metadata"] == {text: text}
        assert "metadata" not in final.data
        assert "🎈".encode() in stream.raw and b"\r" not in stream.raw


@pytest.mark.contract("46")
def test_silence_is_broken(q: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "HEARTBEAT_SECONDS", 0.05)
    with following(q, q.made()) as stream:
        stream._await(lambda: stream.raw.count(b": heartbeat\n\n") > 2)
        assert stream.events() == []


@pytest.mark.contract("59")
@pytest.mark.parametrize("percentage", [101, -1, "x", 1.5, True, None])
def test_a_percentage_is_one(q: Queue, percentage: object) -> None:
    claimed = q.started()
    answer = q.say(claimed, "progress", percentage=percentage)
    assert error_of(answer) == (400, "INVALID_PROGRESS")
    assert q.history(claimed["id"]) == []


def test_past_the_cap_there_is_a_503(q: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.conf import settings

    task_id = q.made()
    with following(q, task_id):
        monkeypatch.setattr(settings, "OKMQ_MAX_STREAMS", sse.open_streams())
        answer = q.client.get(path_of(task_id))
        assert error_of(answer) == (503, "TOO_MANY_STREAMS")
        assert answer.headers["retry-after"] == "5"


def test_an_open_stream_holds_no_database_connection(q: Queue) -> None:
    from django.db import connection

    if connection.vendor != "postgresql":
        pytest.skip("a pool's connections can be counted")

    def in_use() -> int:
        stats: dict[str, int] = connection.pool.get_stats()  # type: ignore[attr-defined]
        return stats["pool_size"] - stats["pool_available"]

    task_id = q.made()
    q.state(task_id)
    by_the_engine = in_use()
    streams = [following(q, task_id) for _ in range(20)]
    eventually(lambda: in_use() <= by_the_engine)
    q.cancel(task_id).expect(200)
    assert [names(stream.rest()) for stream in streams] == [DONE] * 20
    assert sse.open_streams() == 0


def test_a_look_that_fails_is_told_and_ends_the_stream(q: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    from queues.broker.errors import Unavailable
    from queues.tasks import tasks

    task_id = q.made()
    with following(q, task_id) as stream:

        def away(*_: object) -> None:
            raise Unavailable("gone")

        monkeypatch.setattr(tasks, "follow", away)
        HUB.signal(tasks.channel(task_id))
        (event,) = stream.rest()
    assert (event.name, event.data["task_id"], event.data["code"]) == (
        "error",
        task_id,
        "SERVICE_UNAVAILABLE",
    )
    assert event.data["error"] == event.data["message"]
