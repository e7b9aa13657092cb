"""Workers elsewhere: types, claims, and what is said of a task. Contract: tasks.md §8, checks 54 to 60."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from queues.broker.neighbours import _connect
from queues.broker.wakes import HUB, of_account
from queues.models import Delivery
from tests.broker.at_once import at_once, eventually, in_background

from .client import Client, Queue, error_of
from .handle import Tasks


def instant(text: str) -> datetime:
    assert text.endswith("Z")
    return datetime.fromisoformat(text)


@pytest.mark.contract("54")
def test_a_remote_type_from_registration_to_result(api: Client) -> None:
    path = "/api/v1/task-types/email:send"
    told = {"type": "email:send", "handler": "remote"}
    assert api.call("PUT", path).expect(201).json() == told
    assert api.call("PUT", path).expect(200).json() == told
    listed = api.get("/api/v1/task-types").json()
    assert told in listed and {"type": "demo", "handler": "builtin"} in listed
    queue = Queue(api, "email:send", "mail")
    task_id = queue.made(payload={"to": "a"}, metadata={"m": "x"}, timeout="10m", max_retries=5)
    claimed = queue.take(worker_id="w")
    assert {name: claimed[name] for name in list(claimed)[:8]} == {
        "id": task_id, "queue": "mail", "type": "email:send", "payload": {"to": "a"}, "metadata": {"m": "x"},
        "max_retry": 5, "retried": 0, "timeout": "10m0s",
    }  # fmt: skip
    lease = instant(claimed["lease_expires_at"])
    assert instant(claimed["deadline"]) - lease == timedelta(minutes=10, seconds=-30)
    assert timedelta(0) < lease - datetime.now(UTC) <= timedelta(seconds=31)
    reported = queue.say(claimed, "progress", percentage=50).expect(200).json()
    assert instant(reported["lease_expires_at"]) >= lease
    with api.stream(f"/api/v1/tasks/{task_id}/progress/stream").opened() as stream:
        said = queue.say(claimed, "complete", message="Sent", result={"id": 7})
        assert said.expect(200).json() == {"message": "task completed"}
        final, done = stream.rest()
    assert (final.data["message"], done.data["status"]) == ("Sent", "completed")
    assert (queue.state(task_id), queue.task(task_id)["result"]) == ("completed", {"id": 7})
    assert api.call("DELETE", path).expect(200).json() == {"message": "task type deleted"}
    assert error_of(api.call("DELETE", path)) == (404, "TASK_TYPE_NOT_FOUND")
    assert error_of(queue.create()) == error_of(queue.claim()) == (400, "INVALID_TASK_TYPE")


def test_builtin_types_are_left_alone(api: Client) -> None:
    for method in ("PUT", "DELETE"):
        assert error_of(api.call(method, "/api/v1/task-types/demo")) == (409, "TASK_TYPE_BUILTIN")
    for name in ("a%20b", "%C3%BC", "x" * 129):
        assert error_of(api.call("PUT", f"/api/v1/task-types/{name}")) == (400, "INVALID_TASK_TYPE")


@pytest.mark.contract("55")
def test_a_claim_elsewhere_gets_nothing(q: Queue) -> None:
    q.made()
    assert q.claim(queues=["elsewhere"]).json() == {"tasks": []}
    assert q.claim(types=[q.client.register()]).json() == {"tasks": []}


@pytest.mark.contract("55")
def test_a_task_goes_to_one_of_many_claims(q: Queue) -> None:
    q.made()
    claims = at_once([q.claim] * 6)
    assert sorted(len(claim.expect(200).json()["tasks"]) for claim in claims) == [0] * 5 + [1]


@pytest.mark.contract("55")
def test_a_waiting_claim_is_answered_when_a_task_comes(q: Queue, behind: Tasks) -> None:
    """Also one that waits for a queue that does not exist yet, among others that do."""
    other = Queue(q.client, q.type, f"{q.name}-2")
    for queues in ([q.name], [q.name, other.name]):
        waiting = in_background(q.claim, wait="20s", queues=queues)
        eventually(lambda: of_account(behind.account_id) in HUB.queues())
        made = Queue(q.client, q.type, queues[-1]).made()
        assert [task["id"] for task in waiting.result(30).json()["tasks"]] == [made]
        eventually(lambda: of_account(behind.account_id) not in HUB.queues())


def test_a_claim_takes_several_types_and_empties_queues_in_order(q: Queue) -> None:
    second = Queue(q.client, q.client.register(), q.name)
    first_queue = Queue(q.client, q.type, f"{q.name}-first")
    made = [q.made(), second.made(), q.made()]
    ahead = first_queue.made()
    wanted: dict[str, Any] = {"types": [second.type, q.type], "queues": [first_queue.name, q.name]}
    tasks = q.claim(max_tasks=3, **wanted).expect(200).json()["tasks"]
    assert [task["id"] for task in tasks] == [ahead, *made[:2]]
    assert [task["queue"] for task in tasks] == [first_queue.name, q.name, q.name]
    assert [task["id"] for task in q.claim(max_tasks=3, **wanted).json()["tasks"]] == made[2:]


def test_a_type_named_twice_is_one_type(q: Queue) -> None:
    made = [q.made() for _ in range(2)]
    tasks = q.claim(types=[q.type, q.type], max_tasks=2).expect(200).json()["tasks"]
    assert [task["id"] for task in tasks] == made


def test_a_claim_whose_tasks_others_are_taking_has_whoever_waits_look_again(q: Queue, behind: Tasks) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite's writers come one after the other")
    types = [q.type, q.client.register()]
    made = q.made()
    with _connect() as other, other.transaction():
        other.execute("SELECT 1 FROM queues_delivery WHERE queue_id = %s FOR UPDATE", [behind.queue_id])
        before = HUB.stamp()
        assert q.claim(types=types).expect(200).json() == {"tasks": []}
        assert HUB._last[behind.queue_id] > before
    assert q.take(types=types)["id"] == made


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"types": []}, "INVALID_REQUEST"), ({"types": ["x"] * 51}, "INVALID_REQUEST"),
        ({"types": "x"}, "INVALID_REQUEST"), ({"types": None}, "INVALID_REQUEST"),
        ({"types": ["nope"]}, "INVALID_TASK_TYPE"), ({"queues": []}, "INVALID_REQUEST"),
        ({"max_tasks": 0}, "INVALID_REQUEST"), ({"max_tasks": 101}, "INVALID_REQUEST"),
        ({"wait": "31s"}, "INVALID_WAIT"), ({"wait": "-1s"}, "INVALID_WAIT"), ({"wait": "x"}, "INVALID_WAIT"),
        ({"lease": "999ms"}, "INVALID_LEASE"), ({"lease": "61m"}, "INVALID_LEASE"),
        ({"lease": "0"}, "INVALID_LEASE"), ({"lease": 5}, "INVALID_REQUEST"),
        ({"worker_id": "a\0b"}, "INVALID_REQUEST"), ({"worker_id": "x" * 129}, "INVALID_REQUEST"),
    ],
)  # fmt: skip
def test_a_claim_is_refused_what_it_cannot_be(q: Queue, fields: dict[str, Any], code: str) -> None:
    assert error_of(q.claim(**fields)) == (400, code)


def test_null_is_the_same_as_leaving_a_field_out(q: Queue) -> None:
    task_id = q.client.post("/api/v1/tasks", {"type": q.type, "payload": {}}).expect(201).json()["task_id"]
    claimed = q.take(queues=None, worker_id=None, max_tasks=None, wait=None, lease=None)
    assert claimed["id"] == task_id
    q.say(claimed, "heartbeat", lease=None).expect(200)
    q.say(claimed, "progress", percentage=5, stage=None, message=None, metadata=None).expect(200)
    q.say(claimed, "fail", error="x", retry=None, retry_in="0").expect(200)
    again = q.take(queues=None)
    q.say(again, "complete", message=None, result=None).expect(200)
    told = [(e["progress"]["stage"], e["progress"]["message"]) for e in q.history(task_id)]
    assert told == [("processing", ""), ("retry", "x"), ("completed", "Done")]
    wrong = {"percentage": 1, "stage": None, "message": 5}
    for what, fields in (("progress", wrong), ("fail", {"error": None})):
        assert error_of(q.say(again, what, **fields)) == (400, "INVALID_REQUEST")


def delay(behind: Tasks) -> timedelta:
    """How long after its failure the one task of the queue is tried again, by the server's clock."""
    failed = Delivery.objects.get(queue_id=behind.queue_id)
    return failed.deliver_at - failed.updated_at


