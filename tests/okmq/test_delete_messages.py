"""I. Deleting messages, and reading one."""

import pytest

from .bad_values import STRANGE_LOOKUPS
from .client import MISSING, Client, Queue, counts
from .conftest import NewQueue
from .states import STATES, STAYING, fill


def clear(queue: Queue, json: object = MISSING, **query: object) -> None:
    queue.call("DELETE", "/messages", json=json, query=query).expect(204)


@pytest.mark.contract("I115")
@pytest.mark.parametrize("state", STATES)
def test_a_state_is_deleted_alone(new_queue: NewQueue, state: str) -> None:
    """I 115: type=X → exactly that state."""
    queue = new_queue(**STAYING)
    ids = fill(queue)
    clear(queue, type=state)
    assert queue.ids() == [id for other, id in ids.items() if other != state]
    assert queue.stats() == counts(**{other: 1 for other in STATES if other != state})


@pytest.mark.contract("I116")
@pytest.mark.parametrize("query", [{}, {"type": "all"}, {"type": "all", "tag": ""}], ids=str)
def test_everything_is_deleted(new_queue: NewQueue, query: dict[str, str]) -> None:
    """I 116: no parameters / type=all → everything, queue stays; again → 204."""
    queue = new_queue(**STAYING)
    fill(queue)
    clear(queue, **query)
    assert queue.stats() == counts()
    assert queue.peek() == []
    clear(queue, **query)
    queue.enqueue("pending")
    assert [found["id"] for found in queue.receive()] == ["pending"]


@pytest.mark.contract("I116")
def test_deleting_everything_has_no_limit(q: Queue) -> None:
    """I 116: all means all, however many there are; with a tag all of that tag."""
    for batch in range(23):
        q.enqueue(
            *({"id": f"{batch} {n}", "body": "b", "tag": "odd" if n % 2 else "even"} for n in range(100))
        )
    clear(q, tag="odd")
    assert q.stats() == q.stats(tag="even") == counts(pending=1150)
    clear(q)
    assert q.stats() == counts()


@pytest.mark.contract("I117")
def test_a_tag_limits_what_is_deleted(new_queue: NewQueue) -> None:
    """I 117: type + tag → intersection; tag alone."""
    queue = new_queue(**STAYING)
    tagged = fill(queue, "t-", tag="t")
    queue.receive()
    queue.enqueue("plain", {"id": "other", "body": "b", "tag": "T"}, {"id": "same", "body": "b", "tag": "t"})
    clear(queue, type="pending", tag="t")
    clear(queue, type="failed", tag="foreign")
    assert queue.ids() == [*tagged.values(), "plain", "other"]
    clear(queue, tag="t")
    assert queue.ids() == ["plain", "other"]


@pytest.mark.contract("I118")
def test_listed_ids_are_deleted_whatever_the_query(q: Queue) -> None:
    """I 118: ids with ghosts; query ignored beside a body, not even validated."""
    q.enqueue("a", "b", {"id": "c", "body": "b", "tag": "t"}, "d")
    clear(q, {"ids": ["ghost", *STRANGE_LOOKUPS, "a", "a"]})
    clear(q, {"ids": ["b"]}, type="nope", tag="t")
    clear(q, {"ids": ["c"]}, type="acked", tag="foreign")
    assert q.ids() == ["d"]
    clear(q, {"ids": [f"ghost {number}" for number in range(99)] + ["d"]})
    assert q.ids() == []


@pytest.mark.contract("I119")
def test_no_ids_delete_nothing(q: Queue) -> None:
    """I 119: ids [] → nothing."""
    q.enqueue("m")
    clear(q, {"ids": []})
    clear(q, {"ids": []}, type="pending")
    assert q.ids() == ["m"]


@pytest.mark.contract("I120")
@pytest.mark.parametrize(
    "json",
    [
        {},
        {"ids": "1"},
        {"ids": [1]},
        {"ids": None},
        {"ids": [None]},
        {"ids": {"m": "m"}},
        {"ids": 5},
        {"ids": True},
        {"ids": ["m", 5]},
        {"ids": [["m"]]},
        {"ids": ["m"] * 101},
        {"id": "m"},
        {"Ids": ["m"]},
        ["m"],
        [],
        "m",
        None,
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_bad_body_deletes_nothing(q: Queue, json: object) -> None:
    """I 120: {}, ids "1", [1], null, {id}, nested, 101 → 400, nothing."""
    q.enqueue("m")
    q.call("DELETE", "/messages", json=json).expect(400)
    assert q.ids() == ["m"]


@pytest.mark.contract("I121")
@pytest.mark.parametrize(
    "type", ["nope", "", "ALL", "acked,failed", "Pending", " all", "\x00", "é"], ids=ascii
)
def test_a_bad_type_deletes_nothing(q: Queue, type: str) -> None:
    """I 121: type nope, "", ALL, `acked,failed` → 400, nothing."""
    q.enqueue("m")
    q.call("DELETE", "/messages", query={"type": type}).expect(400)
    assert q.ids() == ["m"]


@pytest.mark.contract("I122")
def test_a_missing_queue_is_not_found(mq: Client, name: str) -> None:
    """I 122: missing queue → 404, whatever the request."""
    missing = Queue(mq, name)
    bodies: list[object] = [MISSING, {"ids": []}, {"ids": 5}, {}]
    for json in bodies:
        missing.call("DELETE", "/messages", json=json).expect(404)
    missing.call("DELETE", "/messages", query={"type": "nope"}).expect(404)


@pytest.mark.contract("I123")
def test_a_locked_message_can_be_deleted(mq: Client, q: Queue, name: str) -> None:
    """I 123: DELETE m while locked → 204; again, GET m, missing queue → 404; ack afterwards → 204."""
    q.enqueue("m", "n")
    q.receive(limit=1)
    q.call("DELETE", "/messages/m").expect(204)
    q.call("DELETE", "/messages/m").expect(404)
    q.call("GET", "/messages/m").expect(404)
    Queue(mq, name).call("DELETE", "/messages/m").expect(404)
    Queue(mq, name).call("GET", "/messages/m").expect(404)
    q.ack("m")
    q.nack("m")
    assert q.stats() == counts(pending=1)
    assert [found["id"] for found in q.receive()] == ["n"]


@pytest.mark.contract("I123")
def test_a_message_can_be_deleted_in_any_state(new_queue: NewQueue) -> None:
    """I 123: DELETE works in every state (§5.8)."""
    queue = new_queue(**STAYING)
    for id in fill(queue).values():
        queue.call("DELETE", f"/messages/{id}").expect(204)
    assert queue.stats() == counts()


@pytest.mark.contract("I124")
def test_reading_a_message_changes_nothing(new_queue: NewQueue) -> None:
    """I 124: GET m three times on auto_ack → unchanged."""
    queue = new_queue(auto_ack=True, auto_delete=True)
    queue.enqueue("m")
    first = queue.get("m")
    assert queue.get("m") == queue.get("m") == first
    assert first["delivery_attempt"] == 0
    assert queue.stats() == counts(pending=1)
