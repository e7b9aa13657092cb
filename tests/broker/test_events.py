"""What is remembered of a message's troubles, and the life that is told from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
from django.conf import LazySettings

from queues import broker
from queues.broker import clock, events
from queues.broker.db import Connection, Insert, Row, Statement
from queues.broker.lanes import in_transaction
from queues.broker.timeline import timeline
from queues.broker.types import Ack, ExpiryAction, Nack, Origin, State
from queues.fields import to_datetime
from queues.models import DeliveryLog, Destination, MessageEvent

from . import sweeping
from .conftest import NewQueue
from .handle import Handle
from .rows import age, assert_consistent


def troubles(q: Handle) -> list[tuple[int, str, int, str, str]]:
    """Offset, kind, attempt, consumer and reason of the queue's events."""
    rows = MessageEvent.objects.filter(queue_id=q.id).order_by("id")
    return list(rows.values_list("offset", "kind", "attempt", "consumer", "reason"))


def life(q: Handle, public_id: str) -> list[tuple[str, int, str, str]]:
    """A message's steps: what, attempt, who, reason."""
    steps = timeline(q.account_id, q.name, public_id)
    assert steps == sorted(steps, key=lambda step: step.at)
    return [(str(step.what), step.attempt, step.who, step.reason) for step in steps]


