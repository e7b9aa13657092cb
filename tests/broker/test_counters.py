"""Counters are written with what they count: they equal a recount after any sequence of operations (I11)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Account
from queues.broker import clock
from queues.broker.counters import Tally
from queues.broker.lanes import in_transaction
from queues.broker.types import Ack, ExpiryAction, Extend, Nack, State
from queues.models import QueueCounter

from . import sweeping
from .conftest import NewQueue
from .handle import Handle
from .rows import age, assert_consistent, assert_states_add_up, counters

IDS = list("abcdef")
some_ids = st.lists(st.sampled_from(IDS), min_size=1, max_size=4)
settlement = st.one_of(
    st.builds(Ack, st.sampled_from(IDS), st.sampled_from([None, True, False])),
    st.builds(Nack, st.sampled_from(IDS), st.sampled_from([None, 0]), st.none(), st.booleans()),
    st.builds(Extend, st.sampled_from(IDS), st.sampled_from([0.001, 50])),
)
step = st.one_of(
    st.tuples(st.just("publish"), some_ids, st.sampled_from(["", "k", "l"]), st.sampled_from([0, 0, 30])),
    st.tuples(st.just("receive"), st.integers(1, 4), st.booleans(), st.sampled_from(["", "t"])),
    st.tuples(st.just("settle"), st.lists(settlement, min_size=1, max_size=4)),
    st.tuples(st.just("delete"), st.one_of(some_ids, st.sampled_from([None, *State]))),
    st.tuples(st.just("replay"), st.one_of(some_ids, st.none())),
    st.tuples(st.just("age"), st.sampled_from([1, 20, 45])),
    st.tuples(st.just("sweep")),
)


def take_step(queue: Handle, name: str, *given: Any) -> None:
    match name:
        case "publish":
            ids, key, delay = given
            at = clock.now() + clock.micros(delay) if delay else None
            queue.publish(*ids, partition_key=key, deliver_at=at, tag="t" if delay else "")
        case "receive":
            limit, auto_ack, tag = given
            queue.receive(limit, auto_ack=auto_ack, tag=tag)
        case "settle":
            queue.settle(*given[0])
        case "delete":
            (chosen,) = given
            queue.delete_messages(**({"ids": chosen} if isinstance(chosen, list) else {"state": chosen}))
        case "replay":
            queue.replay(ids=given[0])
        case "age":
            age(queue, given[0])
        case "sweep":
            sweeping.sweep()


@given(
    st.lists(step, min_size=3, max_size=14),
    st.fixed_dictionaries(
        {
            "max_attempts": st.integers(1, 2),
            "auto_delete": st.booleans(),
            "auto_ack": st.sampled_from([False, False, True]),
            "ttl_seconds": st.sampled_from([None, 40]),
            "preserve_failed": st.booleans(),
            "preserve_pending": st.booleans(),
            "on_expiry": st.sampled_from([ExpiryAction.DROP, ExpiryAction.DEAD_LETTER]),
        }
    ),
    st.booleans(),
)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
def test_counters_equal_a_recount_after_any_operations(
    new_queue: NewQueue, steps: list[tuple[Any, ...]], wanted: dict[str, Any], moves: bool
) -> None:
    target = new_queue(max_attempts=1)
    queue = new_queue(lease_seconds=30, **wanted, dead_letter_queue=target.name if moves else None)
    for one in steps:
        take_step(queue, *one)
        assert_states_add_up(queue)
    assert_consistent(queue)
    assert_consistent(target)


def test_totals_tell_all_that_ever_happened(new_queue: NewQueue) -> None:
    queue = new_queue(max_attempts=2, ttl_seconds=1000)
    queue.publish("a", "b", "c", "d", body="12345")
    queue.publish("a")
    queue.take(3)
    queue.ack("a", "a")
    queue.nack("b", "c", dead=False)
    queue.nack("ghost", "a", "d")
    queue.take(2)
    queue.nack("b", dead=True)
    queue.extend("c", 5000)
    queue.ack("d", delete=True)
    age(queue, 1001)
    sweeping.sweep()
    found = counters(queue)
    assert {name: value for name, value in found.items() if name.endswith("_total")} == {
        "published_total": 4,
        "received_total": 5,
        "acked_total": 2,
        "nacked_total": 3,
        "dead_total": 1,
        "expired_total": 3,
    }
    assert {name: found[name] for name in ("messages", "bytes", "acked", "dead")} == dict.fromkeys(
        ("messages", "bytes", "acked", "dead"), 0
    )


def test_a_failed_transaction_counts_nothing(q: Handle) -> None:
    def count_and_fail(tx: Any) -> None:
        tx.tally.add(q.id, messages=5)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        in_transaction(count_and_fail)
    assert counters(q)["messages"] == 0


def test_a_queues_figure_is_the_sum_over_its_shards(q: Handle, account: Account) -> None:
    q.publish("m", "n")
    QueueCounter.objects.create(queue_id=q.id, shard=32_001, messages=3, acked=1)
    assert q.stats().total == 5
    assert q.stats().acked == 1


def test_a_tally_tells_changes_in_one_order_and_leaves_out_what_is_nought() -> None:
    tally = Tally(shard=1)
    tally.add(9, messages=1)
    tally.add(3, messages=1, bytes=7)
    tally.add(5, acked=1)
    tally.add(5, acked=-1)
    tally.add(3, messages=1)
    changes = list(tally.changes())
    assert [queue_id for queue_id, _ in changes] == [3, 9]
    assert (changes[0][1]["messages"], changes[0][1]["bytes"], changes[0][1]["dead"]) == (2, 7, 0)
