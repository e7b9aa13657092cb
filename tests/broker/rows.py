"""The engine's tables, looked at and put back in time behind the engine's back."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.db import connection
from django.db.models import Count, Sum

from queues.broker import clock
from queues.broker.floors import FLOORS
from queues.broker.types import State
from queues.models import PULL_LANE, Delivery, Message, QueueCounter

from .handle import Handle

INSTANTS = {
    "queues_message": (
        "created_at",
        "updated_at",
        "deliver_at",
        "expires_at",
        "sweep_at",
        "claimed_at",
        "acked_at",
        "dead_at",
    ),
    "queues_delivery": ("deliver_at", "due_at", "sweep_at", "updated_at", "claimed_at"),
}


def age(queue: Handle, seconds: float) -> None:
    """Make everything in the queue ``seconds`` older: leases end, delays pass, lives run out that much
    sooner. Receivers that are parked already do not notice."""
    shift = clock.micros(seconds)
    with connection.cursor() as cursor:
        for table, columns in INSTANTS.items():
            changes = ", ".join(f"{column} = {column} - {shift}" for column in columns)
            cursor.execute(f"UPDATE {table} SET {changes} WHERE queue_id = %s", [queue.id])
    FLOORS.forget()  # nothing of this process knows of that


def query(sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def counters(queue: Handle) -> dict[str, int]:
    """The queue's running totals over all shards."""
    columns = [
        field.name for field in QueueCounter._meta.fields if field.name not in ("id", "queue", "shard")
    ]
    sums = QueueCounter.objects.filter(queue_id=queue.id).aggregate(**{name: Sum(name) for name in columns})
    return {name: int(total or 0) for name, total in sums.items()}


def recount(queue: Handle) -> dict[str, int]:
    """What the counters that go up and down should say."""
    messages = Message.objects.filter(queue_id=queue.id)
    found = messages.aggregate(
        messages=Count("id"), bytes=Sum("size"), acked=Count("acked_at"), dead=Count("dead_at")
    )
    return {name: int(total or 0) for name, total in found.items()}


def assert_consistent(queue: Handle) -> None:
    """The rows fit together, and the figures by state equal the messages by state."""
    assert_rows_fit(queue)
    assert_states_add_up(queue)
    stats = queue.stats()
    for state in State:
        assert len(queue.peek(state)) == getattr(stats, state)


def assert_rows_fit(queue: Handle) -> None:
    """Counters equal a recount; each live message has its one delivery, each delivery its live message;
    offsets are below the next one."""
    counted = counters(queue)
    assert {name: counted[name] for name in recount(queue)} == recount(queue)
    messages = Message.objects.filter(queue_id=queue.id)
    live = messages.filter(acked_at=None, dead_at=None).values_list("offset", flat=True)
    delivered = Delivery.objects.filter(queue_id=queue.id, lane=PULL_LANE).values_list("offset", flat=True)
    assert sorted(live) == sorted(delivered)
    assert not messages.filter(acked_at__isnull=False, dead_at__isnull=False).exists()
    assert max(messages.values_list("offset", flat=True), default=-1) < queue.info().next_offset


def assert_states_add_up(queue: Handle) -> None:
    """``stats`` equals a recount of ``peek``. The clock must not be about to change any."""
    by_state = Counter(view.state for view in queue.peek())
    stats = queue.stats()
    assert {state: getattr(stats, state) for state in State} == {state: by_state[state] for state in State}
    assert stats.total == by_state.total()
