"""Queues: made, found, changed, paused, deleted (agentuity.md section 11, 3 to 17)."""

from __future__ import annotations

import re
from typing import Any

import pytest

from queues import broker
from queues.broker.types import QueueSettings, RetryStrategy
from tests.broker.at_once import in_background, parked

from .client import Client, Queue, data
from .conftest import NewQueue

NAME = re.compile(r"[a-z_][a-z0-9_-]{0,255}")
DEFAULTS = {
    "default_ttl_seconds": None,
    "default_visibility_timeout_seconds": 30,
    "default_max_retries": 5,
    "default_retry_backoff_ms": 1000,
    "default_retry_max_backoff_ms": 60000,
    "default_retry_multiplier": 2,
    "max_in_flight_per_client": 10,
    "retention_seconds": 2592000,
    "paused_at": None,
    "description": None,
    "internal": False,
    "next_offset": 0,
    "message_count": 0,
    "dlq_count": 0,
}


@pytest.mark.contract("3")
def test_a_new_queue_has_the_defaults(ag: Client, name: str) -> None:
    made = data(ag.call("POST", "/queue/create", {"queue_type": "worker", "name": name}))["queue"]
    assert made == made | DEFAULTS | {"name": name, "queue_type": "worker"}
    assert re.fullmatch(r"queue_[a-z0-9]{22}", made["id"])
    assert made["created_at"] == made["updated_at"] and made["created_at"].endswith("Z")
    assert Queue(ag, name).get() == made


@pytest.mark.contract("4")
def test_a_name_is_taken_once(ag: Client, q: Queue) -> None:
    before = q.get()
    again = {"queue_type": "pubsub", "name": q.name, "settings": {"default_max_retries": 1}}
    answer = ag.call("POST", "/queue/create", again).expect(409)
    assert "already exists" in answer.json()["message"]
    assert q.get() == before


@pytest.mark.contract("5")
def test_a_queue_without_a_name_is_given_one(ag: Client) -> None:
    made = [data(ag.call("POST", "/queue/create", {"queue_type": "worker"}))["queue"] for _ in range(2)]
    assert all(NAME.fullmatch(queue["name"]) for queue in made)
    assert made[0]["name"] != made[1]["name"]


def test_a_pubsub_queue_its_description_and_that_it_is_internal(ag: Client, name: str) -> None:
    q = ag.create(name, queue_type="pubsub", description="Tells ö", internal=True)
    assert q.get() == q.get() | {"queue_type": "pubsub", "description": "Tells ö", "internal": True}
    q.publish({"a": 1})
    assert q.take()["payload"] == {"a": 1}


@pytest.mark.contract("6", "7", "8", "9")
@pytest.mark.parametrize(
    "body",
    [
        {"name": "t2"},
        {"name": "t2", "queue_type": "stack"},
        {"name": "t2", "queue_type": None},
        {"name": "Bad Name", "queue_type": "worker"},
        {"name": "1abc", "queue_type": "worker"},
        {"name": "", "queue_type": "worker"},
        {"name": "abc\n", "queue_type": "worker"},
        {"name": "a" * 257, "queue_type": "worker"},
        {"name": 7, "queue_type": "worker"},
        {"name": "t2", "queue_type": "worker", "description": "d" * 1025},
        {"name": "t2", "queue_type": "worker", "description": "\0"},
        {"name": "t2", "queue_type": "worker", "internal": "yes"},
        {"name": "t2", "queue_type": "worker", "settings": []},
        [],
        "worker",
        b'{"name": ',
        b"",
        b'{"queue_type":"worker","name":"\\ud800"}',
    ],
)
def test_what_no_queue_can_be_made_from(ag: Client, body: Any) -> None:
    ag.call("POST", "/queue/create", body).expect(400)
    assert ag.listed() == ([], 0)


@pytest.mark.contract("8")
@pytest.mark.parametrize(
    ("field", "bad", "good"),
    [
        ("default_max_retries", [101, -1, 1.5, "5", True, None], [0, 100]),
        ("default_visibility_timeout_seconds", [0, 43201, "30", None], [1, 43200]),
        ("max_in_flight_per_client", [0, 1001, 2.5, None], [1, 1000]),
        ("default_ttl_seconds", [-1, "1", 1e300], [None, 600, 0.5]),
        ("default_retry_backoff_ms", [-1, None], [0, 250]),
        ("default_retry_max_backoff_ms", [-1, None], [0, 250]),
        ("default_retry_multiplier", [0.5, -2, None], [1, 1.5]),
        ("retention_seconds", [-1, None, 1e300], [0, 60]),
    ],
)
def test_settings_have_bounds(ag: Client, name: str, field: str, bad: list[Any], good: list[Any]) -> None:
    for value in bad:
        sent = {"queue_type": "worker", "name": name, "settings": {field: value}}
        assert field in ag.call("POST", "/queue/create", sent).expect(400).json()["message"]
    for value in good:
        q = ag.create(name, settings={field: value})
        assert q.get()[field] == value
        q.delete()


