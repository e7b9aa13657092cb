"""What the engine tells whoever measures it: everything that happened, once, after its commit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from queues import broker
from queues.broker import observe
from queues.broker.errors import QueueExists
from queues.broker.lanes import in_transaction
from queues.broker.observe import Event, Trouble
from queues.broker.outage import Outage
from queues.broker.types import ExpiryAction, Micros, Received

from . import sweeping
from .conftest import NewQueue
from .handle import Handle
from .rows import age


class Notes:
    """A watcher that writes everything down."""

    def __init__(self) -> None:
        self.commits: list[tuple[str, int, float]] = []
        self.troubles: list[Trouble] = []
        self.messages: list[str] = []
        self.events: Counter[Event] = Counter()
        self.by_request: list[tuple[str, str, int]] = []

    def committed(self, lane: str, operations: int, seconds: float) -> None:
        self.commits.append((lane, operations, seconds))

    def failed(self, trouble: Trouble) -> None:
        self.troubles.append(trouble)

    def handed_out(self, messages: Sequence[Received], now: Micros) -> None:
        assert all(m.created_at <= now for m in messages)
        self.messages += [m.public_id for m in messages]

    def happened(self, events: Mapping[Event, int]) -> None:
        self.events.update(events)

    def replayed(self, queue: str, count: int) -> None:
        self.by_request.append(("replayed", queue, count))

    def deleted(self, queue: str, count: int) -> None:
        self.by_request.append(("deleted", queue, count))


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> Notes:
    watcher = Notes()
    monkeypatch.setattr(observe, "watcher", watcher)
    return watcher


def test_commits_are_told_with_lane_and_size(notes: Notes, q: Handle) -> None:
    notes.commits.clear()
    q.publish("a")
    [(lane, operations, seconds)] = notes.commits
    assert lane in ("writer", "publish")
    assert operations == 1
    assert 0 < seconds < 10


def test_what_is_handed_out_is_told_once(notes: Notes, q: Handle) -> None:
    q.publish("a", "b")
    assert q.take() == ["a", "b"]
    assert q.take() == []
    assert notes.messages == ["a", "b"]


def test_a_lease_that_ran_out_is_told_and_a_delay_that_passed_is_not(notes: Notes, q: Handle) -> None:
    q.publish("leased", "released")
    q.take()
    q.nack("released")
    q.take()
    age(q, 700)
    assert sorted(q.take()) == ["leased", "released"]
    assert notes.events == {Event.LEASE_EXPIRED: 2}
    q.nack("leased", "released", deliver_at=1)
    q.take()
    assert notes.events == {Event.LEASE_EXPIRED: 2}


def test_a_scheduled_message_that_falls_due_is_no_lease(notes: Notes, q: Handle) -> None:
    from queues.broker import clock

    q.publish("a", deliver_at=clock.now() + 20_000_000)
    age(q, 30)
    assert q.take() == ["a"]
    assert notes.events == {}


def test_the_last_lease_that_ran_out_is_told_too(notes: Notes, new_queue: NewQueue) -> None:
    q = new_queue(max_attempts=1)
    q.publish("a")
    q.take()
    age(q, 700)
    assert q.take() == []
    assert notes.events == {Event.LEASE_EXPIRED: 1}


def test_dead_letters_are_told_with_their_cause(notes: Notes, new_queue: NewQueue) -> None:
    letters = new_queue()
    settings: dict[str, Any] = {"dead_letter_queue": letters.name, "max_attempts": 1, "ttl_seconds": 50}
    q = new_queue(on_expiry=ExpiryAction.DEAD_LETTER, **settings)
    sweeping.sweep()  # what other tests left to expire is not to be told of here
    notes.events.clear()
    q.publish("rejected", "forgotten")
    q.take(1)
    q.nack("rejected", reason="expired")
    assert notes.events == {Event.DEAD_LETTERED: 1}
    age(q, 60)
    sweeping.sweep()
    assert notes.events == {Event.DEAD_LETTERED: 1, Event.DEAD_LETTERED_EXPIRED: 1}
    assert letters.take() == ["rejected", "forgotten"]


def test_what_stays_dead_in_place_is_no_dead_letter(notes: Notes, new_queue: NewQueue) -> None:
    q = new_queue(dead_letter_queue="gone", max_attempts=1)
    q.publish("a")
    q.take()
    q.nack("a")
    assert notes.events == {}


def test_replays_and_deletions_are_told_by_queue(notes: Notes, new_queue: NewQueue) -> None:
    q = new_queue(max_attempts=1)
    q.publish("a", "b", "c")
    q.take(2)
    q.nack("a", "b")
    broker.replay(q.account_id, q.name)
    broker.replay(q.account_id, q.name)
    broker.delete_messages(q.account_id, q.name, ids=["a", "nowhere"])
    assert notes.by_request == [("replayed", q.name, 2), ("deleted", q.name, 1)]


def test_what_was_rolled_back_did_not_happen(notes: Notes, q: Handle) -> None:
    notes.commits.clear()

    def fail(tx: Any) -> None:
        tx.note(Event.LEASE_EXPIRED, 5)
        raise QueueExists("refused by the engine itself")

    with pytest.raises(QueueExists):
        in_transaction(fail)
    assert (notes.events, notes.commits, notes.troubles) == ({}, [], [])


def test_what_the_database_refuses_is_told(notes: Notes, q: Handle) -> None:
    from queues.broker.db import ERRORS, Statement

    with pytest.raises(ERRORS):
        in_transaction(lambda tx: tx.db.rows(Statement("SELECT nothing FROM nowhere")))
    assert notes.troubles == [Trouble.REFUSED]


def test_nobody_watches_by_default(q: Handle) -> None:
    assert observe.watcher is None
    q.publish("a")
    assert q.take() == ["a"]


def test_an_outage_is_logged_at_its_begin_and_its_end_only(caplog: pytest.LogCaptureFixture) -> None:
    outage = Outage()
    outage.over()
    for _ in range(3):
        outage.notice(ConnectionError("no route"))
    outage.over()
    outage.over()
    events = [getattr(record, "fields", {}).get("event") for record in caplog.records]
    assert events == ["database_away", "database_back"]
