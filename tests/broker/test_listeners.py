"""Those who are told of messages' lives in the same transaction, whoever changes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from queues import broker
from queues.broker import due, listeners
from queues.broker.lanes import Transaction, in_transaction
from queues.broker.listeners import Happening
from queues.broker.types import Ack, Kill, Remove, RetryStrategy

from .conftest import NewQueue
from .handle import Handle
from .rows import age
from .sweeping import purge, sweep

Told = list[tuple[str, str]]


@pytest.fixture
def told() -> Iterator[list[Happening]]:
    found: list[Happening] = []
    listeners.LISTENERS["test"] = lambda tx, happenings: found.extend(happenings)
    yield found
    del listeners.LISTENERS["test"]


@pytest.fixture
def q(new_queue: NewQueue) -> Handle:
    return new_queue(listener="test", max_attempts=2, lease_seconds=30)


def changes(told: list[Happening]) -> Told:
    return [(happening.public_id, str(happening.change)) for happening in told]


def claimed(q: Handle, *names: str) -> None:
    q.publish(*names)
    q.take()


def promote(q: Handle) -> None:
    in_transaction(lambda tx: due.promote(tx, q.id))


def acked(q: Handle) -> None:
    claimed(q, "m")
    q.settle(Ack("m", note="well"))


def acked_on_delivery(q: Handle) -> None:
    q.publish("m")
    q.receive(auto_ack=True)


def failed_and_dead(q: Handle) -> None:
    claimed(q, "m")
    q.nack("m", reason="one")
    q.take()
    q.nack("m", reason="two")


def lost_twice(q: Handle) -> None:
    claimed(q, "m")
    age(q, 31)
    q.take()
    age(q, 31)
    promote(q)


def killed(q: Handle) -> None:
    q.publish("m")
    q.settle(Kill("m", "enough"))


def replayed(q: Handle) -> None:
    q.publish("m")
    q.kill("m")
    q.replay()


def deleted(q: Handle) -> None:
    q.publish("m", "n")
    q.settle(Remove("m"))
    q.delete_messages()


def acked_and_deleted(q: Handle) -> None:
    claimed(q, "m")
    q.ack("m", delete=True)


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (acked, ["m acked"]),
        (acked_on_delivery, ["m acked"]),
        (failed_and_dead, ["m failed", "m dead"]),
        (lost_twice, ["m failed", "m dead"]),
        (killed, ["m killed"]),
        (replayed, ["m dead", "m revived"]),
        (deleted, ["m removed", "n removed"]),
        (acked_and_deleted, ["m acked", "m removed"]),
    ],
)
def test_each_change_is_told_once(
    q: Handle, told: list[Happening], act: Callable[[Handle], None], expected: list[str]
) -> None:
    act(q)
    assert [" ".join(change) for change in changes(told)] == expected
    assert {happening.queue_id for happening in told} == {q.id}


def test_it_is_told_what_was_said(q: Handle, told: list[Happening]) -> None:
    failed_and_dead(q)
    claimed(q, "n")
    q.settle(Ack("n", note={"answer": 42}))
    claimed(q, "lost")
    age(q, 31)
    promote(q)
    assert [(h.error, h.note) for h in told] == [
        ("one", None), ("two", None), ("", {"answer": 42}), ("lease expired", None),
    ]  # fmt: skip


def test_expiry_tells_too(new_queue: NewQueue, told: list[Happening]) -> None:
    q = new_queue(listener="test", ttl_seconds=60)
    q.publish("m")
    age(q, 61)
    sweep()
    assert changes(told) == [("m", "removed")]


def test_moving_to_a_dead_letter_queue_tells_both(new_queue: NewQueue, told: list[Happening]) -> None:
    dead = new_queue()
    q = new_queue(listener="test", dead_letter_queue=dead.name, max_attempts=1)
    q.publish("m")
    q.kill("m")
    assert changes(told) == [("m", "dead"), ("m", "removed")]


def test_what_a_delay_postpones_is_told_as_failed(new_queue: NewQueue, told: list[Happening]) -> None:
    q = new_queue(listener="test", delay_lost=True, retry=RetryStrategy("fixed", 60), lease_seconds=30)
    claimed(q, "m")
    age(q, 31)
    promote(q)
    assert changes(told) == [("m", "failed")]


def test_a_change_that_is_refused_or_repeated_is_not_told(q: Handle, told: list[Happening]) -> None:
    claimed(q, "m")
    q.ack("m", receipt=1)
    q.settle(Remove("m"))
    q.ack("m")
    q.ack("m")
    assert changes(told) == [("m", "acked")]


def test_other_messages_are_nobodys_business(new_queue: NewQueue, told: list[Happening]) -> None:
    acked(new_queue())
    acked(new_queue(listener="gone"))
    assert told == []


def test_a_listener_that_fails_undoes_the_change(q: Handle, told: list[Happening]) -> None:
    def refuse(tx: Transaction, happenings: list[Happening]) -> None:
        raise ValueError("no")

    listeners.LISTENERS["test"] = refuse
    claimed(q, "m")
    with pytest.raises(ValueError, match="no"):
        q.ack("m")
    listeners.LISTENERS["test"] = lambda tx, happenings: told.extend(happenings)
    q.ack("m")
    assert changes(told) == [("m", "acked")]


def test_the_rows_of_a_deleted_queue_are_told_in_ranges(q: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    ranges: list[tuple[int, int]] = []
    monkeypatch.setattr(listeners, "PURGED", [lambda tx, queue_id, last: ranges.append((queue_id, last))])
    q.publish(*(f"{n}" for n in range(5)))
    broker.delete_queue(q.account_id, q.name)
    purge()
    assert [last for queue_id, last in ranges if queue_id == q.id] == [4]
