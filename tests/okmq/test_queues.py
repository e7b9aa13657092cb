"""C. Queue management: names, reading, listing, deleting. Settings are in test_queue_settings.py."""

import pytest

from .bad_values import BAD_NAMES
from .client import Client, Queue, counts
from .clock import assert_between, now
from .conftest import NewQueue

DEFAULTS = {
    "auto_ack": False,
    "auto_delete": False,
    "preserve_failed": False,
    "preserve_pending": False,
    "lock_duration": 30,
    "max_delivery_attempts": 1,
    "ttl": 300,
    "topics": [],
}

GOOD_NAMES = [
    "a blank",
    " lead",
    "trail ",
    " ",
    "é",
    "中文",
    "🙂👩\u200d🚀",
    "%41",
    "%2F",
    "?#&=",
    "+",
    "a+b;c,d'e\"f(g)[h]{i}|j^k`l~m!n@o$p*<>",
    "...",
    "a..b",
    ".hidden",
    "-",
    "\u0085\u00a0",
    "\ufeffx",
    "null",
    "messages",
    "x" * 50,
    "é" * 50,
    "🙂" * 50,
]


@pytest.mark.contract("C17")
def test_a_name_is_enough(mq: Client, name: str) -> None:
    """C 17: POST {name} → 201; GET shows the defaults of §3.1 and all eleven fields."""
    start = now()
    queue = Queue(mq, name).create()
    found = queue.settings()
    assert {field: found[field] for field in DEFAULTS} == DEFAULTS
    assert found.keys() >= DEFAULTS.keys() | {"name", "created", "retry_strategy"}
    assert found["name"] == name
    assert_between(found["created"], start, now())
    assert found["retry_strategy"] == {
        "type": "exponential",
        "base_delay": 5,
        "max_delay": 300,
        "multiplier": 2.0,
    }
    queue.delete()


@pytest.mark.contract("C19")
def test_a_name_is_taken_once(mq: Client, new_queue: NewQueue) -> None:
    """C 19: same name again → 409 E whatever the settings; the first settings are kept."""
    queue = new_queue(lock_duration=77)
    queue.enqueue("m")
    before = queue.settings()
    mq.post("/queues", {"name": queue.name}).expect(409)
    mq.post("/queues/", {"name": queue.name, "lock_duration": 5, "topics": ["t"]}).expect(409)
    assert queue.settings() == before
    assert queue.stats() == counts(pending=1)


@pytest.mark.contract("C20")
@pytest.mark.parametrize("bad", BAD_NAMES, ids=lambda value: value[:20])
def test_a_bad_name_is_refused(mq: Client, bad: str) -> None:
    """C 20: over-long, empty, typed, with slash, control or surrogate → 400."""
    before = mq.get("/queues").json()
    mq.request("POST", "/queues", body=f'{{"name": {bad}}}'.encode()).expect(400)
    assert mq.get("/queues").json() == before


@pytest.mark.contract("C21")
@pytest.mark.parametrize("request_body", [{}, {"Name": "x"}, {"lock_duration": 30}], ids=str)
def test_a_name_is_required(mq: Client, request_body: dict[str, object]) -> None:
    """C 21: no name → 400."""
    mq.post("/queues", request_body).expect(400)


@pytest.mark.contract("C22")
@pytest.mark.parametrize("odd", GOOD_NAMES, ids=lambda value: ascii(value[:20]))
def test_an_odd_name_works_in_every_call(mq: Client, odd: str) -> None:
    """C 22: blanks, any script, `%41`, punctuation, exactly 50 → 201, every call works percent-encoded."""
    queue = Queue(mq, odd).create(topics=[odd])
    try:
        assert queue.settings()["name"] == odd
        assert queue.settings()["topics"] == [odd]
        assert odd in [found["name"] for found in mq.get("/queues").json()]
        queue.patch(max_delivery_attempts=2, topics=[queue.name, "other"])
        Queue(mq, odd).enqueue("a", "b", "c")
        assert queue.ids() == ["a", "b", "c"]
        assert [found["id"] for found in queue.receive()] == ["a", "b", "c"]
        queue.ack("a")
        queue.nack("b", delivery_time="2020-01-01T00:00:00Z")
        assert queue.stats() == counts(acked=1, pending=1, processing=1)
        assert queue.get("a")["id"] == "a"
        queue.call("POST", "/resetfailed").expect(204)
        queue.call("DELETE", "/messages/a").expect(204)
        queue.call("DELETE", "/messages", json={"ids": ["b"]}).expect(204)
        assert queue.ids() == ["c"]
    finally:
        queue.delete()
    queue.call("GET").expect(404)


@pytest.mark.contract("C22")
def test_an_odd_topic_name_works(mq: Client, new_queue: NewQueue) -> None:
    """C 22: topics follow the names' rule; each is published to percent-encoded."""
    for start in range(0, len(GOOD_NAMES), 10):
        odd = GOOD_NAMES[start : start + 10]
        queue = new_queue(topics=odd)
        for number, topic in enumerate(odd):
            path = Queue(mq, topic).path.replace("/queues/", "/topics/")
            mq.post(path + "/messages", [{"id": str(number), "body": topic}]).expect(204)
        assert [found["body"] for found in queue.peek()] == odd