@pytest.mark.contract("56")
def test_failing_until_it_is_archived(q: Queue, behind: Tasks) -> None:
    claimed = q.started(max_retries=2)
    q.report(claimed, 40)
    failed = q.say(claimed, "fail", error="one").expect(200).json()
    assert (failed["message"], failed["state"]) == ("task failed", "retry")
    task = q.task(claimed["id"])
    assert (task["state"], task["retried"], task["last_err"]) == ("retry", 1, "one")
    assert task["next_process_at"] == failed["next_process_at"]
    assert timedelta(seconds=15) <= delay(behind) <= timedelta(seconds=44)
    behind.age(45)
    again = q.take()
    assert again["retried"] == 1
    failed = q.say(again, "fail", error="two", retry_in="5m").expect(200).json()
    assert instant(failed["next_process_at"]) == Delivery.objects.get(queue_id=behind.queue_id).deliver_at
    # From when the request was read, which is before the failure is written.
    assert timedelta(minutes=4) < delay(behind) <= timedelta(seconds=301)
    behind.age(301)
    last = q.take()
    with q.client.stream(f"/api/v1/tasks/{last['id']}/progress/stream").opened() as stream:
        assert q.say(last, "fail", error="three").expect(200).json() == {
            "message": "task failed", "state": "archived",
        }  # fmt: skip
        final, done = stream.rest()
    assert (final.data["stage"], final.data["percentage"], final.data["message"]) == ("failed", 40, "three")
    assert done.data["status"] == "failed"
    task = q.task(last["id"])
    assert (task["state"], task["retried"], task["last_err"]) == ("archived", 2, "three")