@pytest.mark.parametrize("milliseconds", [1, 1001, 1005, 16_100, 0.5, 250.25, 3_153_599_999_999])
def test_milliseconds_come_back_as_they_were_sent(ag: Client, name: str, milliseconds: float) -> None:
    names = ("default_retry_backoff_ms", "default_retry_max_backoff_ms")
    q = ag.create(name, settings=dict.fromkeys(names, milliseconds))
    assert [q.get()[one] for one in names] == [milliseconds] * 2


def test_a_life_shorter_than_a_millisecond_is_one(new_queue: NewQueue) -> None:
    q = new_queue(ttl_seconds=1e-9)
    assert q.get()["default_ttl_seconds"] == 0.001
    assert q.update(settings={"default_ttl_seconds": 0})["default_ttl_seconds"] is None
    assert q.update(settings={"default_ttl_seconds": 0.0005})["default_ttl_seconds"] == 0.001


@pytest.mark.contract("10")
def test_what_is_not_there_is_told_in_json(ag: Client) -> None:
    assert ag.call("GET", "/queue/get/none").expect(404).json()["message"] == "queue 'none' not found"
    ag.call("GET", "/queue/nonsense").expect(404)
    ag.call("GET", "/queue/").expect(404)
    for method, path in (
        ("PATCH", "/queue/update/none"),
        ("DELETE", "/queue/delete/none"),
        ("POST", "/queue/pause/none"),
        ("POST", "/queue/resume/none"),
        ("GET", "/queue/get/%00"),
        ("GET", "/queue/get/%FF"),
    ):
        ag.call(method, path, {}).expect(404)


@pytest.mark.contract("11")
def test_lists_come_by_the_page(ag: Client) -> None:
    for name in ("b", "c", "a"):
        ag.create(name)
    assert ag.listed() == (["a", "c", "b"], 3)
    assert ag.listed(limit=1, sort="name", direction="asc") == (["a"], 3)
    assert ag.listed(limit=1, sort="name", direction="asc", offset=1) == (["b"], 3)
    assert ag.listed(sort="created", direction="asc") == (["b", "c", "a"], 3)
    assert ag.listed(offset=3) == ([], 3)
    Queue(ag, "b").publish()
    Queue(ag, "c").kill()
    assert ag.listed(sort="message_count")[0][0] == "b"
    assert ag.listed(sort="dlq_count")[0][0] == "c"
    Queue(ag, "b").update(description="changed")
    assert ag.listed(sort="updated")[0][0] == "b"


@pytest.mark.contract("11")
def test_names_are_in_the_same_order_on_any_database(ag: Client) -> None:
    for name in ("ab", "a_c", "a-b", "a0", "_"):
        ag.create(name)
    assert ag.listed(sort="name", direction="asc")[0] == ["_", "a-b", "a0", "a_c", "ab"]
    assert ag.listed(sort="name", limit=2)[0] == ["ab", "a_c"]


@pytest.mark.contract("12")
def test_lists_are_filtered(ag: Client) -> None:
    ag.create("orders-eu")
    ag.create("orders_us")
    ag.create("news", queue_type="pubsub")
    Queue(ag, "orders_us").pause()
    assert ag.listed(name="ders-e") == (["orders-eu"], 1)
    assert ag.listed(name="%") == ([], 0)
    assert ag.listed(queue_type="pubsub") == (["news"], 1)
    assert ag.listed(queue_type="worker", sort="name", direction="asc")[0] == ["orders-eu", "orders_us"]
    assert ag.listed(status="paused") == (["orders_us"], 1)
    assert ag.listed(status="active")[1] == 2


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0}, {"limit": 1001}, {"limit": "x"}, {"offset": -1}, {"sort": "size"}, {"direction": "up"},
        {"queue_type": "stack"}, {"status": "ill"},
    ],
)  # fmt: skip
def test_what_no_list_can_be_asked_for(ag: Client, query: dict[str, Any]) -> None:
    assert next(iter(query)) in ag.call("GET", "/queue/list", **query).expect(400).json()["message"]


