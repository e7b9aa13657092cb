"""F. Ack and nack."""

from typing import Any

import pytest

from .bad_values import BAD_ACKS, STRANGE_LOOKUPS, array
from .client import Client, Queue, counts, ids_of
from .clock import assert_between, eventually, from_now, instant, now
from .conftest import NewQueue
from .states import STAYING, fail, fill

PAST = "2020-01-01T00:00:00Z"


def locked(queue: Queue, *ids: str) -> None:
    """Brings new messages into the state processing."""
    queue.enqueue(*ids)
    assert ids_of(queue.receive(limit=len(ids))) == list(ids)


@pytest.mark.contract("F88")
def test_an_acked_message_is_done(q: Queue) -> None:
    """F 88: ack → 204; acked set; not delivered again."""
    locked(q, "m")
    start = now()
    q.ack("m")
    found = q.get("m")
    assert_between(found["acked"], start, now())
    assert "locked_until" not in found
    q.enqueue("next")
    assert ids_of(q.receive()) == ["next"]
    assert q.stats() == counts(acked=1, processing=1)


@pytest.mark.contract("F89")
def test_a_batch_settles_each_message_its_own_way(new_queue: NewQueue) -> None:
    """F 89: ack, nack, ack+delete, nack+time, ghost, ack+keep → acked 2, one of each else."""
    queue = new_queue(max_delivery_attempts=5, retry_strategy={"type": "none"})
    locked(queue, "ack", "nack", "delete", "later", "keep", "untouched")
    queue.settle(
        {"id": "ack", "ack": True},
        {"id": "nack", "ack": False},
        {"id": "delete", "ack": True, "delete": True},
        {"id": "later", "ack": False, "delivery_time": from_now(600)},
        {"id": "ghost", "ack": True},
        {"id": "keep", "ack": True, "delete": False},
    )
    assert queue.stats() == counts(acked=2, pending=1, scheduled=1, processing=1)
    states = {
        "acked": ["ack", "keep"],
        "pending": ["nack"],
        "scheduled": ["later"],
        "processing": ["untouched"],
    }
    assert {state: queue.ids(type=state) for state in states} == states
    queue.call("GET", "/messages/delete").expect(404)


@pytest.mark.contract("F89")
def test_the_items_of_a_batch_take_effect_in_order(new_queue: NewQueue) -> None:
    """F 89: items are applied one after the other (§5.6): the first that ends the processing decides."""
    queue = new_queue(max_delivery_attempts=5)
    locked(queue, "a", "b", "c")
    queue.settle({"id": "a", "ack": False, "delivery_time": from_now(60)}, {"id": "a", "ack": True})
    queue.settle({"id": "b", "ack": True}, {"id": "b", "ack": False})
    queue.settle({"id": "c", "ack": True}, {"id": "c", "ack": True, "delete": True})
    assert queue.stats() == counts(acked=2)


@pytest.mark.contract("F90")
def test_a_hundred_messages_are_settled_at_once(q: Queue) -> None:
    """F 90: 100 → 204; 101 → 400, nothing; [] → 204."""
    ids = [str(number) for number in range(100)]
    locked(q, *ids)
    q.call("POST", "/ack", json=[{"id": id, "ack": True} for id in [*ids, "one more"]]).expect(400)
    q.settle()
    assert q.stats() == counts(processing=100)
    q.ack(*ids)
    assert q.stats() == counts(acked=100)


@pytest.mark.contract("F91")
@pytest.mark.parametrize("bad", BAD_ACKS)
def test_one_bad_item_settles_nothing(q: Queue, bad: str) -> None:
    """F 91: good + each bad item → 400, nothing applied."""
    locked(q, "good", "m")
    before = q.peek()
    q.call("POST", "/ack", body=array('{"id": "good", "ack": true}', bad)).expect(400)
    q.call("POST", "/ack", body=array(bad, '{"id": "good", "ack": true}')).expect(400)
    assert q.peek() == before


@pytest.mark.contract("F92")
def test_auto_delete_removes_what_is_acked(new_queue: NewQueue) -> None:
    """F 92: auto_delete: ack removes; delete:false keeps; nack keeps."""
    queue = new_queue(auto_delete=True, max_delivery_attempts=2)
    locked(queue, "ack", "keep", "nack", "null")
    queue.ack("ack")
    queue.ack("keep", delete=False)
    queue.nack("nack", delivery_time=PAST)
    queue.ack("null", delete=None)
    assert queue.ids() == ["keep", "nack"]
    assert queue.stats() == counts(acked=1, pending=1)
    queue.enqueue("ack")
    assert queue.ids() == ["keep", "nack", "ack"]