@pytest.mark.contract("56")
def test_a_worker_may_give_up_at_once(q: Queue) -> None:
    claimed = q.started()
    assert q.say(claimed, "fail", error="never", retry=False).expect(200).json()["state"] == "archived"
    assert q.task(claimed["id"])["retried"] == 0


@pytest.mark.contract("57")
def test_a_wrong_token_is_no_lease(q: Queue, behind: Tasks) -> None:
    claimed = q.started()
    lost = (409, "LEASE_LOST")
    for token in ("", "nope", "1", "9" * 30, "-1"):
        wrong = {**claimed, "lease_token": token}
        for what, fields in (
            ("heartbeat", {}), ("progress", {"percentage": 1}), ("complete", {}), ("fail", {"error": "x"}),
        ):  # fmt: skip
            assert error_of(q.say(wrong, what, **fields)) == lost
    assert (q.history(claimed["id"]), q.state(claimed["id"])) == ([], "active")
    behind.age(31)
    assert error_of(q.say(claimed, "heartbeat")) == lost
    task = q.task(claimed["id"])
    assert (task["state"], task["last_err"]) == ("retry", "task lease expired")
    assert error_of(q.say(claimed, "complete")) == lost


@pytest.mark.contract("57")
def test_leases_last_as_long_as_is_asked(q: Queue, behind: Tasks) -> None:
    """From the instant they were renewed at, by the server's clock: here no other clock has a say."""
    q.made()
    claimed = q.take(lease="10m")

    def lasts(answer: dict[str, Any]) -> timedelta:
        lease = Delivery.objects.get(queue_id=behind.queue_id)
        assert instant(answer["lease_expires_at"]) == lease.due_at
        return lease.due_at - lease.updated_at

    assert lasts(claimed) == timedelta(minutes=10)
    assert lasts(q.say(claimed, "heartbeat").expect(200).json()) == timedelta(minutes=10)
    assert lasts(q.say(claimed, "heartbeat", lease="1s").expect(200).json()) == timedelta(seconds=1)
    for lease in ("0s", "2h", "x"):
        assert error_of(q.say(claimed, "heartbeat", lease=lease)) == (400, "INVALID_LEASE")


