"""Deleting and replaying many messages at once. Contract: okmq.md §5.9, §5.10."""

from __future__ import annotations

import pytest

from accounts.models import Account
from queues import broker
from queues.broker import bulk, clock, sql
from queues.broker.errors import QueueNotFound
from queues.broker.lanes import Transaction, in_transaction
from queues.broker.publish import Publish
from queues.broker.records import Batch, load
from queues.broker.types import Outcome, State

from .conftest import NewQueue
from .handle import Handle, message
from .rows import age, assert_consistent

HOUR = clock.micros(3600)


def fill(q: Handle, tag: str = "") -> None:
    """One message in each state, named after it."""
    q.publish("failed", "acked", "processing", tag=tag)
    q.take(1)
    q.nack("failed", dead=True)
    q.take(1)
    q.ack("acked")
    q.take(1)
    q.publish("scheduled", tag=tag, deliver_at=clock.now() + HOUR)
    q.publish("pending", tag=tag)


@pytest.mark.parametrize("state", list(State))
def test_one_state_is_deleted_and_no_other(q: Handle, state: State) -> None:
    fill(q)
    assert q.delete_messages(state=state) == 1
    assert set(q.ids()) == set(State) - {state}
    assert q.delete_messages(state=state) == 0
    assert_consistent(q)


def test_everything_is_deleted_and_the_queue_stays(q: Handle) -> None:
    fill(q)
    assert q.delete_messages() == 5
    assert q.ids() == []
    assert q.delete_messages() == 0
    assert q.info().next_offset == 5
    assert not q.publish("acked")[0].duplicate
    assert_consistent(q)


def test_state_and_tag_both_must_match(q: Handle) -> None:
    q.publish("a", "b", tag="x")
    q.publish("c", "d", tag="y")
    q.ack("a", "c")
    assert q.delete_messages(state=State.ACKED, tag="x") == 1
    assert q.ids() == ["b", "c", "d"]
    assert q.delete_messages(tag="y") == 2
    assert q.ids() == ["b"]
    assert q.delete_messages(tag="\0") == 0
    assert_consistent(q)


def test_exactly_the_listed_ids_are_deleted(q: Handle) -> None:
    fill(q)
    assert q.delete_messages(ids=["ghost", "acked", "processing", "acked", "\0", "\ud800"]) == 2
    assert q.ids() == ["failed", "scheduled", "pending"]
    assert q.delete_messages(ids=[]) == 0
    assert q.stats().total == 3
    assert_consistent(q)


def test_a_lease_of_a_deleted_message_settles_nothing(q: Handle) -> None:
    q.publish("m")
    receipt = q.receive()[0].receipt
    q.delete_messages(ids=["m"])
    assert q.ack("m", receipt=receipt) == [Outcome.UNKNOWN]


def test_the_clock_alone_puts_messages_into_the_state_that_is_deleted(new_queue: NewQueue) -> None:
    queue = new_queue(max_attempts=1)
    queue.publish("failed")
    queue.take(lease_seconds=10)
    queue.publish("pending", deliver_at=clock.now() + clock.micros(10))
    age(queue, 11)
    assert queue.delete_messages(state=State.SCHEDULED) == queue.delete_messages(state=State.PROCESSING) == 0
    assert queue.delete_messages(state=State.FAILED) == 1
    assert queue.ids() == ["pending"]
    assert queue.delete_messages(state=State.PENDING) == 1
    assert_consistent(queue)


@pytest.mark.parametrize("state", [None, State.PENDING])
def test_large_selections_are_deleted_in_chunks(
    q: Handle, monkeypatch: pytest.MonkeyPatch, state: State | None
) -> None:
    monkeypatch.setattr(bulk, "CHUNK", 10)
    q.publish(*(str(n) for n in range(35)))
    q.ack("3")
    assert q.delete_messages(state=state) == (35 if state is None else 34)
    assert q.stats().pending == 0
    assert_consistent(q)


def test_what_is_published_after_the_call_began_stays(q: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "CHUNK", 2)
    q.publish("a", "b", "c", "d")
    begin = bulk._Selection._begin

    def begin_then_publish(self: bulk._Selection, tx: Transaction) -> tuple[int, int]:
        found = begin(self, tx)
        Publish.run(tx, [Publish(q.account_id, [message("late")], queue=q.name)])
        return found

    monkeypatch.setattr(bulk._Selection, "_begin", begin_then_publish)
    assert q.delete_messages() == 4
    assert q.ids() == ["late"]


