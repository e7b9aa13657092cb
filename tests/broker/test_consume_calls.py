"""max_concurrency: consume calls counted in this process and, where it matters, over all of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from functools import partial

import pytest

from accounts.models import Account
from queues import broker
from queues.broker import clock, concurrency
from queues.broker.concurrency import Calls
from queues.broker.errors import QueueNotFound, QuotaExceeded
from queues.broker.lanes import in_transaction
from queues.fields import to_datetime
from queues.models import ConsumeCalls
from streams import log

from .at_once import at_once, eventually, in_background, parked
from .handle import Handle
from .usage import set_quotas


@pytest.fixture
def two(account: Account) -> Iterator[tuple[Calls, Calls]]:
    """What two processes know of their calls."""
    both = Calls(shared=True), Calls(shared=True)
    yield both
    for calls in both:
        while calls.open(account.pk):
            calls.leave(account.pk)
    eventually(lambda: not any(calls._tidying for calls in both))


def enters(calls: Calls, account: Account) -> bool:
    try:
        calls.enter(account.pk)
    except QuotaExceeded:
        return False
    return True


def test_a_process_counts_its_own_calls(account: Account) -> None:
    set_quotas(account.pk, max_concurrency=2)
    calls = Calls(shared=False)
    assert [enters(calls, account) for _ in range(4)] == [True, True, False, False]
    calls.leave(account.pk)
    assert [enters(calls, account) for _ in range(2)] == [True, False]
    calls.leave(account.pk)
    calls.leave(account.pk)
    assert calls.open(account.pk) == 0 and not calls._accounts
    assert not ConsumeCalls.objects.filter(account=account).exists()


def test_nothing_is_remembered_of_who_may_open_nothing(account: Account) -> None:
    set_quotas(account.pk, max_concurrency=0)
    calls = Calls(shared=False)
    assert not enters(calls, account) and not calls._accounts


def test_two_processes_share_the_quota(account: Account, two: tuple[Calls, Calls]) -> None:
    set_quotas(account.pk, max_concurrency=3)
    one, other = two
    assert [enters(one, account), enters(other, account), enters(one, account)] == [True] * 3
    assert not enters(one, account)
    assert not enters(other, account)
    one.leave(account.pk)
    assert enters(other, account)  # it waits for what nobody uses any more
    assert one.open(account.pk) + other.open(account.pk) == 3


def test_a_busy_consumer_does_not_write_for_each_call(account: Account, two: tuple[Calls, Calls]) -> None:
    set_quotas(account.pk, max_concurrency=3)
    one, _ = two
    enters(one, account)
    turns = one._turns
    for _ in range(50):
        one.leave(account.pk)
        assert enters(one, account)
    assert one._turns <= turns + 2


def test_unused_reservations_are_given_back(account: Account, two: tuple[Calls, Calls]) -> None:
    set_quotas(account.pk, max_concurrency=100)
    one, _ = two
    for _ in range(5):
        assert enters(one, account)
    for _ in range(4):
        one.leave(account.pk)
    mine = ConsumeCalls.objects.filter(account=account)
    eventually(lambda: mine.get().calls == 1)
    one.leave(account.pk)
    eventually(lambda: not mine.exists())
    assert not one._accounts


def test_reservations_of_a_killed_process_run_out(account: Account, two: tuple[Calls, Calls]) -> None:
    set_quotas(account.pk, max_concurrency=1)
    ConsumeCalls.objects.create(account=account, holder="killed", calls=1, until=instant(-1))
    assert enters(two[0], account)


def test_living_reservations_are_renewed(
    account: Account, two: tuple[Calls, Calls], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(concurrency, "RENEW_SECONDS", 0.1)
    set_quotas(account.pk, max_concurrency=1)
    assert enters(two[0], account)
    mine = ConsumeCalls.objects.filter(account=account)
    first = mine.get().until
    eventually(lambda: mine.get().until > first)
    two[0].leave(account.pk)


def test_lost_reservations_are_removed(account: Account) -> None:
    for seconds in (-100, -10, 10):
        ConsumeCalls.objects.create(account=account, holder=str(seconds), calls=1, until=instant(seconds))
    in_transaction(lambda tx: concurrency.drop_lost(tx, 1000))
    left = ConsumeCalls.objects.filter(account=account).values_list("holder", flat=True)
    assert sorted(left) == ["-10", "10"]


def instant(seconds: float) -> datetime:
    return to_datetime(clock.now() + clock.micros(seconds))


def test_threads_of_two_processes_never_have_more_open_than_allowed(
    account: Account, two: tuple[Calls, Calls]
) -> None:
    set_quotas(account.pk, max_concurrency=4)
    most = 0

    def consume(calls: Calls) -> None:
        nonlocal most
        for _ in range(10):
            if enters(calls, account):
                most = max(most, sum(one.open(account.pk) for one in two))
                time.sleep(0.01)
                calls.leave(account.pk)

    at_once([partial(consume, two[n % 2]) for n in range(8)])
    # A call is counted from when it asks: up to eight may be asking.
    assert most <= 8
    assert [one.open(account.pk) for one in two] == [0, 0]
    eventually(lambda: not ConsumeCalls.objects.filter(account=account).exists())


def test_receiving_and_consuming_are_consume_calls(q: Handle) -> None:
    set_quotas(q.account_id, max_concurrency=1)
    log.create_stream(q.account_id, "s")
    waiting = in_background(q.receive, wait_seconds=20)
    parked(q.id, 1)
    for call in (q.receive, lambda: log.consume(q.account_id, "s")):
        with pytest.raises(QuotaExceeded, match="max_concurrency"):
            call()
    with pytest.raises(QueueNotFound):
        broker.receive(q.account_id, "missing")
    with pytest.raises(log.StreamNotFound):
        log.consume(q.account_id, "missing")
    assert q.peek() == []
    q.publish("m")
    assert waiting.result(10)[0].public_id == "m"
    q.publish("n")
    assert q.take() == ["n"]


@pytest.fixture(autouse=True)
def _limits_are_asked_afresh() -> None:
    concurrency._of_process.get()._limits.clear()