@pytest.mark.contract("C23")
def test_names_are_compared_exactly(mq: Client, name: str) -> None:
    """C 23: case, blanks and Unicode forms make different names; a beginning is not a match."""
    start = name[:40]
    variants = [Queue(mq, start + end) for end in ("a", "A", "a ", "é", "e\u0301", "É")]
    for number, queue in enumerate(variants):
        queue.create(lock_duration=number + 1)
    assert [queue.settings()["lock_duration"] for queue in variants] == [1, 2, 3, 4, 5, 6]
    Queue(mq, start).call("GET").expect(404)
    Queue(mq, " " + start + "a").call("GET").expect(404)
    for queue in variants:
        queue.delete()


@pytest.mark.contract("C26")
def test_unknown_properties_and_parameters_are_ignored(mq: Client, name: str) -> None:
    """C 26: on create, PATCH, enqueue, ack, reset and delete."""
    unknown = {"unknown": {"deep": [1, None]}, "offset": -1, "Ack": 5}
    queue = Queue(mq, name).create(**unknown)
    queue.patch(lock_duration=31, **unknown)
    queue.enqueue({"id": "m", "body": "b"} | unknown, {"id": "n", "body": "b"} | unknown)
    assert queue.peek(unknown="x", wait="nonsense") == queue.peek()
    queue.receive(unknown="")
    queue.ack("m", **unknown)
    queue.call("POST", "/resetfailed", json={"ids": ["n"]} | unknown).expect(204)
    queue.call("DELETE", "/messages", json={"ids": ["n"]} | unknown).expect(204)
    assert queue.settings().keys().isdisjoint(unknown)
    assert queue.stats() == counts(acked=1)
    queue.delete()


@pytest.mark.contract("C28")
def test_the_list_holds_each_queue_in_order_of_creation(mq: Client, new_queue: NewQueue) -> None:
    """C 28: GET /queues holds each queue equal to its GET, and no longer a deleted one."""
    made = [new_queue(), new_queue(lock_duration=5, topics=["b", "a"]), new_queue(ttl=0, auto_ack=True)]
    names = [queue.name for queue in made]
    listed = [found for found in mq.get("/queues").expect(200).json() if found["name"] in names]
    assert listed == [queue.settings() for queue in made]
    made[0].delete()
    assert names[0] not in [found["name"] for found in mq.get("/queues").json()]


@pytest.mark.contract("C29")
def test_a_missing_queue_is_not_found(mq: Client, name: str) -> None:
    """C 29: GET, PATCH (partial, full and bad) and DELETE of a missing queue → 404 E."""
    missing = Queue(mq, name)
    missing.call("GET").expect(404)
    missing.call("PATCH", json={"lock_duration": 5}).expect(404)
    missing.call("PATCH", json=DEFAULTS | {"retry_strategy": {"type": "none"}}).expect(404)
    missing.call("PATCH", json={"lock_duration": "bad"}).expect(404)
    missing.call("PATCH", body=b"{not json").expect(404)
    missing.call("DELETE").expect(404)


@pytest.mark.contract("C30")
def test_a_tag_does_nothing_when_a_queue_is_read(q: Queue) -> None:
    """C 30: GET /queues/q?tag=x → 200, same object."""
    q.enqueue({"id": "m", "body": "b", "tag": "x"})
    for tag in ("x", "", "%00", "%FF"):
        assert q.call("GET", query=f"tag={tag}").expect(200).json() == q.settings()


@pytest.mark.contract("C38")
def test_deleting_a_queue_deletes_all_of_it(mq: Client, topic: str, name: str) -> None:
    """C 38: DELETE q → 204; then its calls are 404; recreated q is empty, its settings new, its ids free."""
    queue = Queue(mq, name).create(topics=[topic], lock_duration=99)
    queue.enqueue("waiting", "locked", "scheduled")
    queue.receive(limit=1)
    queue.delete()
    for method, rest in (
        ("GET", ""),
        ("GET", "/messages?peek=true"),
        ("GET", "/messages/locked"),
        ("DELETE", ""),
    ):
        queue.call(method, rest).expect(404)
    queue.send("new").expect(404)
    mq.post(f"/topics/{topic}/messages", []).expect(404)
    assert queue.stats() == counts()
    queue.create()
    assert queue.settings()["lock_duration"] == 30
    assert queue.stats() == counts()
    queue.enqueue({"id": "locked", "body": "second life"})
    assert [found["body"] for found in queue.receive()] == ["second life"]
    queue.delete()


@pytest.mark.contract("C38")
def test_a_waiting_consumer_learns_that_its_queue_is_gone(q: Queue) -> None:
    """C 38: consumers that wait on a deleted queue get 404 at once (§3.6)."""
    poll = q.poll()
    assert not poll.is_answered(within=0.3)
    q.delete()
    poll.answer(within=2).expect(404)
