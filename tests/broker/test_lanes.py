"""Group commit: what travels together, what fails alone, and that a lane outlives it all."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.db import connection

from queues.broker import lanes
from queues.broker.db import Connection, Statement
from queues.broker.errors import QueueExists, QueueNotFound, ShuttingDown, Unavailable
from queues.broker.lanes import LANES, MAX_WEIGHT, Call, Lane, Operation, Transaction, in_transaction
from queues.broker.publish import Publish
from queues.broker.types import NewMessage

from .at_once import eventually, in_background
from .handle import Handle, message

ON_SQLITE = connection.vendor == "sqlite"
ADVISORY_LOCK = Statement("SELECT pg_advisory_xact_lock(:key)")
PLAN_CACHE_MODE = Statement("SHOW plan_cache_mode")


class Gate:
    """Holds a lane's thread inside a transaction until it is opened, so that others gather behind it."""

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.entered, self.opened = threading.Event(), threading.Event()
        self.call = in_background(lane.submit, Call(self._hold))
        assert self.entered.wait(10)

    def _hold(self, tx: Transaction) -> None:
        self.entered.set()
        assert self.opened.wait(10)

    def open(self, waiting: int) -> None:
        """When that many have gathered."""
        eventually(lambda: len(self.lane._pending) == waiting)
        self.opened.set()
        self.call.result(10)


@pytest.fixture
def lane() -> Iterator[Lane]:
    made = Lane("test")
    yield made
    made.close()


@pytest.fixture
def transactions(monkeypatch: pytest.MonkeyPatch) -> list[list[Operation]]:
    """The operations of every transaction begun in any lane."""
    begun: list[list[Operation]] = []
    commit = Lane._commit

    def counted(self: Lane, db: Connection, shard: int, batch: list[Operation]) -> Any:
        begun.append(batch)
        return commit(self, db, shard, batch)

    monkeypatch.setattr(Lane, "_commit", counted)
    return begun


def publish(q: Handle, public_id: str, **fields: Any) -> Publish:
    return Publish(q.account_id, [message(public_id, **fields)], queue=q.name)


def test_calls_that_gather_become_one_transaction(q: Handle, transactions: list[list[Operation]]) -> None:
    gate = Gate(LANES.of("publish"))
    calls = [in_background(q.publish, str(n)) for n in range(20)]
    gate.open(20)
    offsets = [call.result(10)[0].offset for call in calls]
    assert sorted(offsets) == list(range(20))
    assert [len(batch) for batch in transactions] == [1, 20]


