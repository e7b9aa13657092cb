"""Making, changing, pausing and removing queues. Contract: okmq.md §3."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.models import Account
from queues import broker
from queues.broker import clock, queues
from queues.broker.errors import BrokerError, InvalidSettings, QueueExists, QueueNotFound, TopicNotFound
from queues.broker.lanes import in_transaction
from queues.broker.queues import purge_deleted
from queues.broker.types import QueueSettings, RetryStrategy
from queues.models import Delivery, Message, Queue, QueueCounter, Subscription

from .at_once import at_once, in_background, parked
from .conftest import NewQueue
from .handle import Handle, message
from .rows import assert_consistent
from .sweeping import purge

EVERYTHING = QueueSettings(
    auto_ack=True,
    auto_delete=True,
    lease_seconds=1.5,
    max_attempts=9,
    ttl_seconds=None,
    preserve_failed=True,
    preserve_pending=True,
    retry=RetryStrategy("list", delays=(1, 2.5)),
    dead_letter_queue="grave",
)


def test_a_queue_is_as_it_was_made(account: Account) -> None:
    before = clock.now()
    made = broker.create_queue(
        account.pk, "q", settings=EVERYTHING, topics=("b", "a", "b"), kind=Queue.Kind.PUBSUB
    )
    assert (made.name, made.kind, made.settings, made.topics) == ("q", "pubsub", EVERYTHING, ("b", "a"))
    assert before <= made.created_at <= clock.now()
    assert (made.paused_at, made.next_offset) == (None, 0)
    assert broker.get_queue(account.pk, "q") == made
    assert broker.list_queues(account.pk) == [made]


def test_queues_are_listed_in_order_of_creation_and_to_their_owner_only(
    new_queue: NewQueue, account: Account, stranger: Account
) -> None:
    for name in ("b", "a", "c"):
        new_queue(name)
    assert [info.name for info in broker.list_queues(account.pk)] == ["b", "a", "c"]
    assert broker.list_queues(stranger.pk) == []
    with pytest.raises(QueueNotFound):
        broker.get_queue(stranger.pk, "a")


def test_names_are_found_by_how_they_begin(new_queue: NewQueue, account: Account, stranger: Account) -> None:
    for name in ("a_b", "A_b", "aXb", "b", "a_"):
        new_queue(name)
    broker.create_queue(stranger.pk, "a_c", settings=EVERYTHING)
    assert broker.names_beginning(account.pk, "a_") == ["a_b", "a_"]
    broker.delete_queue(account.pk, "a_b")
    assert broker.names_beginning(account.pk, "a_") == ["a_"]
    assert broker.names_beginning(account.pk, "a\0") == []


def test_a_name_is_taken_once_in_an_account(new_queue: NewQueue, account: Account, stranger: Account) -> None:
    queue = new_queue("q", max_attempts=5, topics=("t",))
    with pytest.raises(QueueExists):
        broker.create_queue(account.pk, "q", settings=EVERYTHING, topics=("u",))
    assert (queue.info().settings.max_attempts, queue.info().topics) == (5, ("t",))
    with pytest.raises(TopicNotFound):
        broker.publish_topic(account.pk, "u", [message()])
    broker.create_queue(stranger.pk, "q", settings=EVERYTHING)
    new_queue("Q")


def test_of_parallel_creations_exactly_one_succeeds(account: Account) -> None:
    def create() -> bool:
        try:
            broker.create_queue(account.pk, "q", settings=EVERYTHING, topics=("t",))
        except QueueExists:
            return False
        return True

    assert sorted(at_once([create] * 8)) == [False] * 7 + [True]
    assert len(broker.list_queues(account.pk)) == 1
    assert Subscription.objects.filter(account=account).count() == 1


def test_an_update_changes_what_it_says_and_keeps_the_rest(new_queue: NewQueue) -> None:
    queue = new_queue(topics=("t",), max_attempts=5)
    queue.update(lambda old: old.but(lease_seconds=7))
    assert (queue.info().settings.lease_seconds, queue.info().settings.max_attempts) == (7, 5)
    assert queue.info().topics == ("t",)
    updated = queue.update(topics=("u", "t"))
    assert updated == queue.info()
    assert (updated.topics, updated.settings.lease_seconds) == (("u", "t"), 7)
    assert queue.update() == updated


def test_an_update_that_is_refused_changes_nothing(new_queue: NewQueue) -> None:
    queue = new_queue(topics=("t",))
    before = queue.info()
    asked: list[QueueSettings] = []

    def refuse(old: QueueSettings) -> QueueSettings:
        asked.append(old)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        queue.update(refuse, topics=("u",))
    assert queue.info() == before
    assert len(asked) == 1


def test_parallel_updates_lose_none(new_queue: NewQueue) -> None:
    queue = new_queue(max_attempts=1)
    at_once([lambda: queue.update(lambda old: old.but(max_attempts=old.max_attempts + 1))] * 8)
    assert queue.info().settings.max_attempts == 9


def test_topics_act_on_publications_after_the_change(new_queue: NewQueue, account: Account) -> None:
    queue = new_queue(topics=("t",))
    broker.publish_topic(account.pk, "t", [message("1")])
    queue.update(topics=("u",))
    with pytest.raises(TopicNotFound):
        broker.publish_topic(account.pk, "t", [message("2")])
    broker.publish_topic(account.pk, "u", [message("3")])
    assert queue.ids() == ["1", "3"]


def test_a_deleted_queue_is_gone_and_its_name_free_at_once(new_queue: NewQueue, account: Account) -> None:
    queue = new_queue("q", topics=("t",))
    queue.publish("m", "n")
    queue.take(1)
    queue.delete()
    for call in (queue.info, queue.peek, queue.stats, queue.take, queue.delete, queue.pause, queue.update):
        with pytest.raises(QueueNotFound):
            call()
    with pytest.raises(QueueNotFound):
        queue.ack("m")
    with pytest.raises(QueueNotFound):
        queue.publish("m")
    assert broker.list_queues(account.pk) == []
    again = new_queue("q", topics=("t",))
    assert again.ids() == []
    assert again.publish("m")[0].offset == 0
    purge()
    assert again.ids() == ["m"]
    assert_consistent(again)


def test_a_large_deleted_queues_rows_go_in_chunks_to_the_last(
    new_queue: NewQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queues, "PURGED_AT_ONCE", 5)
    queue, other = new_queue("q"), new_queue()
    queue.publish(*(str(n) for n in range(30)))
    other.publish("m")
    queue.take(5)
    queue.ack("0", "1")
    queue.delete()
    removed = []
    while count := in_transaction(lambda tx: purge_deleted(tx, 10)):
        removed.append(count)
    assert removed[-4:] == [10, 10, 5, 1]
    for table in (Message, Delivery, QueueCounter, Subscription):
        assert not table.objects.filter(queue_id=queue.id).exists()
    assert not Queue.objects.filter(pk=queue.id).exists()
    assert other.take() == ["m"]


def test_deleting_under_load_answers_and_leaves_nothing(new_queue: NewQueue) -> None:
    queue = new_queue("q")

    def work(n: int) -> None:
        try:
            for turn in range(20):
                queue.publish(f"{n}-{turn}")
                queue.ack(*queue.take(2))
        except QueueNotFound:
            return

    def delete() -> None:
        queue.delete()

    at_once([lambda n=n: work(n) for n in range(6)] + [delete])
    purge()
    for table in (Message, Delivery, QueueCounter):
        assert not table.objects.filter(queue_id=queue.id).exists()


def test_pausing_and_resuming_twice_is_no_different(q: Handle) -> None:
    paused = q.pause()
    assert paused.paused_at is not None
    assert q.pause().paused_at == paused.paused_at == q.info().paused_at
    assert q.resume().paused_at is None
    assert q.resume().paused_at is None


def test_resuming_lets_all_parked_receivers_come_to_theirs(q: Handle) -> None:
    q.pause()
    waiting = [in_background(q.take, 1, wait_seconds=20) for _ in range(3)]
    parked(q.id, 3)
    q.publish("a", "b", "c")
    parked(q.id, 3)
    q.resume()
    assert sorted(one.result(10)[0] for one in waiting) == ["a", "b", "c"]


@pytest.mark.parametrize("name", ["", "no such", "\0", "\ud800", "q\0"])
def test_names_that_cannot_be_are_not_found(account: Account, name: str) -> None:
    calls = (
        broker.get_queue,
        broker.delete_queue,
        broker.update_queue,
        broker.pause_queue,
        broker.resume_queue,
        broker.stats,
        broker.peek,
        broker.delete_messages,
        broker.replay,
    )
    for call in calls:
        with pytest.raises(QueueNotFound):
            call(account.pk, name)


def test_a_queue_of_no_account_is_refused_and_the_engine_goes_on(q: Handle) -> None:
    """The database finds this out at the commit only, where nothing is tried again."""
    with pytest.raises(Exception, match=r"(?i)foreign key") as caught:
        broker.create_queue(2**60, "q", settings=QueueSettings())
    assert not isinstance(caught.value, BrokerError)
    assert q.publish("m")[0].offset == 0


@pytest.mark.parametrize(
    ("change", "setting", "told"),
    [
        ({"lease_seconds": 0.5}, "lease_seconds", "from 1 to 86,400"),
        ({"max_backlog": 0}, "max_backlog", "from 1 to"),
        ({"ttl_seconds": float("inf")}, "ttl_seconds", "from 0.001"),
        ({"retry": RetryStrategy("never")}, "retry.type", "one of exponential"),
        ({"retry": RetryStrategy("list")}, "retry.delays", "1 to 100 delays"),
        ({"retry": RetryStrategy(multiplier=0)}, "retry.multiplier", "at least 1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    q: Handle, change: dict[str, Any], setting: str, told: str
) -> None:
    before = q.info()
    with pytest.raises(InvalidSettings) as refused:
        q.update(lambda old: old.but(**change))
    assert told in refused.value.problems[setting] and setting in str(refused.value)
    assert q.info() == before


def test_a_queue_keeps_what_would_not_be_allowed_now(new_queue: NewQueue) -> None:
    odd = new_queue(lease_seconds=1_000_000)
    odd.update(lambda old: old.but(max_attempts=3))
    assert odd.info().settings.lease_seconds == 1_000_000
