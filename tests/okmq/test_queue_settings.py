"""C. Queue settings: what create and PATCH take, keep and refuse."""

from collections.abc import Mapping
from typing import Any

import pytest

from .bad_values import BAD_SETTINGS, OVER_BOUNDS, settings
from .client import Client, Queue
from .clock import assert_between, instant, now
from .conftest import NewQueue

ALL_NINE: dict[str, Any] = {
    "auto_ack": True,
    "auto_delete": True,
    "lock_duration": 45,
    "max_delivery_attempts": 7,
    "preserve_failed": True,
    "preserve_pending": True,
    "retry_strategy": {"type": "linear", "base_delay": 7, "max_delay": 70, "multiplier": 1.5},
    "topics": ["b", "a"],
    "ttl": 4000,
}

BOUNDS: list[dict[str, Any]] = [
    {"lock_duration": 1, "max_delivery_attempts": 1, "ttl": 0, "topics": []},
    {"lock_duration": 86400, "max_delivery_attempts": 100, "ttl": 31536000},
    {"topics": [f"topic {number}" for number in range(10)]},
    {"topics": ["x" * 50, "é" * 50]},
    {"retry_strategy": {"type": "exponential", "base_delay": 1, "max_delay": 1, "multiplier": 1}},
    {"retry_strategy": {"type": "exponential", "base_delay": 31536000, "max_delay": 31536000}},
    {"retry_strategy": {"type": "exponential", "base_delay": 9, "max_delay": 3, "multiplier": 1e300}},
    {"retry_strategy": {"type": "linear", "multiplier": 1.0001}},
    {"retry_strategy": {"type": "fixed"}},
    {"retry_strategy": {"type": "none"}},
]

each_bad_setting = pytest.mark.parametrize("bad", BAD_SETTINGS, ids=lambda member: member[:60])
each_over_bound = pytest.mark.parametrize("bad", OVER_BOUNDS)


def assert_shows(queue: Queue, expected: Mapping[str, Any]) -> None:
    """The queue shows these settings; its strategy may show filled-in defaults besides (§3.3)."""
    found = queue.settings()
    strategy = expected.get("retry_strategy", {})
    shown = {field: found[field] for field in expected}
    if strategy:
        shown["retry_strategy"] = {part: found["retry_strategy"][part] for part in strategy}
    assert shown == dict(expected)


@pytest.mark.contract("C18")
def test_every_setting_is_kept_on_create(new_queue: NewQueue) -> None:
    """C 18: POST with every field → 201; GET returns each."""
    assert_shows(new_queue(**ALL_NINE), ALL_NINE)


@pytest.mark.contract("C24")
@each_bad_setting
def test_a_bad_setting_makes_no_queue(mq: Client, name: str, bad: str) -> None:
    """C 24: wrong types, bounds, 11 topics, bad strategies → 400 and GET 404."""
    mq.request("POST", "/queues", body=settings(bad, name=name)).expect(400)
    Queue(mq, name).call("GET").expect(404)


@pytest.mark.contract("C39")
@each_over_bound
def test_the_upper_bounds_hold_on_create_too(mq: Client, name: str, bad: str) -> None:
    """C 39: lock 86401, attempts 101, ttl 31536001 → 400 as §3.1 decides (§10 would tolerate 201)."""
    mq.request("POST", "/queues", body=settings(bad, name=name)).expect(400)
    Queue(mq, name).call("GET").expect(404)


@pytest.mark.contract("C34")
@each_bad_setting
def test_a_bad_setting_changes_no_queue(q: Queue, bad: str) -> None:
    """C 34: PATCH with each bad setting beside good fields → 400, nothing changed."""
    before = q.settings()
    others = {field: value for field, value in ALL_NINE.items() if f'"{field}"' not in bad}
    q.call("PATCH", body=settings(bad, **others)).expect(400)
    assert q.settings() == before


@pytest.mark.contract("C34")
@each_over_bound
def test_a_setting_over_its_bound_changes_no_queue(q: Queue, bad: str) -> None:
    """C 34: PATCH with lock 86401, attempts 101, ttl 31536001 beside good fields → 400, nothing changed."""
    before = q.settings()
    q.call("PATCH", body=settings(bad, auto_ack=True)).expect(400)
    assert q.settings() == before


@pytest.mark.contract("C24", "C34")
def test_an_error_names_the_field(mq: Client, q: Queue, name: str) -> None:
    """C 24, C 34: the error of a bad setting says which field is wrong."""
    for field in ("lock_duration", "max_delivery_attempts", "ttl", "topics", "retry_strategy", "auto_ack"):
        bad = f'"{field}": "bad"'
        assert field in q.call("PATCH", body=settings(bad)).expect(400).json()["error"]
        created = mq.request("POST", "/queues", body=settings(bad, name=name)).expect(400)
        assert field in created.json()["error"]


@pytest.mark.contract("C25")
@pytest.mark.parametrize("bounds", BOUNDS, ids=lambda value: str(value)[:60])
def test_values_on_the_bounds_are_kept(new_queue: NewQueue, bounds: dict[str, Any]) -> None:
    """C 25: values on the bounds → 201 and 204 by PATCH, read back."""
    assert_shows(new_queue(**bounds), bounds)
    patched = new_queue(**ALL_NINE)
    patched.patch(**bounds)
    assert_shows(patched, ALL_NINE | bounds)


