"""Looks that begin where the last one found something."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from unittest.mock import Mock

import pytest
from django.db import connection, transaction

from queues.broker import clock, floors, lanes, sql
from queues.broker.db import Statement
from queues.broker.floors import FLOORS
from queues.broker.neighbours import _connect
from queues.broker.types import Release
from queues.models import PULL_LANE, DeliveryState
from tests import database

from .at_once import in_background, parked
from .conftest import NewQueue
from .handle import Handle
from .rows import age

pytestmark = pytest.mark.skipif(not database.POSTGRESQL, reason="SQLite removes at once what nobody needs")

LONG = 20.0
READY = int(DeliveryState.READY)


@pytest.fixture(autouse=True)
def always(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every look counts as a long one, and is not repeated for as long as may be."""
    monkeypatch.setattr(floors, "SLOW_SECONDS", -1.0)
    monkeypatch.setattr(floors, "TIMES", 1e9)
    FLOORS.forget()
    yield
    FLOORS.forget()


@pytest.fixture
def two_of_four(q: Handle) -> Handle:
    """Of a, b, c and d the first two are handed out; looks begin at b."""
    q.publish("a", "b", "c", "d")
    assert q.take(2) == ["a", "b"]
    return q


def elsewhere(queue: Handle, public_id: str, **changes: int) -> None:
    """Change its delivery as another process does, of which this one hears nothing."""
    columns = ", ".join(f"{column} = %s" for column in changes)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE queues_delivery d SET {columns} FROM queues_message m WHERE m.queue_id = %s"
            ' AND m.public_id = %s AND d.queue_id = m.queue_id AND d."offset" = m."offset"',
            [*changes.values(), queue.id, public_id],
        )


def test_a_look_begins_where_the_last_one_found_something(two_of_four: Handle) -> None:
    elsewhere(two_of_four, "a", state=READY)
    assert two_of_four.take(1) == ["c"]
    FLOORS.forget()
    assert two_of_four.take(1) == ["a"]


def test_whoever_waits_looks_at_all_again_before_long(
    two_of_four: Handle, monkeypatch: pytest.MonkeyPatch
) -> None:
    q = two_of_four
    monkeypatch.setattr(floors, "LONGEST_SECONDS", 0.5)
    assert q.take(2) == ["c", "d"]
    waiting = in_background(q.take, 1, wait_seconds=LONG)
    parked(q.id, 1)
    elsewhere(q, "a", state=READY)
    assert waiting.result(LONG) == ["a"]


@pytest.mark.parametrize(
    "bring",
    [
        lambda q: q.nack("a"),
        lambda q: q.settle(Release("a")),
        lambda q: (q.nack("a", dead=True), q.replay(ids=["a"])),
        lambda q: (q.publish("a2", priority=1), q.ack("a")),
    ],
    ids=["nack", "release", "replay", "priority"],
)
def test_what_this_process_brings_is_seen_at_once(
    two_of_four: Handle, bring: Callable[[Handle], object]
) -> None:
    bring(two_of_four)
    assert two_of_four.take(1)[0].startswith("a")
    assert two_of_four.take() == ["c", "d"]


def test_a_lease_that_ran_out_is_seen_in_the_same_look(q: Handle) -> None:
    q.publish("a", "b", "c")
    assert q.take(2, lease_seconds=5) == ["a", "b"]
    age(q, 10)
    assert q.take(1) == ["a"]


def test_a_claim_that_is_not_committed_leaves_no_floor(q: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    q.publish("a", "b", "c")
    with monkeypatch.context() as patch:
        patch.setattr(lanes, "write_counts", Mock(side_effect=ZeroDivisionError))
        with pytest.raises(ZeroDivisionError):
            q.take(2)
    assert q.take() == ["a", "b", "c"]


def test_tags_have_floors_of_their_own(q: Handle) -> None:
    q.publish("a", "c", tag="x")
    q.publish("b", tag="y")
    assert q.take(1, tag="y") == ["b"]
    assert q.take(2, tag="x") == ["a", "c"]
    q.publish("d", tag="x")
    elsewhere(q, "a", state=READY)
    assert q.take(1, tag="x") == ["d"]
    assert q.take(1) == ["a"]


def test_queues_with_keys_are_looked_at_from_their_beginning(q: Handle) -> None:
    q.publish("a", "b", partition_key="k")
    q.publish("c", "d")
    assert q.take(2) == ["a", "c"]
    q.ack("c")
    elsewhere(q, "a", state=READY)
    assert q.take(1) == ["a"]


def test_what_falls_due_sooner_is_heard_of(q: Handle) -> None:
    q.publish("later", deliver_at=clock.now() + 3600 * clock.SECOND)
    assert q.take() == []
    assert q.take() == []  # from the floor
    waiting = in_background(q.take, 1, wait_seconds=LONG)
    parked(q.id, 1)
    q.publish("soon", deliver_at=clock.now() + clock.SECOND // 5)
    assert waiting.result(LONG) == ["soon"]


def test_what_falls_due_sooner_by_another_process_is_found_before_long(
    q: Handle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(floors, "LONGEST_SECONDS", 0.5)
    q.publish("a", "b", deliver_at=clock.now() + 3600 * clock.SECOND)
    assert q.take() == []
    waiting = in_background(q.take, 1, wait_seconds=LONG)
    parked(q.id, 1)
    elsewhere(q, "b", due_at=clock.now())
    assert waiting.result(LONG) == ["b"]


def test_beyond_a_thousand_queues_they_are_forgotten(
    new_queue: NewQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(floors, "MOST_KEPT", 2)
    for queue in [new_queue() for _ in range(4)]:
        queue.publish("a", "b", "c")
        assert queue.take(2) == ["a", "b"]
        assert queue.take() == ["c"]


def test_under_an_open_snapshot_a_claim_reads_no_more_than_before(q: Handle) -> None:
    with _connect() as dump:
        dump.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        dump.execute("SELECT 1 FROM queues_queue LIMIT 1")
        for _ in range(10):
            q.publish(*[None] * 100)
            q.ack(*q.take(100))
        q.publish("a")
        key = {"queue": q.id, "lane": PULL_LANE, "limit": 1}
        at = FLOORS._ready[q.id, ""].at
        everything = blocks(sql.CLAIM, key)
        from_there = blocks(sql.CLAIM_SINCE, key | {"rank": at.rank, "since": at.offset})
        assert everything > 5 * from_there, (everything, from_there)
        assert q.take() == ["a"]


def blocks(statement: Statement, parameters: dict[str, int]) -> int:
    """How many blocks it looks at to find deliveries. (Finding their messages depends on what the planner
    knows of tables that are new.)"""
    explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement.postgresql}"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(explain, parameters)
        told = cursor.fetchone()[0]
    plans = (json.loads(told) if isinstance(told, str) else told)[0]["Plan"]["Plans"]
    (claimed,) = [plan for plan in plans if plan.get("Subplan Name") == "CTE claimed"]
    return int(claimed["Shared Hit Blocks"]) + int(claimed["Shared Read Blocks"])
