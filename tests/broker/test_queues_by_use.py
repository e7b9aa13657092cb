"""Queues that are made by being used, and receivers that wait for them."""

from __future__ import annotations

import pytest

from accounts.models import Account
from queues import broker
from queues.broker.errors import QueueNotFound, QuotaExceeded
from queues.broker.types import QueueSettings, Received
from queues.broker.wakes import of_account

from .at_once import at_once, in_background, parked
from .handle import ids, message

SETTINGS = QueueSettings(max_attempts=7)


def names(account: Account) -> list[str]:
    return [queue.name for queue in broker.list_queues(account.pk)]


def wait_for(account: Account, queue: str, seconds: float = 20) -> list[Received]:
    return broker.receive(account.pk, queue, wait_seconds=seconds, await_queue=True)


def test_missing_queues_are_made_and_others_left_as_they_are(account: Account) -> None:
    broker.create_queue(account.pk, "old", settings=QueueSettings(max_attempts=2), topics=["t"])
    broker.ensure_queues(account.pk, {"new": SETTINGS, "old": SETTINGS})
    broker.ensure_queues(account.pk, {"new": QueueSettings()})
    assert names(account) == ["old", "new"]
    assert broker.get_queue(account.pk, "new").settings == SETTINGS
    old = broker.get_queue(account.pk, "old")
    assert (old.settings.max_attempts, old.topics) == (2, ("t",))


def test_all_or_none_within_the_quota(account: Account) -> None:
    type(account).objects.filter(pk=account.pk).update(max_channels=2)
    broker.ensure_queues(account.pk, {"a": SETTINGS})
    with pytest.raises(QuotaExceeded):
        broker.ensure_queues(account.pk, {"a": SETTINGS, "b": SETTINGS, "c": SETTINGS})
    assert names(account) == ["a"]
    broker.ensure_queues(account.pk, {"a": SETTINGS, "b": SETTINGS})
    assert names(account) == ["a", "b"]


def test_made_by_many_at_once_there_is_one_of_each(account: Account) -> None:
    wanted = {"q": SETTINGS, "q-dlq": SETTINGS}
    at_once([lambda: broker.ensure_queues(account.pk, wanted)] * 6)
    assert names(account) == ["q", "q-dlq"]


@pytest.mark.parametrize("ensured", [False, True])
def test_a_receiver_waits_for_a_queue_that_is_made_meanwhile(account: Account, ensured: bool) -> None:
    waiting = in_background(wait_for, account, "q")
    parked(of_account(account.pk), 1)
    if ensured:
        broker.ensure_queues(account.pk, {"q": SETTINGS})
    else:
        broker.create_queue(account.pk, "q", settings=SETTINGS)
    broker.publish(account.pk, "q", [message("m")])
    assert ids(waiting.result(20)) == ["m"]


def test_a_receiver_outlives_its_queue_if_it_would_wait_for_it(account: Account) -> None:
    broker.ensure_queues(account.pk, {"q": SETTINGS})
    waiting = in_background(wait_for, account, "q")
    parked(broker.get_queue(account.pk, "q").id, 1)
    broker.delete_queue(account.pk, "q")
    parked(of_account(account.pk), 1)
    broker.ensure_queues(account.pk, {"q": SETTINGS})
    broker.publish(account.pk, "q", [message("m")])
    assert ids(waiting.result(20)) == ["m"]


def test_nothing_comes_from_a_queue_that_is_not_made(account: Account, stranger: Account) -> None:
    waiting = in_background(wait_for, account, "q", 0.3)
    broker.ensure_queues(stranger.pk, {"q": SETTINGS})
    broker.publish(stranger.pk, "q", [message("of the stranger")])
    assert waiting.result(20) == []
    assert wait_for(account, "never made, \0 or so", 0) == []
    assert names(account) == []


def test_without_being_asked_to_nobody_waits_for_a_queue(account: Account) -> None:
    with pytest.raises(QueueNotFound):
        broker.receive(account.pk, "q", wait_seconds=20)


def test_too_many_calls_are_told_whether_there_is_a_queue_or_not(account: Account) -> None:
    type(account).objects.filter(pk=account.pk).update(max_concurrency=0)
    with pytest.raises(QuotaExceeded):
        wait_for(account, "q")