def test_a_merged_transaction_is_bounded(q: Handle, lane: Lane, transactions: list[list[Operation]]) -> None:
    gate = Gate(lane)
    half = [message(None)] * (MAX_WEIGHT // 2)
    calls = [in_background(lane.submit, Publish(q.account_id, half, queue=q.name)) for _ in range(3)]
    gate.open(3)
    for call in calls:
        call.result(20)
    assert [len(batch) for batch in transactions] == [1, 2, 1]


def test_a_call_travels_alone(q: Handle, lane: Lane, transactions: list[list[Operation]]) -> None:
    gate = Gate(lane)
    for operation in (publish(q, "a"), Call(lambda tx: None), publish(q, "b"), publish(q, "c")):
        in_background(lane.submit, operation)
        eventually(lambda operation=operation: operation in lane._pending)  # type: ignore[misc]
    gate.open(4)
    eventually(lambda: len(transactions) == 4)
    assert [len(batch) for batch in transactions] == [1, 1, 1, 2]


BAD = {
    "a lone surrogate": {"body": "\ud800"},
    "a number too large": {"deliver_at": 2**63},
    "something missing": {"metadata": object()},
}


@pytest.mark.parametrize("fields", list(BAD.values()), ids=list(BAD))
def test_a_bad_operation_fails_alone_while_its_batch_mates_commit(
    q: Handle, lane: Lane, fields: dict[str, Any]
) -> None:
    gate = Gate(lane)
    bad = Publish(
        q.account_id, [NewMessage(**{"body": "b", "size": 1, "public_id": "bad", **fields})], queue=q.name
    )
    calls = [in_background(lane.submit, operation) for operation in (publish(q, "a"), bad, publish(q, "b"))]
    gate.open(3)
    assert calls[0].result(10)[0].duplicate is False
    assert calls[2].result(10)[0].duplicate is False
    with pytest.raises(Exception) as caught:  # the database's or its driver's own
        calls[1].result(10)
    assert not isinstance(caught.value, Unavailable)
    assert sorted(q.ids()) == ["a", "b"]
    assert lane.submit(publish(q, "c"))[0].offset == 2


def test_a_refused_operation_fails_alone(q: Handle, lane: Lane) -> None:
    gate = Gate(lane)
    lost = Publish(q.account_id, [message("m")], queue="no such")
    calls = [in_background(lane.submit, operation) for operation in (publish(q, "a"), lost)]
    gate.open(2)
    calls[0].result(10)
    with pytest.raises(QueueNotFound):
        calls[1].result(10)
    assert q.ids() == ["a"]


def test_a_failing_call_is_rolled_back_and_not_run_again(q: Handle) -> None:
    runs: list[int] = []

    def publish_and_refuse(tx: Transaction) -> None:
        runs.append(1)
        Publish.run(tx, [publish(q, "m")])
        raise QueueExists("q")

    with pytest.raises(QueueExists):
        in_transaction(publish_and_refuse)
    assert (q.ids(), len(runs)) == ([], 1)


def test_a_failure_while_committing_is_not_tried_again(
    q: Handle, lane: Lane, transactions: list[list[Operation]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit may have happened: doing it again could do it twice. The callers are told."""
    gone = psycopg.OperationalError("the connection is lost")
    whole = Connection.transaction

    @contextmanager
    def breaks_after_commit(self: Connection) -> Iterator[None]:
        with whole(self):
            yield
        raise gone

    gate = Gate(lane)
    monkeypatch.setattr(Connection, "transaction", breaks_after_commit)
    calls = [in_background(lane.submit, publish(q, id)) for id in ("a", "b")]
    gate.open(2)
    for call in calls:
        with pytest.raises(Unavailable):
            call.result(10)
    assert len(transactions) == 2
    monkeypatch.undo()
    assert sorted(q.ids()) == ["a", "b"]
    assert lane.submit(publish(q, "a"))[0].duplicate


class Conflicting(Operation):
    """Meets a deadlock the first ``times`` times."""

    __slots__ = ("times",)

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    @classmethod
    def run(cls, tx: Transaction, operations: list[Conflicting]) -> None:
        for operation in operations:
            operation.times -= 1
            if operation.times >= 0:
                raise psycopg.errors.DeadlockDetected
            operation.result = "done"


def test_a_deadlock_is_tried_again_a_few_times(lane: Lane) -> None:
    assert lane.submit(Conflicting(times=lanes.RETRIES)) == "done"
    with pytest.raises(psycopg.errors.DeadlockDetected):
        lane.submit(Conflicting(times=100))
    assert lane.submit(Conflicting(times=0)) == "done"


@pytest.mark.skipif(ON_SQLITE, reason="SQLite has one writer, who meets nobody")
def test_a_real_deadlock_ends_with_both_done() -> None:
    """Two lanes take two locks in opposite orders."""
    both_hold_one = threading.Barrier(2)
    tried: set[int] = set()

    def lock(first: int, then: int) -> Call:
        def run(tx: Transaction) -> int:
            tx.db.rows(ADVISORY_LOCK, key=first)
            if first not in tried:
                tried.add(first)
                both_hold_one.wait(10)
            tx.db.rows(ADVISORY_LOCK, key=then)
            return first

        return Call(run)

    one, two = Lane("one"), Lane("two")
    calls = [in_background(one.submit, lock(1, 2)), in_background(two.submit, lock(2, 1))]
    assert [call.result(20) for call in calls] == [1, 2]
    one.close()
    two.close()


def test_a_lane_survives_what_its_work_raises(lane: Lane, q: Handle) -> None:
    def explode(tx: Transaction) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lane.submit(Call(explode))
    assert lane.submit(publish(q, "m"))[0].offset == 0


@pytest.mark.skipif(ON_SQLITE, reason="PostgreSQL's plans")
def test_a_lanes_session_is_set_up_although_its_first_transaction_failed() -> None:
    made = Lane("test")
    with pytest.raises(QueueExists):
        made.submit(Call(_refuse))

    assert made.submit(Call(lambda tx: tx.db.rows(PLAN_CACHE_MODE))) == [("force_generic_plan",)]
    made.close()


def _refuse(tx: Transaction) -> None:
    raise QueueExists("q")


def test_a_closing_lane_finishes_what_was_handed_in_and_takes_no_more(q: Handle) -> None:
    made = Lane("test")
    gate = Gate(made)
    call = in_background(made.submit, publish(q, "m"))
    eventually(lambda: len(made._pending) == 1)
    closing = in_background(made.close)
    gate.opened.set()
    closing.result(10)
    assert call.result(10)[0].offset == 0
    with pytest.raises(ShuttingDown):
        made.submit(publish(q, "n"))


def test_kinds_of_work_share_the_one_writer_of_sqlite_only() -> None:
    kinds = {LANES.of(kind) for kind in ("publish", "receive", "settle", "bulk")}
    assert len(kinds) == (1 if ON_SQLITE else 4)
    assert LANES.of("publish") is LANES.of("publish")


def test_lanes_are_made_anew_after_a_close(q: Handle) -> None:
    LANES.close()
    assert q.publish("m")[0].offset == 0