@pytest.mark.contract("C25")
def test_a_whole_float_is_an_integer_and_null_is_not_sent(mq: Client, name: str) -> None:
    """C 25: 30.0 counts as 30 and null for an optional property means "not sent" (§2.3)."""
    queue = Queue(mq, name)
    strategy = '"retry_strategy": {"type": "fixed", "base_delay": 9.0, "max_delay": null}'
    whole = '"lock_duration": 45.0, "ttl": 4e2, ' + strategy
    mq.request("POST", "/queues", body=settings(whole, name=name, topics=None, auto_ack=None)).expect(201)
    assert_shows(queue, {"lock_duration": 45, "ttl": 400, "topics": [], "auto_ack": False})
    assert isinstance(queue.settings()["lock_duration"], int)
    assert queue.settings()["retry_strategy"]["base_delay"] == 9
    before = queue.settings()
    queue.patch(**dict.fromkeys(ALL_NINE))
    assert queue.settings() == before
    queue.delete()


@pytest.mark.contract("C27")
def test_repeated_topics_collapse(new_queue: NewQueue) -> None:
    """C 27: topics [t,t,u] → [t,u], in create and in PATCH."""
    queue = new_queue(topics=["t", "t", "u"])
    assert queue.settings()["topics"] == ["t", "u"]
    queue.patch(topics=["u", "T", "t", "u", "T"])
    assert queue.settings()["topics"] == ["u", "T", "t"]


@pytest.mark.contract("C31")
def test_all_nine_settings_are_replaced_together(q: Queue) -> None:
    """C 31: PATCH with all nine → 204, read back."""
    q.patch(**ALL_NINE)
    assert_shows(q, ALL_NINE)


@pytest.mark.contract("C32")
@pytest.mark.parametrize("field", ALL_NINE)
def test_a_single_setting_is_replaced_alone(q: Queue, field: str) -> None:
    """C 32: PATCH with each single field → only that one changes."""
    before = q.settings()
    q.patch(**{field: ALL_NINE[field]})
    assert_shows(q, {field: ALL_NINE[field]})
    assert q.settings() | {field: before[field]} == before


@pytest.mark.contract("C33")
def test_an_empty_patch_changes_nothing(q: Queue) -> None:
    """C 33: PATCH {} → 204, unchanged."""
    before = q.settings()
    q.patch()
    assert q.settings() == before


@pytest.mark.contract("C35")
def test_a_queue_cannot_be_renamed(q: Queue) -> None:
    """C 35: PATCH {name, lock_duration} → no renaming, lock changed; `name` is unknown here, any value."""
    for lock, name in enumerate(["other", "", None, 5], start=100):
        q.patch(name=name, lock_duration=lock)
        assert_shows(q, {"name": q.name, "lock_duration": lock})


@pytest.mark.contract("C36")
def test_a_strategy_is_replaced_as_a_whole(new_queue: NewQueue) -> None:
    """C 36: PATCH retry_strategy {fixed, 2} over {exponential, 77, 88, 9} → old parts gone."""
    old = {"type": "exponential", "base_delay": 77, "max_delay": 88, "multiplier": 9}
    queue = new_queue(retry_strategy=old)
    queue.patch(retry_strategy={"type": "fixed", "base_delay": 2})
    found = queue.settings()["retry_strategy"]
    assert (found["type"], found["base_delay"]) == ("fixed", 2)
    assert found.get("max_delay") != 88 and found.get("multiplier") != 9
    queue.patch(retry_strategy={"type": "linear"})
    found = queue.settings()["retry_strategy"]
    assert (found["type"], found.get("base_delay", 5)) == ("linear", 5)


@pytest.mark.contract("C37")
def test_a_message_keeps_the_settings_it_was_published_under(new_queue: NewQueue) -> None:
    """C 37: the old m keeps lock, attempts, ttl, auto_ack and strategy; a new m has the new ones."""
    queue = new_queue(
        lock_duration=50, max_delivery_attempts=5, ttl=500, retry_strategy={"type": "fixed", "base_delay": 50}
    )
    queue.enqueue("old")
    queue.patch(
        lock_duration=90, max_delivery_attempts=9, ttl=900, retry_strategy={"type": "fixed", "base_delay": 90}
    )
    queue.enqueue("new")
    queue.patch(auto_ack=True, auto_delete=True)
    for id, figure in (("old", 5), ("new", 9)):
        found = queue.get(id)
        assert (found["lock_duration"], found["max_delivery_attempts"]) == (figure * 10, figure)
        assert (instant(found["ttl"]) - instant(found["created"])).total_seconds() == figure * 100
        assert found["auto_ack"] is False
    start = now()
    received = queue.receive()
    assert_between(received[0]["locked_until"], start, now(), 50)
    assert_between(received[1]["locked_until"], start, now(), 90)
    start = now()
    queue.nack("old", "new")
    for id, delay in (("old", 50), ("new", 90)):
        assert_between(queue.get(id)["delivery_time"], start, now(), delay)
    queue.ack("old")
    assert "acked" in queue.get("old")


@pytest.mark.contract("C37")
def test_a_patch_reaches_new_messages_at_once(q: Queue) -> None:
    """C 37: a message enqueued after PATCH auto_ack, auto_delete is gone with its delivery."""
    q.enqueue("old")
    q.patch(auto_ack=True, auto_delete=True)
    q.enqueue("new")
    assert [("locked_until" in found) for found in q.receive()] == [True, False]
    assert q.ids() == ["old"]