@pytest.mark.contract("F93")
def test_delete_removes_what_is_acked(new_queue: NewQueue) -> None:
    """F 93: delete:true removes and frees the id; on a nack it means nothing."""
    queue = new_queue(max_delivery_attempts=2)
    locked(queue, "ack", "nack")
    queue.ack("ack", delete=True)
    queue.nack("nack", delete=True, delivery_time=PAST)
    assert queue.ids() == ["nack"]
    assert queue.stats() == counts(pending=1)
    queue.enqueue({"id": "ack", "body": "again"})
    assert queue.get("ack")["body"] == "again"


@pytest.mark.contract("F94")
def test_a_nacked_message_waits_for_its_retry(new_queue: NewQueue) -> None:
    """F 94: fixed 2 s: nack → scheduled, due +2 s; delivered then with attempt 2."""
    queue = new_queue(max_delivery_attempts=3, retry_strategy={"type": "fixed", "base_delay": 2})
    locked(queue, "m")
    start = now()
    queue.nack("m")
    found = queue.get("m")
    assert_between(found["delivery_time"], start, now(), 2)
    assert "locked_until" not in found
    assert queue.stats() == counts(scheduled=1)
    (received,) = queue.receive()
    assert now() >= instant(found["delivery_time"])
    assert (received["id"], received["delivery_attempt"]) == ("m", 2)


@pytest.mark.contract("F95")
def test_a_nack_may_say_when_to_retry(new_queue: NewQueue) -> None:
    """F 95: nack with time +120 → exactly that time."""
    queue = new_queue(max_delivery_attempts=3)
    locked(queue, "m")
    due = from_now(120)
    queue.nack("m", delivery_time=due)
    assert instant(queue.get("m")["delivery_time"]) == instant(due.replace("+00:00", "Z"))
    assert queue.stats() == counts(scheduled=1)


@pytest.mark.contract("F96")
def test_a_nack_into_the_past_retries_at_once(new_queue: NewQueue) -> None:
    """F 96: nack with a past time → pending at once, attempts 1, 2, 3."""
    queue = new_queue(max_delivery_attempts=5)
    queue.enqueue("m")
    attempts = []
    for _ in range(3):
        attempts += [found["delivery_attempt"] for found in queue.receive()]
        queue.nack("m", delivery_time=PAST)
        assert queue.stats() == counts(pending=1)
    assert attempts == [1, 2, 3]


@pytest.mark.contract("F97")
@pytest.mark.parametrize(
    "fields", [{}, {"delivery_time": PAST}, {"delivery_time": "2100-01-01T00:00:00Z"}], ids=str
)
def test_a_nack_of_the_last_attempt_is_failure(q: Queue, fields: dict[str, str]) -> None:
    """F 97: default attempts: nack → failed, also with a time."""
    locked(q, "m")
    q.nack("m", **fields)
    assert q.stats() == counts(failed=1)
    found = q.get("m")
    assert found["delivery_attempt"] == 1
    assert "locked_until" not in found


@pytest.mark.contract("F98")
def test_a_message_fails_after_its_attempts(new_queue: NewQueue) -> None:
    """F 98: attempts 3, none: 1, 2, 3, then failed."""
    queue = new_queue(max_delivery_attempts=3, retry_strategy={"type": "none"})
    queue.enqueue("m")
    for attempt in (1, 2, 3):
        assert queue.stats() == counts(pending=1)
        assert [found["delivery_attempt"] for found in queue.receive()] == [attempt]
        queue.nack("m")
    assert queue.stats() == counts(failed=1)


@pytest.mark.contract("F99")
def test_what_is_unknown_is_passed_over(mq: Client, q: Queue, name: str) -> None:
    """F 99: ghost, NUL, empty, 500-letter ids → 204, the real one acked; missing queue → 204."""
    locked(q, "m")
    items: list[dict[str, Any]] = [{"id": id, "ack": True} for id in [*STRANGE_LOOKUPS, "ghost"]]
    items += [{"id": id, "ack": False} for id in STRANGE_LOOKUPS]
    q.settle(*items, {"id": "m", "ack": True})
    assert q.stats() == counts(acked=1)
    missing = Queue(mq, name)
    missing.settle(*items)
    missing.settle()
    missing.call("GET").expect(404)