@pytest.mark.contract("58")
def test_a_cancelled_task_takes_nothing_from_its_worker(q: Queue) -> None:
    claimed = q.started()
    q.cancel(claimed["id"]).expect(200)
    for what, fields in (
        ("heartbeat", {}), ("progress", {"percentage": 1}), ("complete", {}), ("fail", {"error": "x"}),
    ):  # fmt: skip
        assert error_of(q.say(claimed, what, **fields)) == (409, "TASK_CANCELLED")
    assert (q.state(claimed["id"]), len(q.history(claimed["id"]))) == ("archived", 1)


@pytest.mark.contract("58")
def test_only_who_held_a_task_when_it_was_cancelled_hears_of_that(q: Queue, behind: Tasks) -> None:
    failed, lost = q.started(), q.started()
    q.say(failed, "fail", error="x").expect(200)
    behind.age(31)
    for claimed in (failed, lost):
        q.cancel(claimed["id"]).expect(200)
        assert error_of(q.say(claimed, "complete")) == (409, "LEASE_LOST")


def test_completing_again_with_the_same_token_is_fine(q: Queue) -> None:
    claimed = q.started()
    for _ in range(2):
        q.say(claimed, "complete").expect(200)
    assert error_of(q.say(claimed, "fail", error="x")) == (409, "LEASE_LOST")
    assert len(q.history(claimed["id"])) == 1


def test_a_deleted_task_is_not_found_by_its_worker(q: Queue, behind: Tasks) -> None:
    claimed = q.started(max_retries=0)
    behind.age(31)
    assert q.state(claimed["id"]) == "archived"
    q.delete(claimed["id"]).expect(200)
    assert error_of(q.say(claimed, "complete")) == (404, "TASK_NOT_FOUND")


@pytest.mark.contract("60")
def test_a_timeout_ends_the_attempt_although_heartbeats_go_on(q: Queue, behind: Tasks) -> None:
    claimed = q.started(timeout="10s", max_retries=0)
    assert claimed["lease_expires_at"] == claimed["deadline"]
    until = q.say(claimed, "heartbeat", lease="1h").expect(200).json()["lease_expires_at"]
    assert until == claimed["deadline"]
    behind.age(11)
    task = q.task(claimed["id"])
    assert (task["state"], task["last_err"]) == ("archived", "task timed out")
    assert error_of(q.say(claimed, "heartbeat")) == (409, "LEASE_LOST")


@pytest.mark.parametrize(
    ("what", "fields"),
    [
        ("progress", {}), ("progress", {"percentage": 1, "stage": 5}),
        ("progress", {"percentage": 1, "message": "a\0b"}),
        ("progress", {"percentage": 1, "metadata": {"a": 1}}),
        ("complete", {"message": 5}), ("fail", {}), ("fail", {"error": ""}), ("fail", {"error": 5}),
        ("fail", {"error": "x", "retry": "no"}), ("fail", {"error": "x", "retry_in": "soon"}),
        ("fail", {"error": "x", "retry_in": "-1s"}), ("heartbeat", {"lease_token": 5}),
    ],
)  # fmt: skip
def test_what_a_worker_says_must_make_sense(q: Queue, what: str, fields: dict[str, Any]) -> None:
    claimed = q.started()
    assert error_of(q.say(claimed, what, **fields)) == (400, "INVALID_REQUEST")
    assert q.history(claimed["id"]) == []


def test_a_result_may_be_a_mebibyte(q: Queue) -> None:
    claimed = q.started()
    assert error_of(q.say(claimed, "complete", result="x" * 1_048_576)) == (413, "REQUEST_TOO_LARGE")
    q.say(claimed, "complete", result="x" * 1_048_574).expect(200)
