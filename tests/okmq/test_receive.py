"""E. Reading: consume, its limit, order and tags; peek. Waiting is in test_long_poll.py."""

import time

import pytest

from .client import Client, Queue, counts, ids_of
from .clock import assert_between, eventually, now
from .conftest import NewQueue
from .states import STATES, STAYING, fill

BAD_LIMITS = ["0", "-1", "-0", "101", "abc", "1.5", "1_0", "", "٣", "0x10", "1e1", "9" * 30, "true", "1 0"]
BAD_LIMITS += [" 5", "+5", "5\n", "\x00", "--1", "-", "null", "５"]
BAD_OFFSETS = ["-1", "x", "1.5", "", "1_0", "٣", "true", str(2**63), "9" * 30]

ODD_TAGS = [
    "a blank",
    " a",
    "a ",
    "🙂",
    "&=",
    "%41",
    "+",
    "'",
    '"',
    "%",
    "_",
    "*",
    "\\",
    "A",
    "a\nb",
    "a/b",
    "é",
    "e\u0301",
]


@pytest.mark.contract("E63")
def test_a_received_message_is_locked(q: Queue) -> None:
    """E 63: consume → id, body, tag, attempt 1, locked_until = now + lock; GET m agrees, as do stats."""
    q.enqueue({"id": "m", "body": {"a": 1}, "tag": "t"})
    start = now()
    (received,) = q.receive()
    assert_between(received["locked_until"], start, now(), 30)
    expected = {"id": "m", "body": {"a": 1}, "tag": "t", "delivery_attempt": 1}
    assert {field: received[field] for field in expected} == expected
    stored = q.get("m")
    assert {field: stored[field] for field in received} == received
    assert_between(stored["updated"], start, now())
    assert q.stats() == counts(processing=1)


@pytest.mark.contract("E64")
def test_messages_are_delivered_in_publish_order(q: Queue) -> None:
    """E 64: 3 batches × 20 → delivered in that order by four calls of 15."""
    ids = [f"{(number * 7) % 60:02}" for number in range(60)]
    for start in (0, 20, 40):
        q.enqueue(*ids[start : start + 20])
    assert [id for _ in range(4) for id in ids_of(q.receive(limit=15))] == ids


@pytest.mark.contract("E65")
def test_a_receive_returns_ten_or_its_limit_or_what_is_there(q: Queue) -> None:
    """E 65: 125 m: no limit → 10; 1 → 1; 100 → 100; then the rest at once."""
    q.enqueue(*(str(number) for number in range(100)))
    q.enqueue(*(str(number) for number in range(100, 125)))
    assert len(q.receive()) == 10
    assert len(q.receive(limit=1)) == 1
    assert len(q.receive(limit="0100")) == 100
    start = time.monotonic()
    assert ids_of(q.receive(limit=100)) == [str(number) for number in range(111, 125)]
    assert time.monotonic() - start < 2


@pytest.mark.contract("E66")
@pytest.mark.parametrize("peek", ["true", "false"])
def test_a_bad_limit_locks_nothing(q: Queue, peek: str) -> None:
    """E 66: out of range, not ASCII digits, empty (peek on and off) → 400, nothing locked."""
    q.enqueue("m")
    for limit in BAD_LIMITS:
        q.call("GET", "/messages", query={"limit": limit, "peek": peek}).expect(400)
    assert q.stats() == counts(pending=1)


@pytest.mark.contract("E67")
@pytest.mark.parametrize("peek", ["true", "false"])
def test_a_bad_parameter_locks_nothing(q: Queue, peek: str) -> None:
    """E 67: peek=banana/2, type=nope/PENDING, offset=−1/x/1.5 → 400; type and offset with peek on and off."""
    q.enqueue("m")
    bad: list[dict[str, str]] = [
        {"type": type} for type in ("nope", "PENDING", "", "pending,acked", " acked")
    ]
    bad += [{"offset": offset} for offset in BAD_OFFSETS]
    for query in bad:
        q.call("GET", "/messages", query=query | {"peek": peek}).expect(400)
    for value in ("banana", "2", "", "yes", "-1", " true", "t", "None"):
        q.call("GET", "/messages", query={"peek": value}).expect(400)
    assert q.stats() == counts(pending=1)


@pytest.mark.contract("E67")
def test_peek_is_a_boolean_in_any_case(q: Queue) -> None:
    """E 67: true, false, 1, 0 in any case are the values of peek (§2.3)."""
    q.enqueue("a", "b", "c")
    for value in ("true", "True", "TRUE", "1"):
        assert ids_of(q.receive(peek=value, limit=1)) == ["a"]
    assert [id for value in ("false", "FALSE", "0") for id in ids_of(q.receive(peek=value, limit=1))] == list(
        "abc"
    )


