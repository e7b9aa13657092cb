"""J. Statistics."""

import pytest

from .client import Client, Queue, counts, ids_of
from .clock import eventually, from_now
from .conftest import NewQueue
from .states import STATES, STAYING, fill


@pytest.mark.contract("J125")
def test_each_state_is_counted(new_queue: NewQueue) -> None:
    """J 125: one m per state → 1,1,1,1,1,5; by tag; foreign tag 0."""
    queue = new_queue(**STAYING)
    one_each = counts(**dict.fromkeys(STATES, 1))
    fill(queue, "t-", tag="t")
    assert queue.stats() == queue.stats(tag="t") == one_each
    assert queue.stats(tag="T") == counts()
    queue.receive()
    fill(queue, "u-", tag="u")
    assert queue.stats(tag="u") == one_each
    assert queue.stats() == counts(failed=2, acked=2, processing=3, scheduled=2, pending=1)
    found = queue.call("GET", "/stats").json()
    assert all(type(number) is int for number in found.values())


@pytest.mark.contract("J126")
def test_an_empty_and_a_missing_queue_count_nothing(mq: Client, q: Queue, name: str) -> None:
    """J 126: empty and missing queue → 200, zeros."""
    for queue in (q, Queue(mq, name), Queue(mq, "x" * 300)):
        assert queue.stats() == queue.stats(tag="t") == counts()


@pytest.mark.contract("J127")
def test_the_clock_alone_moves_messages_on(new_queue: NewQueue) -> None:
    """J 127: scheduled → pending, processing → pending / failed by the clock."""
    queue = new_queue(lock_duration=1, max_delivery_attempts=2)
    queue.enqueue("comes back")
    queue.patch(max_delivery_attempts=1)
    queue.enqueue("fails")
    assert ids_of(queue.receive()) == ["comes back", "fails"]
    queue.enqueue({"id": "due", "body": "b", "delivery_time": from_now(1)})
    assert queue.stats() == counts(processing=2, scheduled=1)
    eventually(lambda: queue.stats() == counts(pending=2, failed=1))
    assert queue.ids(type="pending") == ["comes back", "due"]
    assert queue.ids(type="failed") == ["fails"]
