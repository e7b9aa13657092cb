"""H. Reset failed."""

import pytest

from .bad_values import STRANGE_LOOKUPS
from .client import MISSING, Client, Queue, counts, ids_of
from .clock import assert_between, instant, now
from .conftest import NewQueue
from .states import STAYING, fail, fill


def reset(queue: Queue, json: object = MISSING, **query: object) -> None:
    queue.call("POST", "/resetfailed", json=json, query=query).expect(204)


@pytest.mark.contract("H108")
@pytest.mark.parametrize("json", [MISSING, {}, {"ids": None}], ids=["no body", "{}", "null ids"])
def test_all_failed_messages_get_another_life(q: Queue, json: object) -> None:
    """H 108: no body → all failed pending, next delivery attempt 1; `{}` (and null ids, §2.3) the same."""
    fail(q, "a", "b", "c")
    q.enqueue("younger")
    start = now()
    reset(q, json)
    for found in (q.get(id) for id in "abc"):
        assert found["delivery_attempt"] == 0
        assert_between(found["delivery_time"], start, now())
    assert q.stats() == counts(pending=4)
    received = [(found["id"], found["delivery_attempt"]) for found in q.receive()]
    assert received == [("a", 1), ("b", 1), ("c", 1), ("younger", 1)]


@pytest.mark.contract("H108")
def test_a_reset_has_no_limit(q: Queue) -> None:
    """H 108: all means all, however many there are."""
    for batch in range(11):
        fail(q, *(f"{batch} {number}" for number in range(100)), tag="odd" if batch % 2 else "even")
    reset(q, tag="even")
    assert q.stats() == counts(pending=600, failed=500)
    reset(q)
    assert q.stats() == counts(pending=1100)


@pytest.mark.contract("H108")
def test_a_reset_message_lives_as_long_as_a_new_one(q: Queue) -> None:
    """H 108: expiry restarts as t + (old ttl − created) (§5.10)."""
    fail(q, "m")
    before = q.get("m")
    start = now()
    reset(q)
    after = q.get("m")
    assert_between(after["ttl"], start, now(), 300)
    assert instant(after["ttl"]) > instant(before["ttl"])
    assert after["created"] == before["created"]


@pytest.mark.contract("H109")
def test_a_tag_limits_a_reset(q: Queue) -> None:
    """H 109: ?tag=a → only those."""
    fail(q, "1", "2", tag="a")
    fail(q, "3", tag="A")
    fail(q, "4")
    reset(q, tag="a")
    assert (q.ids(type="pending"), q.ids(type="failed")) == (["1", "2"], ["3", "4"])
    reset(q, tag="foreign")
    assert q.stats() == counts(pending=2, failed=2)
    reset(q, tag="")
    assert q.stats() == counts(pending=4)


@pytest.mark.contract("H110")
def test_ids_limit_a_reset(q: Queue) -> None:
    """H 110: ids with ghosts → only those; ids + tag → intersection."""
    fail(q, "1", "2", tag="a")
    fail(q, "3", "4", tag="b")
    reset(q, {"ids": ["ghost", *STRANGE_LOOKUPS, "2", "2"]})
    assert q.ids(type="pending") == ["2"]
    reset(q, {"ids": ["1", "3"]}, tag="b")
    assert q.ids(type="pending") == ["2", "3"]


@pytest.mark.contract("H111")
def test_no_ids_reset_nothing(q: Queue) -> None:
    """H 111: ids [] → none."""
    fail(q, "m")
    reset(q, {"ids": []})
    assert q.stats() == counts(failed=1)


@pytest.mark.contract("H112")
def test_other_states_are_untouched(new_queue: NewQueue) -> None:
    """H 112: acked, processing, scheduled and pending messages stay as they are, named or not."""
    queue = new_queue(**STAYING)
    ids = fill(queue)
    others = [id for state, id in ids.items() if state != "failed"]
    before = [queue.get(id) for id in others]
    reset(queue, {"ids": others})
    assert queue.stats()["failed"] == 1
    reset(queue)
    assert [queue.get(id) for id in others] == before
    assert ids_of(queue.peek(type="pending")) == [ids["failed"], ids["pending"]]


@pytest.mark.contract("H113")
@pytest.mark.parametrize(
    "json",
    [
        {"ids": "1"},
        {"ids": [1]},
        {"ids": [None]},
        {"ids": {"1": 1}},
        {"ids": 5},
        {"ids": True},
        {"ids": [["m"]]},
        {"ids": ["m", False]},
        {"ids": ["m"] * 101},
        ["m"],
        "m",
        None,
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_bad_body_resets_nothing(q: Queue, json: object) -> None:
    """H 113: ids "1", [1], [null], object, 5, 101 ids, other types → 400."""
    fail(q, "m")
    q.call("POST", "/resetfailed", json=json).expect(400)
    assert q.stats() == counts(failed=1)


@pytest.mark.contract("H113")
def test_a_hundred_ids_are_allowed(q: Queue) -> None:
    """H 113: 100 ids are within the bound."""
    fail(q, "m")
    reset(q, {"ids": [f"ghost {number}" for number in range(99)] + ["m"]})
    assert q.stats() == counts(pending=1)


@pytest.mark.contract("H114")
def test_a_missing_queue_is_not_found(mq: Client, name: str) -> None:
    """H 114: missing queue → 404, whatever the body."""
    bodies: list[object] = [MISSING, {}, {"ids": []}, {"ids": 5}]
    for json in bodies:
        Queue(mq, name).call("POST", "/resetfailed", json=json).expect(404)