def test_a_replay_makes_the_dead_pending_with_all_attempts_before_them(q: Handle) -> None:
    q.publish("m")
    for _ in range(3):
        q.take()
        q.nack("m")
    before = q.get("m")
    assert (before.state, before.attempts) == (State.FAILED, 3)
    assert q.replay() == 1
    view = q.get("m")
    assert (view.state, view.attempts, view.dead_at, view.dead_reason, view.lease_until) == (
        State.PENDING,
        0,
        None,
        "",
        None,
    )
    assert view.deliver_at == view.updated_at >= before.updated_at
    assert [one.attempt for one in q.receive()] == [1]
    assert_consistent(q)


def test_a_replayed_message_goes_before_younger_ones(q: Handle) -> None:
    q.publish("old", "older")
    q.kill("old", "older")
    q.publish("young")
    assert q.replay(ids=["older", "old"]) == 2
    assert q.take() == ["old", "older", "young"]


def test_a_replay_restarts_the_time_to_live(new_queue: NewQueue) -> None:
    queue = new_queue(ttl_seconds=100, preserve_failed=True)
    queue.publish("m")
    queue.kill("m")
    age(queue, 500)
    assert queue.replay() == 1
    view = queue.get("m")
    assert view.expires_at is not None
    assert view.expires_at - view.updated_at == clock.micros(100)
    assert queue.take() == ["m"]


def test_a_replay_takes_ids_and_tag_together(q: Handle) -> None:
    q.publish("a", "b", tag="x")
    q.publish("c", tag="y")
    q.kill("a", "b", "c")
    assert q.replay(ids=["a", "c", "ghost", "\0"], tag="x") == 1
    assert q.ids(State.PENDING) == ["a"]
    assert q.replay(ids=[]) == 0
    assert q.replay(tag="y") == 1
    assert q.replay(ids=["b"]) == 1
    assert q.stats().pending == 3


def test_a_replay_leaves_all_that_is_not_dead_alone(q: Handle) -> None:
    fill(q)
    before = {view.public_id: view for view in q.peek()}
    assert q.replay(ids=[*State]) == 1
    after = {view.public_id: view for view in q.peek()}
    assert {id for id in before if before[id] != after[id]} == {"failed"}
    assert_consistent(q)


def test_a_replay_finds_what_died_by_the_clock_alone(new_queue: NewQueue) -> None:
    queue = new_queue(max_attempts=1)
    queue.publish("m")
    queue.take(lease_seconds=10)
    age(queue, 11)
    assert queue.replay() == 1
    assert [one.attempt for one in queue.receive()] == [1]
    assert_consistent(queue)


def test_large_replays_go_in_chunks(q: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "CHUNK", 10)
    names = [str(n) for n in range(35)]
    q.publish(*names)
    q.kill(*names)
    assert q.replay() == 35
    assert q.take() == names
    assert_consistent(q)


def test_a_message_replayed_between_the_two_looks_of_another_call_is_not_taken_for_dead(q: Handle) -> None:
    """Records are read before their deliveries are locked. What was dead then may be pending by now."""
    q.publish("m")
    q.kill("m")
    stale = in_transaction(lambda tx: tx.db.rows(sql.RECORDS_BY_ID, queue=q.id, ids=["m"]))
    q.replay()

    def ack(tx: Transaction) -> None:
        batch = Batch(tx, q.id, load(tx, q.id, stale))
        (record,) = batch.records
        assert record.visible_state(tx.now) is State.PENDING
        record.ack(tx.now, None)
        batch.flush()

    in_transaction(ack)
    assert q.state("m") is State.ACKED
    assert_consistent(q)


def test_a_message_that_went_between_the_two_looks_is_not_touched(q: Handle) -> None:
    q.publish("deleted", "acked", "dead")
    stale = in_transaction(
        lambda tx: tx.db.rows(sql.RECORDS_BY_ID, queue=q.id, ids=["deleted", "acked", "dead"])
    )
    q.kill("deleted", "acked", "dead")
    q.ack("acked")
    q.delete_messages(ids=["deleted"])

    def look(tx: Transaction) -> list[State]:
        return [record.visible_state(tx.now) for record in load(tx, q.id, stale)]

    assert in_transaction(look) == [State.ACKED, State.FAILED]


def test_what_is_no_queue_of_the_account_is_refused(q: Handle, account: Account, stranger: Account) -> None:
    q.publish("m")
    for owner, name in ((account, "no such"), (account, "\0"), (account, "\ud800"), (stranger, q.name)):
        with pytest.raises(QueueNotFound):
            broker.delete_messages(owner.pk, name)
        with pytest.raises(QueueNotFound):
            broker.replay(owner.pk, name)
    assert q.ids() == ["m"]
