"""Dead letters (section 11, 48 to 52)."""

from __future__ import annotations

import pytest

from .client import Client, data
from .conftest import NewQueue


@pytest.mark.contract("48")
@pytest.mark.parametrize(("retries", "deliveries"), [(0, 1), (1, 1), (3, 3)])
def test_a_message_is_dead_after_so_many_failed_deliveries(
    new_queue: NewQueue, retries: int, deliveries: int
) -> None:
    q = new_queue(max_retries=retries)
    assert q.get()["default_max_retries"] == retries
    published = q.publish({"a": 1})
    for attempt in range(1, deliveries + 1):
        assert q.dead() == ([], 0)
        assert q.take()["delivery_attempts"] == attempt
        q.nack(published["id"])
        q.age(100)
    (letter,), total = q.dead()
    assert (letter["id"], letter["delivery_attempts"], total) == (published["id"], deliveries, 1)
    assert q.get()["dlq_count"] == 1


@pytest.mark.contract("48")
@pytest.mark.parametrize("noticed", [True, False])
def test_a_message_nobody_settles_dies_as_well(new_queue: NewQueue, noticed: bool) -> None:
    q = new_queue(max_retries=1, visibility_timeout_seconds=1)
    published = q.publish()
    q.take()
    q.age(2)
    if noticed:
        q.let_clock_work()
    (letter,), total = q.dead()
    assert (letter["id"], total, q.get()["dlq_count"]) == (published["id"], 1, 1)
    assert q.message(published["id"])["state"] == "dead"
    data(q.call("POST", "dlq/replay", published["id"]))


@pytest.mark.contract("49")
def test_dead_letters_are_listed_the_newest_first(new_queue: NewQueue) -> None:
    q = new_queue(max_retries=1)
    published = [q.kill({"n": n}) for n in range(3)]
    letters, total = q.dead()
    assert ([letter["payload"]["n"] for letter in letters], total) == ([2, 1, 0], 3)
    assert letters[0]["original_message_id"] == letters[0]["id"] == published[2]["id"]
    assert letters[0]["failure_reason"]
    assert letters[0]["moved_at"] >= letters[0]["published_at"] == letters[0]["original_published_at"]
    page, total = q.dead(limit=1, offset=1)
    assert ([letter["payload"]["n"] for letter in page], total) == ([1], 3)
    q.call("GET", "dlq/list", limit=0).expect(400)


@pytest.mark.contract("50")
def test_a_dead_letter_is_seen_and_not_received(new_queue: NewQueue) -> None:
    q = new_queue(max_retries=1)
    published = q.kill()
    (shown,), total = q.listed(state="dead")
    assert (shown["id"], shown["state"], total) == (published["id"], "dead", 1)
    assert q.message(published["id"]) == shown
    assert q.receive() is None


@pytest.mark.contract("51")
def test_a_replayed_dead_letter_goes_back_to_its_place(ag: Client, new_queue: NewQueue) -> None:
    q = new_queue(max_retries=1)
    published = q.kill("first")
    q.publish("second")
    replayed = data(q.call("POST", "dlq/replay", published["id"]))["message"]
    assert (replayed["id"], replayed["offset"], replayed["state"]) == (published["id"], 0, "pending")
    assert q.dead() == ([], 0)
    assert q.get()["dlq_count"] == 0
    q.call("POST", "dlq/replay", published["id"]).expect(404)  # it lives
    assert q.take()["id"] == published["id"]
    ag.call("POST", f"/queue/dlq/replay/none/{published['id']}").expect(404)


@pytest.mark.contract("51")
def test_a_replayed_dead_letter_keeps_its_count_of_deliveries(new_queue: NewQueue) -> None:
    """As the client says of it. Of a message that has none left, one more follows."""
    q = new_queue(max_retries=2)
    published = q.kill()
    assert data(q.call("POST", "dlq/replay", published["id"]))["message"]["delivery_attempts"] == 2
    assert q.take()["delivery_attempts"] == 3
    q.nack(published["id"])
    (letter,), _ = q.dead()
    assert letter["delivery_attempts"] == 3
    data(q.call("POST", "messages/replay", published["id"]))
    assert q.take()["delivery_attempts"] == 1


@pytest.mark.contract("52")
def test_dead_letters_are_deleted_and_purged(ag: Client, new_queue: NewQueue) -> None:
    q = new_queue(max_retries=1)
    dead = [q.kill(n)["id"] for n in range(3)]
    live = q.publish("live")["id"]
    assert q.call("DELETE", "dlq/delete", dead[1]).expect(200).json() == {"success": True}
    q.call("DELETE", "dlq/delete", dead[1]).expect(404)
    q.call("DELETE", "dlq/delete", live).expect(404)
    assert [letter["id"] for letter in q.dead()[0]] == [dead[2], dead[0]]
    for _ in range(2):
        assert q.call("DELETE", "dlq/purge").expect(200).json() == {"success": True}
        assert q.dead() == ([], 0)
    assert q.take()["id"] == live
    ag.call("DELETE", "/queue/dlq/purge/none").expect(404)


def test_dead_letters_stay_whatever_life_their_queue_gives(new_queue: NewQueue) -> None:
    q = new_queue(max_retries=1, ttl_seconds=150)
    q.kill()
    q.age(1000)
    assert q.dead()[1] == 1