@pytest.mark.contract("E68")
def test_a_locked_message_is_passed_over(q: Queue) -> None:
    """E 68: locked m is not delivered again, later ones are."""
    q.enqueue("first")
    assert ids_of(q.receive()) == ["first"]
    q.enqueue("second", "third")
    assert ids_of(q.receive()) == ["second", "third"]
    assert q.stats() == counts(processing=3)


@pytest.mark.contract("E69")
def test_a_message_comes_back_after_its_lock(new_queue: NewQueue) -> None:
    """E 69: lock 1, attempts 3: the next call returns it then with attempt 2, without backoff (§5.5)."""
    queue = new_queue(
        lock_duration=1, max_delivery_attempts=3, retry_strategy={"type": "fixed", "base_delay": 60}
    )
    queue.enqueue("m")
    queue.receive()
    locked = now()
    (received,) = queue.receive()
    assert received["delivery_attempt"] == 2
    assert 0.7 < (now() - locked).total_seconds() < 4


@pytest.mark.contract("E69")
def test_a_message_that_comes_back_goes_before_younger_ones(new_queue: NewQueue) -> None:
    """E 69: publish order holds for a message whose lock ran out or that was nacked, too (§5.2)."""
    queue = new_queue(lock_duration=60, max_delivery_attempts=3)
    queue.enqueue("a", "b", "c")
    queue.receive(limit=2)
    queue.nack("b", delivery_time="2020-01-01T00:00:00Z")
    assert ids_of(queue.receive()) == ["b", "c"]


@pytest.mark.contract("E70")
def test_the_last_lock_ends_in_failure(new_queue: NewQueue) -> None:
    """E 70: lock 1, attempts 1: failed after the lock."""
    queue = new_queue(lock_duration=1)
    queue.enqueue("m")
    queue.receive()
    assert queue.stats() == counts(processing=1)
    eventually(lambda: queue.stats() == counts(failed=1))
    assert queue.ids(type="failed") == ["m"]
    assert queue.get("m")["delivery_attempt"] == 1
    queue.enqueue("next")
    assert ids_of(queue.receive()) == ["next"]
    assert queue.ids(type="failed") == ["m"]
    queue.call("POST", "/resetfailed").expect(204)
    assert [(found["id"], found["delivery_attempt"]) for found in queue.receive()] == [("m", 1)]


@pytest.mark.contract("E71")
def test_a_tag_selects_exactly_its_messages_in_order(q: Queue) -> None:
    """E 71: tag=a → only exact `a`, in order."""
    tags = ["a", "b", "a", "A", "a ", "ab", "", "a"]
    q.enqueue(*({"id": str(number), "body": "b", "tag": tag} for number, tag in enumerate(tags)))
    assert ids_of(q.receive(tag="a", limit=2)) == ["0", "2"]
    assert ids_of(q.receive(tag="a")) == ["7"]
    assert ids_of(q.receive(tag="")) == ["1", "3", "4", "5", "6"]


@pytest.mark.contract("E72")
def test_odd_tags_match_exactly(q: Queue) -> None:
    """E 72: blanks, emoji, `&=`, `%41`, `+`, quotes, SQL wildcards → exact match in peek, stats, consume."""
    q.enqueue(*({"id": tag, "body": "b", "tag": tag} for tag in ODD_TAGS))
    q.enqueue("without")
    for tag in ODD_TAGS:
        assert q.ids(tag=tag) == [tag]
        assert q.stats(tag=tag) == counts(pending=1)
        assert [(found["id"], found["tag"]) for found in q.receive(tag=tag)] == [(tag, tag)]


@pytest.mark.contract("E72")
def test_a_filter_never_fails_because_of_its_content(q: Queue) -> None:
    """E 72: over-long, NUL and undecodable tags match nothing (§2.6)."""
    q.enqueue({"id": "m", "body": "b", "tag": "t"})
    for tag in ("%00", "t%00", "%FF", "%ED%A0%80", "x" * 500, "%F0%9F%99%82" * 51):
        assert q.call("GET", "/messages", query=f"peek=true&tag={tag}").expect(200).json() == []
        assert q.call("GET", "/stats", query=f"tag={tag}").expect(200).json()["total"] == 0
        q.call("DELETE", "/messages", query=f"tag={tag}").expect(204)
        q.call("POST", "/resetfailed", query=f"tag={tag}").expect(204)
    assert q.stats() == counts(pending=1)


