"""One message in each of the five states of contract §5.1."""

from .client import Queue, ids_of
from .clock import from_now

STATES = ("failed", "acked", "processing", "scheduled", "pending")
STAYING = {"max_delivery_attempts": 1, "lock_duration": 3600}
"""Settings under which `fill` works and no state changes while a test runs."""


def fill(queue: Queue, prefix: str = "", **fields: str) -> dict[str, str]:
    """Stores one message per state, in the order of STATES, and returns state → id.

    The queue must have no pending message and allow one attempt, as by default.
    """
    ids = {state: prefix + state for state in STATES}
    queue.enqueue(*({"id": ids[state], "body": state} | fields for state in STATES[:3]))
    assert ids_of(queue.receive(limit=3)) == [ids[state] for state in STATES[:3]]
    queue.settle({"id": ids["failed"], "ack": False}, {"id": ids["acked"], "ack": True})
    queue.enqueue(
        {"id": ids["scheduled"], "body": "scheduled", "delivery_time": from_now(3600)} | fields,
        {"id": ids["pending"], "body": "pending"} | fields,
    )
    return ids


def fail(queue: Queue, *ids: str, **fields: str) -> None:
    """Brings new messages into the state failed; the queue is as for `fill`."""
    queue.enqueue(*({"id": id, "body": id} | fields for id in ids))
    assert ids_of(queue.receive(limit=len(ids))) == list(ids)
    queue.nack(*ids)
