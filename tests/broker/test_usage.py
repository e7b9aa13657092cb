"""What an account uses is counted with the messages: it equals a recount after any sequence of operations."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Account
from queues import broker
from queues.broker import housekeeping, identities, usage
from queues.broker.errors import BrokerError
from queues.broker.lanes import SHARDS, Transaction, in_transaction
from queues.models import AccountUsage
from streams import log
from streams.types import NewEntry

from . import sweeping
from .conftest import NewQueue
from .handle import Handle
from .rows import age
from .test_counters import IDS, take_step
from .test_counters import step as on_a_queue
from .usage import counted, recounted, set_quotas

some_ids = st.lists(st.sampled_from(IDS), min_size=1, max_size=4)
on_a_stream = st.one_of(
    st.tuples(st.just("produce"), some_ids),
    st.tuples(st.just("commit"), st.integers(0, 8)),
    st.tuples(st.just("trim"), st.integers(0, 8) | st.none()),
)
on_the_account = st.one_of(
    st.tuples(st.just("topic"), some_ids),
    st.tuples(st.just("delete queue")),
    st.tuples(st.just("delete stream")),
    st.tuples(st.just("purge")),
    st.tuples(st.just("quota"), st.sampled_from([2, 5, 1000])),
)


def take_other_step(queue: Handle, name: str, *given: Any) -> None:
    account_id = queue.account_id
    match name:
        case "produce":
            log.produce(account_id, "s", [NewEntry(f'"{i}"', 3, public_id=i) for i in given[0]])
        case "commit":
            log.commit(account_id, "s", *given)
        case "trim":
            log.delete_messages(account_id, "s", before=given[0])
        case "topic":
            broker.publish_topic(account_id, "t", [broker_message(i) for i in given[0]])
        case "delete queue":
            broker.delete_queue(account_id, "other")
        case "delete stream":
            log.delete_stream(account_id, "s")
        case "purge":
            for purge in housekeeping.PURGES:
                in_transaction(partial(three_of, purge))
        case "quota":
            set_quotas(account_id, max_messages=given[0])


def three_of(chore: housekeeping.Chore, tx: Transaction) -> int:
    return chore(tx, 3)


def broker_message(public_id: str) -> Any:
    from .handle import message

    return message(public_id, body='"topic"')


@given(
    st.lists(st.one_of(on_a_queue, on_a_stream, on_the_account), min_size=4, max_size=16),
    st.booleans(),
    st.booleans(),
)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
def test_usage_equals_a_recount_after_any_operations(
    django_db_setup: None, steps: list[tuple[Any, ...]], auto_delete: bool, moves: bool
) -> None:
    from tests.conftest import _new_account

    account = _new_account()
    queue = make(account, "q", max_attempts=1, ttl_seconds=40, dead_letter_queue="other" if moves else None)
    make(account, "other", auto_delete=auto_delete)
    log.create_stream(account.pk, "s", auto_delete=auto_delete, ttl_seconds=30)
    highest = 0
    for one in steps:
        # What is not found, or does not fit, is refused: that changes nothing.
        with suppress(BrokerError):
            try_step(queue, *one)
        assert counted(account.pk) == recounted(account.pk), one
        highest = max(highest, counted(account.pk)[1])
    age(queue, 100)
    sweeping.sweep()
    assert counted(account.pk) == recounted(account.pk)
    found = broker.account_usage(account.pk)
    assert (found.messages, found.bytes) == recounted(account.pk)
    assert found.peak_bytes >= highest


def try_step(queue: Handle, name: str, *given: Any) -> None:
    others = ("produce", "commit", "trim", "topic", "delete queue", "delete stream", "purge", "quota")
    (take_other_step if name in others else take_step)(queue, name, *given)


def make(account: Account, name: str, **wanted: Any) -> Handle:
    from queues.broker.types import QueueSettings

    info = broker.create_queue(account.pk, name, settings=QueueSettings().but(**wanted), topics=("t",))
    return Handle(account.pk, info.name, info.id)


def test_an_account_shows_what_it_has(new_queue: NewQueue, account: Account) -> None:
    empty = broker.account_usage(account.pk)
    assert (empty.messages, empty.bytes, empty.peak_bytes) == (0, 0, 0)
    first, second = new_queue("b"), new_queue("a")
    log.create_stream(account.pk, "c")
    first.publish("m", body="12345")
    second.publish("m", "n", body="12")
    found = broker.account_usage(account.pk)
    assert (found.messages, found.bytes, found.peak_bytes) == (3, 9, 9)
    assert found.channels == {"queues": ["b", "a"], "streams": ["c"]}
    first.delete()
    found = broker.account_usage(account.pk)
    assert (found.messages, found.bytes, found.peak_bytes) == (2, 4, 9)
    assert found.channels["queues"] == ["a"]


def test_a_queue_larger_than_is_purged_at_once_counts_until_it_is_gone(
    q: Handle, monkeypatch: pytest.MonkeyPatch
) -> None:
    from queues.broker import queues

    monkeypatch.setattr(queues, "PURGED_AT_ONCE", 4)
    q.publish(*IDS)
    q.delete()
    assert counted(q.account_id) == recounted(q.account_id) == (2, 6)
    while in_transaction(lambda tx: queues.purge_deleted(tx, 1)):
        assert counted(q.account_id) == recounted(q.account_id)
    assert counted(q.account_id) == (0, 0)


def test_many_shards_are_merged(q: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    q.publish("m", "n")
    for number in range(1, 9):
        AccountUsage.objects.create(
            account_id=q.account_id,
            shard=SHARDS + number,  # a lane's own, drawn at random, is below
            messages=number,
            peak_bytes=number * 10,
        )
    monkeypatch.setattr(usage, "MAX_SHARDS", 5)
    before = broker.account_usage(q.account_id)
    while in_transaction(lambda tx: usage.merge_shards(tx, 1000)):
        pass
    assert broker.account_usage(q.account_id) == before
    assert AccountUsage.objects.filter(account_id=q.account_id).count() == 1
    assert before.peak_bytes == 80


def test_the_owner_of_a_queue_is_asked_once(q: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    q.publish("m")
    monkeypatch.setattr(identities, "_known", dict(identities._known))
    assert identities.known(q.id) == (q.account_id, q.name)
    monkeypatch.setattr(identities, "MAX_KNOWN", len(identities._known))
    del identities._known[q.id]
    q.publish("n")
    q.publish("o")
    assert counted(q.account_id)[0] == 3