@pytest.mark.contract("E73")
def test_a_peek_changes_nothing(new_queue: NewQueue) -> None:
    """E 73: three peeks on an auto_ack queue → nothing changes."""
    queue = new_queue(auto_ack=True, auto_delete=True)
    queue.enqueue("a", "b")
    before = [queue.get("a"), queue.get("b")]
    first = queue.peek()
    assert [found["delivery_attempt"] for found in first] == [0, 0]
    assert queue.peek() == queue.peek() == first
    assert [queue.get("a"), queue.get("b")] == before
    assert queue.stats() == counts(pending=2)


@pytest.mark.contract("E74")
def test_a_peek_never_waits(q: Queue) -> None:
    """E 74: peek on an empty queue → [] at once."""
    start = time.monotonic()
    assert q.peek() == []
    assert time.monotonic() - start < 2


@pytest.mark.contract("E75")
def test_a_peek_selects_by_state_and_tag(new_queue: NewQueue) -> None:
    """E 75: one m per state: peek type=X → exactly it; with tag → intersection; all by default."""
    queue = new_queue(**STAYING)
    plain = fill(queue)
    queue.call("DELETE", "/messages/pending").expect(204)
    tagged = fill(queue, "t-", tag="t")
    queue.enqueue("pending")
    for state in STATES:
        assert sorted(queue.ids(type=state)) == sorted([plain[state], tagged[state]])
        assert queue.ids(type=state, tag="t") == [tagged[state]]
        assert queue.ids(type=state, tag="foreign") == []
    everything = [plain[state] for state in STATES[:-1]] + list(tagged.values()) + ["pending"]
    assert queue.ids() == queue.ids(type="all") == everything
    assert queue.ids(tag="t") == list(tagged.values())


@pytest.mark.contract("E76")
def test_a_peek_has_stable_pages(q: Queue) -> None:
    """E 76: 25 m: pages of 10, offset beyond → [], tag + page."""
    ids = [f"{number}" for number in range(25)]
    q.enqueue(*({"id": id, "body": "b", "tag": "even" if int(id) % 2 == 0 else "odd"} for id in ids))
    q.receive(limit=3)
    assert ids_of(q.receive(peek=1)) == ids[:10]
    assert [q.ids(limit=10, offset=offset) for offset in (0, 10, 20)] == [ids[:10], ids[10:20], ids[20:]]
    assert q.ids(offset=25) == q.ids(offset=2**31) == q.ids(offset=2**63 - 1) == []
    assert q.ids(limit=5, offset=10, tag="even") == ["20", "22", "24"]
    assert q.ids(limit=2, offset=1, type="processing") == ["1", "2"]


@pytest.mark.contract("E77")
def test_type_and_offset_mean_nothing_to_a_receive(q: Queue) -> None:
    """E 77: consume with type=acked&offset=1 → both ignored."""
    q.enqueue("a", "b")
    assert ids_of(q.receive(type="acked", offset=1)) == ["a", "b"]


@pytest.mark.contract("E78")
def test_a_missing_queue_is_not_waited_for(mq: Client, name: str) -> None:
    """E 78: consume and peek on a missing queue → 404 at once, also with bad parameters."""
    start = time.monotonic()
    for query in ("", "peek=true", "limit=0", "tag=x"):
        Queue(mq, name).call("GET", "/messages", query=query).expect(404)
    assert time.monotonic() - start < 2


@pytest.mark.contract("E86")
def test_auto_ack_settles_with_the_delivery(new_queue: NewQueue) -> None:
    """E 86: auto_ack: attempt 1, no locked_until, stats acked 1, later nack no effect."""
    queue = new_queue(auto_ack=True, max_delivery_attempts=5)
    queue.enqueue("m")
    start = now()
    (received,) = queue.receive()
    assert received["delivery_attempt"] == 1
    assert "locked_until" not in received
    stored = queue.get("m")
    assert_between(stored["acked"], start, now())
    assert queue.stats() == counts(acked=1)
    queue.nack("m", delivery_time="2020-01-01T00:00:00Z")
    assert queue.get("m") == stored
    queue.enqueue("next")
    assert ids_of(queue.receive()) == ["next"]


@pytest.mark.contract("E87")
def test_auto_ack_and_auto_delete_leave_no_trace(new_queue: NewQueue) -> None:
    """E 87: auto_ack + auto_delete → row gone, its id free."""
    queue = new_queue(auto_ack=True, auto_delete=True)
    queue.enqueue("m")
    assert ids_of(queue.receive()) == ["m"]
    queue.call("GET", "/messages/m").expect(404)
    assert queue.stats() == counts()
    queue.enqueue({"id": "m", "body": "again"})
    assert [found["body"] for found in queue.receive()] == ["again"]
