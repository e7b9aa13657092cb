"""Dead letters that go back to where they died."""

from __future__ import annotations

import pytest

from queues.broker import clock, dead_letters, sql
from queues.broker.dead_letters import Target
from queues.broker.lanes import Transaction, in_transaction
from queues.broker.records import Batch, load

from .conftest import NewQueue
from .handle import Handle, message
from .rows import assert_consistent

LIFE = 5000


@pytest.fixture
def graves(new_queue: NewQueue) -> Handle:
    return new_queue(max_attempts=7)


@pytest.fixture
def mortal(new_queue: NewQueue, graves: Handle) -> Handle:
    return new_queue(max_attempts=1, dead_letter_queue=graves.name, ttl_seconds=LIFE)


def bring_back(graves: Handle, queue: Handle, *ids: str) -> None:
    def move(tx: Transaction) -> None:
        (row,) = tx.db.rows(sql.QUEUES_BY_ID, ids=[queue.id])
        found = tx.db.rows(sql.RECORDS_BY_ID, queue=graves.id, ids=list(ids))
        batch = Batch(tx, graves.id, load(tx, graves.id, found))
        dead_letters.transfer(tx, graves.name, Target(row[0], row[3], row[4]), batch.records)
        for record in batch.records:
            record.remove()
        batch.flush()

    in_transaction(move)
    for one in (graves, queue):
        assert_consistent(one)


def test_they_stand_where_they_stood_with_a_new_life(mortal: Handle, graves: Handle) -> None:
    mortal.publish("a", "b", "c")
    mortal.kill("a", "b", "c")
    mortal.publish("d")
    before = clock.now()
    bring_back(graves, mortal, "c", "b")
    assert [(view.public_id, view.offset) for view in mortal.peek()] == [("b", 1), ("c", 2), ("d", 3)]
    view = mortal.get("b")
    assert (view.attempts, view.dead_reason, view.settings.max_attempts) == (0, "", 1)
    assert view.expires_at is not None
    assert view.expires_at >= before + clock.micros(LIFE)
    mortal.publish("e")
    assert mortal.take() == ["b", "c", "d", "e"]
    assert graves.ids() == ["a"]


def test_they_may_die_and_come_back_again(mortal: Handle, graves: Handle) -> None:
    for _ in range(3):
        mortal.publish("m")
        mortal.kill("m")
        bring_back(graves, mortal, "m")
        assert [view.offset for view in mortal.peek()] == [0]


def test_within_a_partition_key_they_go_before_younger_ones(mortal: Handle, graves: Handle) -> None:
    mortal.publish("a", partition_key="k")
    mortal.kill("a")
    mortal.publish("b", "c", partition_key="k")
    bring_back(graves, mortal, "a")
    for id in "abc":
        assert mortal.take() == [id]
        mortal.ack(id)


def test_in_another_queue_they_stand_at_the_end(mortal: Handle, graves: Handle, new_queue: NewQueue) -> None:
    other = new_queue()
    other.publish("x", "y")
    other.ack("x", delete=True)
    mortal.publish("m")
    mortal.kill("m")
    bring_back(graves, other, "m")
    assert [(view.public_id, view.offset) for view in other.peek()] == [("y", 1), ("m", 2)]


def test_in_a_queue_that_was_made_anew_they_take_nobodys_place(
    mortal: Handle, graves: Handle, new_queue: NewQueue
) -> None:
    mortal.publish("a", "b", "c")
    mortal.kill("a", "b", "c")
    mortal.delete()
    anew = new_queue(mortal.name)
    anew.publish("x")
    bring_back(graves, anew, "a", "b", "c")
    assert [(view.public_id, view.offset) for view in anew.peek()] == [("x", 0), ("a", 1), ("b", 2), ("c", 3)]
    anew.publish("y")
    assert anew.info().next_offset == 5


def test_an_id_that_is_taken_again_gives_way(mortal: Handle, graves: Handle) -> None:
    mortal.publish("m", body='"old"')
    mortal.kill("m")
    mortal.send(message("m", body='"new"'))
    bring_back(graves, mortal, "m")
    first, second = mortal.peek()
    assert (first.body, second.body, second.public_id) == ('"old"', '"new"', "m")
    assert first.public_id != "m"
