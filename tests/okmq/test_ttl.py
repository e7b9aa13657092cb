"""O. Expiry."""

from datetime import timedelta
from typing import Any

import pytest

from .client import Queue, counts
from .clock import eventually, from_now, instant, now
from .conftest import NewQueue
from .states import STATES, STAYING, fill

LIFE = timedelta(seconds=300)
SWEPT_WITHIN = 68.0  # seconds: ttl, a sweep's minute, and some slack


@pytest.mark.contract("O162")
def test_a_message_names_its_expiry(q: Queue) -> None:
    """O 162: m.ttl = created + ttl, also scheduled; after PATCH ttl 0 absent on new m only."""
    q.enqueue("m", {"id": "scheduled", "body": "b", "delivery_time": from_now(86400)})
    q.patch(ttl=0)
    q.enqueue("new")
    for id in ("m", "scheduled"):
        found = q.get(id)
        assert instant(found["ttl"]) - instant(found["created"]) == LIFE
    assert "ttl" not in q.get("new")


@pytest.mark.slow
@pytest.mark.contract("O163")
def test_expired_messages_are_swept(new_queue: NewQueue) -> None:
    """O 163: ttl 3: what is not preserved goes within 68 s.

    A plain queue is emptied; preserve_failed keeps failed; preserve_pending keeps pending, processing and
    scheduled; both keep four; acked always goes; ttl 0 and 3600 stay; ids are free again.
    """
    waiting = ("processing", "scheduled", "pending")
    kept: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
        "plain": ({"ttl": 3}, ()),
        "failed": ({"ttl": 3, "preserve_failed": True}, ("failed",)),
        "waiting": ({"ttl": 3, "preserve_pending": True}, waiting),
        "both": ({"ttl": 3, "preserve_failed": True, "preserve_pending": True}, ("failed", *waiting)),
        "never": ({"ttl": 0}, STATES),
        "in an hour": ({"ttl": 3600}, STATES),
    }
    expected = {why: counts(**dict.fromkeys(states, 1)) for why, (_, states) in kept.items()}
    queues = {why: new_queue(**STAYING, **settings) for why, (settings, _) in kept.items()}
    retried = _retried_with_ttl(new_queue, 3)
    for queue in queues.values():
        fill(queue)
    eventually(lambda: {why: queue.stats() for why, queue in queues.items()} == expected, SWEPT_WITHIN)
    for why, (_, states) in kept.items():
        assert queues[why].ids() == [state for state in STATES if state in states]
    eventually(lambda: retried.stats() == counts())
    _assert_ids_are_free(queues["plain"])


def _retried_with_ttl(new_queue: NewQueue, ttl: int) -> Queue:
    """A queue whose message was nacked, which does not lengthen its life."""
    queue = new_queue(ttl=ttl, max_delivery_attempts=9, retry_strategy={"type": "none"})
    queue.enqueue("m")
    before = queue.get("m")["ttl"]
    queue.receive()
    queue.nack("m")
    assert queue.get("m")["ttl"] == before
    return queue


def _assert_ids_are_free(queue: Queue) -> None:
    queue.call("GET", "/messages/pending").expect(404)
    queue.enqueue({"id": "pending", "body": "again"})
    assert queue.get("pending")["body"] == "again"


@pytest.mark.contract("O164")
def test_a_message_is_not_swept_early(new_queue: NewQueue) -> None:
    """O 164: ttl 30 → still there after 1 s."""
    queue = new_queue(ttl=30)
    queue.enqueue("m")
    created = instant(queue.get("m")["created"])
    eventually(lambda: now() - created > timedelta(seconds=1))
    assert queue.stats() == counts(pending=1)