@pytest.mark.contract("13")
def test_an_update_changes_what_it_says(ag: Client, name: str) -> None:
    q = ag.create(name, description="d", settings={"default_ttl_seconds": 100, "retention_seconds": 7})
    before = q.get()
    after = q.update(settings={"default_max_retries": 7})
    assert after == before | {"default_max_retries": 7, "updated_at": after["updated_at"]}
    assert after["updated_at"] > before["updated_at"]
    assert q.update(description="e")["description"] == "e"
    assert q.update(settings={"default_retry_multiplier": 3}) == q.get() | {"default_retry_multiplier": 3}
    assert q.get()["default_retry_backoff_ms"] == 1000
    unchanged = q.get()
    assert q.update(unknown=1) == unchanged


@pytest.mark.contract("14")
def test_null_clears_the_time_to_live(new_queue: NewQueue) -> None:
    q = new_queue(ttl_seconds=100)
    assert q.update(settings={"default_ttl_seconds": None})["default_ttl_seconds"] is None


@pytest.mark.parametrize("body", [{"settings": {"default_max_retries": 101}}, {"description": 5}, b"{", []])
def test_an_update_that_will_not_do_changes_nothing(ag: Client, q: Queue, body: Any) -> None:
    before = q.get()
    q.call("PATCH", "update", content=body).expect(400)
    assert q.get() == before
    ag.call("PATCH", "/queue/update/none", body).expect(404)


@pytest.mark.contract("15")
def test_a_queue_is_paused_and_resumed(q: Queue) -> None:
    contents: list[Any] = [{}, b""]
    for content in contents:
        q.call("POST", "pause", content=content).expect(200)
        paused = q.get()
        assert paused["paused_at"] is not None
        assert q.pause() == paused  # again: no matter
        assert q.resume()["paused_at"] is None


@pytest.mark.contract("16")
def test_a_paused_queue_takes_messages_and_hands_out_none(q: Queue) -> None:
    held = q.publish(0)
    assert q.take()["id"] == held["id"]
    q.pause()
    published = q.publish({"a": 1})
    assert q.receive() is None
    q.ack(held["id"])
    assert len(q.consume(0)) == 2
    waiting = in_background(q.receive, 20)
    parked(q.handle().id, 1)
    q.resume()
    received = waiting.result(20)
    assert received is not None and received["id"] == published["id"]


@pytest.mark.contract("17")
def test_a_deleted_queue_is_gone_and_its_name_free(ag: Client, q: Queue) -> None:
    before = q.get()
    q.publish()
    q.delete()
    q.call("GET", "get").expect(404)
    q.call("DELETE", "delete").expect(404)
    again = ag.create(q.name).get()
    assert (again["id"] != before["id"], again["next_offset"], again["message_count"]) == (True, 0, 0)


def test_counters_tell_what_waits_and_what_is_dead(new_queue: NewQueue) -> None:
    q = new_queue(max_retries=1)
    q.kill()
    for payload in range(4):
        q.publish(payload)
    q.ack(q.take()["id"])
    q.take()
    assert q.get() == q.get() | {"message_count": 3, "dlq_count": 1, "next_offset": 5}


def test_another_dialects_queue_is_shown_as_far_as_it_can_be(ag: Client) -> None:
    settings = QueueSettings(retry=RetryStrategy("list", delays=(1, 5)), max_attempts=3, ttl_seconds=60)
    broker.create_queue(ag.account.pk, "Other Queue", settings=settings)
    q = Queue(ag, "Other Queue")
    shown = q.get()
    assert "max_in_flight_per_client" not in shown and "retention_seconds" not in shown
    assert (shown["default_retry_backoff_ms"], shown["default_retry_max_backoff_ms"]) == (1000, 5000)
    assert (shown["default_ttl_seconds"], shown["default_max_retries"]) == (60, 3)
    assert q.update(settings={"default_max_retries": 4})["default_retry_max_backoff_ms"] == 5000
    assert broker.get_queue(ag.account.pk, "Other Queue").settings.retry == settings.retry


def test_a_queue_belongs_to_its_account(q: Queue, stranger: Any) -> None:
    from accounts.services import create_key

    other = Client(stranger, create_key(stranger, "test"))
    assert other.listed() == ([], 0)
    for method, action in (("GET", "get"), ("DELETE", "delete"), ("POST", "messages/publish")):
        Queue(other, q.name).call(method, action, content={"payload": 1}).expect(404)