@contextmanager
def statements(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The SQL of all statements the engine runs meanwhile."""
    seen: list[str] = []
    execute, bulk = Connection._execute, Connection.bulk

    def note(self: Connection, statement: Statement, parameters: dict[str, Any]) -> Any:
        seen.append(statement.sqlite)
        return execute(self, statement, parameters)

    def note_bulk(self: Connection, statement: Insert, rows: Sequence[Row]) -> None:
        if rows:
            seen.append(statement.sqlite)
        bulk(self, statement, rows)

    with monkeypatch.context() as patch:
        patch.setattr(Connection, "_execute", note)
        patch.setattr(Connection, "bulk", note_bulk)
        yield seen


@pytest.mark.parametrize("auto_delete", [False, True])
def test_a_life_without_trouble_runs_no_statement_for_events(
    new_queue: NewQueue, monkeypatch: pytest.MonkeyPatch, auto_delete: bool
) -> None:
    queue = new_queue(auto_delete=auto_delete)
    with statements(monkeypatch) as seen:
        queue.publish("a", "b")
        queue.take()
        queue.extend("a", 60)
        queue.ack("a", "b")
    assert [sql for sql in seen if "queues_message" in sql]
    assert not [sql for sql in seen if "queues_messageevent" in sql]
    assert troubles(queue) == []


def test_failures_of_many_messages_are_one_statement(q: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [str(n) for n in range(30)]
    q.publish(*names)
    q.take()
    with statements(monkeypatch) as seen:
        q.nack(*names, reason="no")
    assert len([sql for sql in seen if "queues_messageevent" in sql]) == 1
    assert len(troubles(q)) == 30


def test_a_rejection_is_told_with_its_delivery(q: Handle) -> None:
    q.publish("m")
    (got,) = q.receive(consumer="c1")
    q.nack("m", reason="too hot")
    (event,) = MessageEvent.objects.filter(queue_id=q.id)
    assert (event.kind, event.attempt, event.consumer, event.reason) == ("nacked", 1, "c1", "too hot")
    assert event.claimed_at is not None
    assert event.claimed_at <= event.at
    assert got.attempt == 1


def test_leases_that_run_out_are_told_in_bulk(q: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    q.publish("a", "b", "c")
    q.receive(limit=2, lease_seconds=10, consumer="c1")
    age(q, 11)
    with statements(monkeypatch) as seen:
        assert q.take() == ["a", "b", "c"]
    assert len([sql for sql in seen if "queues_messageevent" in sql]) == 1
    assert troubles(q) == [(0, "lease_expired", 1, "c1", ""), (1, "lease_expired", 1, "c1", "")]
    assert [q.get(name).last_error for name in "abc"] == ["lease expired", "lease expired", ""]


def test_a_delivery_time_that_comes_is_no_trouble(q: Handle) -> None:
    q.publish("m", deliver_at=clock.now() + clock.micros(10))
    age(q, 11)
    assert q.take() == ["m"]
    assert troubles(q) == []


def test_a_keyed_message_whose_lease_runs_out_is_told_too(q: Handle) -> None:
    q.publish("m", partition_key="k")
    q.take(lease_seconds=10)
    age(q, 11)
    assert q.take() == ["m"]
    assert troubles(q) == [(0, "lease_expired", 1, "", "")]
    assert q.get("m").last_error == "lease expired"


def test_the_last_lease_that_runs_out_ends_in_death(new_queue: NewQueue) -> None:
    queue = new_queue(max_attempts=1)
    queue.publish("m")
    queue.take(lease_seconds=10)
    age(queue, 11)
    assert queue.take() == []
    assert troubles(queue) == [
        (0, "lease_expired", 1, "", ""),
        (0, "dead", 1, "", "max_attempts_reached"),
    ]
    assert queue.get("m").last_error == "lease expired"


def test_the_whole_life_of_a_message(q: Handle) -> None:
    q.publish("m")
    q.receive(consumer="c1")
    q.nack("m", reason="one")
    q.receive(consumer="c2")
    q.nack("m", reason="two", dead=True)
    q.replay()
    q.receive(consumer="c3")
    assert life(q, "m")[-1] == ("leased", 1, "c3", "")
    q.ack("m")
    assert life(q, "m") == [
        ("published", 0, "", ""),
        ("leased", 1, "c1", ""),
        ("nacked", 1, "c1", "one"),
        ("leased", 2, "c2", ""),
        ("nacked", 2, "c2", "two"),
        ("dead", 2, "", "two"),
        ("replayed", 2, "", ""),
        ("leased", 1, "", ""),
        ("acked", 1, "", ""),
    ]


def test_a_message_that_is_acked_at_once_has_a_life_too(q: Handle) -> None:
    q.publish("m")
    q.take(auto_ack=True)
    assert [step[0] for step in life(q, "m")] == ["published", "leased", "acked"]


def test_pushes_are_part_of_the_life(q: Handle) -> None:
    q.publish("m")
    now = to_datetime(clock.now())
    destination = Destination.objects.create(
        account_id=q.account_id,
        queue_id=q.id,
        public_id=f"d-{q.id}",
        lane=1,
        name="hook",
        kind="http",
        target="https://example.com",
        target_digest="x",
        created_at=now,
        updated_at=now,
    )
    DeliveryLog.objects.create(
        destination=destination,
        queue_id=q.id,
        offset=0,
        message_id="m",
        attempt=1,
        status="failed",
        http_status=503,
        error="busy",
        duration_ms=12,
        at=now,
    )
    step = timeline(q.account_id, q.name, "m")[-1]
    assert (step.what, step.who, step.status, step.http_status, step.reason, step.duration_ms) == (
        "pushed",
        "hook",
        "failed",
        503,
        "busy",
        12,
    )


def test_events_move_with_their_message(new_queue: NewQueue) -> None:
    graves = new_queue()
    queue = new_queue(max_attempts=2, dead_letter_queue=graves.name)
    graves.publish("x")
    queue.publish("m", "n")
    queue.take()
    queue.nack("m", "n", reason="first")
    queue.take()
    queue.nack("m", reason="last")
    assert life(graves, "m") == [
        ("published", 0, "", ""),
        ("leased", 1, "", ""),
        ("nacked", 1, "", "first"),
        ("leased", 2, "", ""),
        ("nacked", 2, "", "last"),
        ("dead", 2, "", "last"),
    ]
    assert [event[0] for event in troubles(queue)] == [1]
    view = graves.get("m")
    assert view.last_error == "last"
    assert view.origin is not None
    assert msgspec.json.decode(view.origin, type=Origin) == Origin(queue.name, "m", 0, 2)
    assert_consistent(graves)


def test_what_expires_into_a_dead_letter_queue_is_told(new_queue: NewQueue) -> None:
    graves = new_queue()
    queue = new_queue(ttl_seconds=10, on_expiry=ExpiryAction.DEAD_LETTER, dead_letter_queue=graves.name)
    queue.publish("m")
    age(queue, 11)
    sweeping.sweep()
    assert troubles(graves) == [(0, "dead", 0, "", "message_expired")]


def test_the_events_of_a_deleted_message_go_with_it(q: Handle) -> None:
    q.publish("a", "b")
    q.take()
    q.nack("a", "b", reason="no")
    q.take()
    q.settle(Ack("a", delete=True), Nack("b", dead=True))
    assert {event[0] for event in troubles(q)} == {1}
    q.delete_messages(state=State.FAILED)
    assert troubles(q) == []


def test_the_events_of_a_deleted_queue_go_with_it(q: Handle) -> None:
    q.publish("a")
    q.kill("a")
    q.delete()
    assert troubles(q) == []


def test_a_message_keeps_a_bounded_number_of_events(
    new_queue: NewQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "KEPT", 5)
    monkeypatch.setattr(events, "SPARE", 4)
    queue = new_queue(max_attempts=1000)
    queue.publish("m", "n")
    for n in range(20):
        queue.take(1)
        queue.nack("m", reason=str(n))
        assert len(troubles(queue)) <= 5 + 4
    assert [event[-1] for event in troubles(queue)] == ["15", "16", "17", "18", "19"]
    queue.take()
    queue.nack("n", dead=True)
    for _ in range(10):
        queue.replay()
        queue.take()
        queue.nack("n", dead=True)
        assert len([event for event in troubles(queue) if event[0] == 1]) <= 5 + 4


def test_old_events_are_forgotten(q: Handle, settings: LazySettings) -> None:
    settings.OKMQ_EVENT_DAYS = 1
    q.publish("m")
    q.kill("m")
    rows = MessageEvent.objects.filter(queue_id=q.id)
    in_transaction(lambda tx: events.prune(tx, 1_000))
    assert rows.count() == 2
    oldest = rows.order_by("id")[0]
    MessageEvent.objects.filter(pk=oldest.pk).update(at=clock.now() - 86_401 * clock.SECOND)
    in_transaction(lambda tx: events.prune(tx, 1_000))
    assert [event[1] for event in troubles(q)] == ["dead"]


def test_long_reasons_are_cut(q: Handle) -> None:
    q.publish("m")
    q.take()
    q.nack("m", reason="x" * 5_000)
    assert len(troubles(q)[0][-1]) == events.MAX_REASON


def test_a_missing_message_has_no_life(q: Handle) -> None:
    with pytest.raises(broker.MessageNotFound):
        timeline(q.account_id, q.name, "ghost")
    with pytest.raises(broker.QueueNotFound):
        timeline(q.account_id, "ghost", "ghost")