@pytest.mark.contract("F99")
@pytest.mark.parametrize("id", ["\ud800", "m\udfff"], ids=ascii)
def test_an_id_that_is_no_unicode_is_unknown_too(q: Queue, id: str) -> None:
    """F 99: §2.6 names ack ids and `ids` lists as look-ups, which undecodable values never make fail."""
    locked(q, "m")
    q.settle({"id": id, "ack": True}, {"id": "m", "ack": True})
    assert q.stats() == counts(acked=1)
    q.call("POST", "/resetfailed", json={"ids": [id]}).expect(204)
    q.call("DELETE", "/messages", json={"ids": [id, "m"]}).expect(204)
    assert q.stats() == counts()


@pytest.mark.contract("F99")
def test_a_bad_ack_is_refused_for_a_missing_queue_too(mq: Client, name: str) -> None:
    """F 99: a missing queue counts as an empty one (§2.2, §5.1): bad bodies are 400 as everywhere."""
    missing = Queue(mq, name)
    for body in (b"{not json", b"", b"{}", b"null", b'[{"id": "m"}]', b'[{"id": "m", "ack": 1}]'):
        missing.call("POST", "/ack", body=body).expect(400)


@pytest.mark.contract("F100")
def test_an_ack_is_final(new_queue: NewQueue) -> None:
    """F 100: ack twice: time unchanged; nack after ack: nothing; ack + delete:true after ack: removed."""
    queue = new_queue(max_delivery_attempts=3)
    locked(queue, "m")
    queue.ack("m")
    before = queue.get("m")
    queue.ack("m")
    queue.nack("m", delivery_time=PAST)
    queue.ack("m", delete=False, delivery_time=PAST)
    assert queue.get("m")["acked"] == before["acked"]
    assert queue.stats() == counts(acked=1)
    queue.ack("m", delete=True)
    queue.call("GET", "/messages/m").expect(404)


@pytest.mark.contract("F101")
def test_a_late_ack_counts(new_queue: NewQueue) -> None:
    """F 101: ack after the lock ended (pending and failed) → acked."""
    queue = new_queue(lock_duration=1, max_delivery_attempts=2)
    queue.enqueue("pending")
    queue.patch(max_delivery_attempts=1)
    queue.enqueue("failed")
    queue.receive()
    eventually(lambda: queue.stats() == counts(pending=1, failed=1))
    queue.ack("pending", "failed")
    assert queue.stats() == counts(acked=2)
    queue.enqueue("next")
    assert ids_of(queue.receive()) == ["next"]


@pytest.mark.contract("F102")
def test_an_early_ack_counts(q: Queue) -> None:
    """F 102: ack of never delivered pending and scheduled m → acked."""
    q.enqueue("pending", {"id": "scheduled", "body": "b", "delivery_time": from_now(600)})
    q.ack("pending", "scheduled")
    assert q.stats() == counts(acked=2)
    assert [found["delivery_attempt"] for found in q.peek()] == [0, 0]
    q.enqueue("next")
    assert ids_of(q.receive()) == ["next"]


@pytest.mark.contract("F102")
def test_a_failed_message_can_be_acked(q: Queue) -> None:
    """F 102: ack of a failed m → acked, and a reset no longer finds it (§5.6)."""
    fail(q, "m")
    q.ack("m")
    q.call("POST", "/resetfailed").expect(204)
    assert q.stats() == counts(acked=1)


@pytest.mark.contract("F103")
def test_a_nack_of_an_unlocked_message_does_nothing(new_queue: NewQueue) -> None:
    """F 103: nack of an unlocked m (pending, scheduled, failed, acked) → unchanged."""
    queue = new_queue(**STAYING)
    ids = fill(queue)
    still = [id for state, id in ids.items() if state != "processing"]
    before = [queue.get(id) for id in still]
    queue.nack(*still, delivery_time=from_now(60))
    queue.nack(*still)
    assert [queue.get(id) for id in still] == before
    assert queue.stats() == counts(failed=1, acked=1, processing=1, scheduled=1, pending=1)


@pytest.mark.contract("F104")
def test_the_time_of_an_ack_means_nothing(new_queue: NewQueue) -> None:
    """F 104: ack with delivery_time → acked."""
    queue = new_queue(max_delivery_attempts=3)
    locked(queue, "m")
    before = queue.get("m")["delivery_time"]
    queue.ack("m", delivery_time=from_now(60))
    assert queue.stats() == counts(acked=1)
    assert queue.get("m")["delivery_time"] == before
