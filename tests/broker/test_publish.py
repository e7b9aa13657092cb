"""Putting messages into queues: offsets, duplicates, topics, ids, times."""

from __future__ import annotations

import uuid
from concurrent.futures import Future

import pytest

from accounts.models import Account
from queues import broker
from queues.broker import clock
from queues.broker.errors import QueueNotFound, TopicNotFound
from queues.broker.types import Encoding, ExpiryAction, Outcome, State
from queues.models import Message

from .at_once import at_once, in_background
from .conftest import NewQueue
from .handle import Handle, ids, message
from .rows import age, assert_consistent, counters

DAY = 86_400


def test_offsets_are_dense_and_rise_in_the_order_given(q: Handle) -> None:
    first = q.publish("c", "a", "b")
    second = q.publish("0")
    assert [one.offset for one in first + second] == [0, 1, 2, 3]
    assert q.ids() == ["c", "a", "b", "0"]
    assert q.info().next_offset == 4


def test_offsets_stay_dense_under_concurrent_publishers(q: Handle) -> None:
    at_once(lambda n=n: q.publish(*(f"{n}-{turn}" for turn in range(10))) for n in range(8))  # type: ignore[misc]
    offsets = sorted(Message.objects.filter(queue_id=q.id).values_list("offset", flat=True))
    assert offsets == list(range(80))
    order = q.ids()
    for n in range(8):
        assert [id for id in order if id.startswith(f"{n}-")] == [f"{n}-{turn}" for turn in range(10)]


def test_nothing_published_changes_nothing(q: Handle) -> None:
    assert q.publish() == []
    assert q.info().next_offset == 0


def test_everything_given_is_stored_as_given(q: Handle) -> None:
    body = '{"a": 1.50, "\\u00e9": "é\\ud83d\\ude00"}'
    q.publish(
        "m",
        body=body,
        encoding=Encoding.TEXT,
        tag="t",
        partition_key="k",
        priority=-7,
        metadata='{"m":1}',
        headers='{"h":2}',
    )
    view = q.get("m")
    assert (view.body, view.encoding, view.size) == (body, Encoding.TEXT, len(body))
    assert (view.tag, view.partition_key, view.priority) == ("t", "k", -7)
    assert (view.metadata, view.headers) == ('{"m":1}', '{"h":2}')
    assert (view.attempts, view.receipt, view.lease_until, view.acked_at, view.dead_at) == (
        0,
        0,
        None,
        None,
        None,
    )
    assert view.created_at == view.updated_at == view.deliver_at


def test_an_id_that_is_stored_is_answered_as_a_duplicate(q: Handle) -> None:
    (stored,) = q.publish("m", body='"first"')
    (again,) = q.publish("m", body='"second"')
    assert (again.public_id, again.offset, again.created_at) == (
        stored.public_id,
        stored.offset,
        stored.created_at,
    )
    assert (stored.duplicate, again.duplicate) == (False, True)
    assert q.get("m").body == '"first"'
    assert q.info().next_offset == 1


@pytest.mark.parametrize("state", list(State))
def test_an_id_is_taken_in_every_state(q: Handle, state: State) -> None:
    bring_into(q, state)
    assert q.state("m") is state
    assert q.publish("m")[0].duplicate
    assert q.state("m") is state
    assert q.stats().total == 1


def bring_into(q: Handle, state: State) -> None:
    later = clock.now() + clock.micros(DAY)
    q.publish("m", deliver_at=later if state is State.SCHEDULED else None)
    if state in (State.PROCESSING, State.FAILED, State.ACKED):
        q.take()
    if state is State.FAILED:
        q.nack("m", dead=True)
    if state is State.ACKED:
        q.ack("m")


def test_the_first_of_a_batch_wins(q: Handle) -> None:
    one, two, other = q.send(message("m", '"1"'), message("m", '"2"'), message("n"))
    assert (one.duplicate, two.duplicate, other.duplicate) == (False, True, False)
    assert (two.offset, other.offset) == (one.offset, 1)
    assert q.get("m").body == '"1"'


def test_the_first_of_two_merged_calls_wins(q: Handle) -> None:
    answers = at_once(lambda n=n: q.publish("m", body=str(n))[0] for n in range(8))  # type: ignore[misc]
    assert sorted(one.duplicate for one in answers) == [False] + [True] * 7
    assert {one.offset for one in answers} == {0}
    winner = next(n for n, one in enumerate(answers) if not one.duplicate)
    assert q.get("m").body == str(winner)


def test_a_deleted_id_is_free(q: Handle) -> None:
    q.publish("m")
    assert q.delete_messages(ids=["m"]) == 1
    assert not q.publish("m")[0].duplicate
    assert q.get("m").offset == 1


def test_an_expired_id_is_free_before_any_sweep(new_queue: NewQueue) -> None:
    queue = new_queue(ttl_seconds=10)
    queue.publish("m", body='"old"')
    age(queue, 11)
    (stored,) = queue.publish("m", body='"new"')
    assert not stored.duplicate
    assert queue.get("m").body == '"new"'
    assert counters(queue)["expired_total"] == 1
    assert_consistent(queue)


def test_a_preserved_id_is_not_free(new_queue: NewQueue) -> None:
    queue = new_queue(ttl_seconds=10, preserve_pending=True)
    queue.publish("m")
    age(queue, 11)
    assert queue.publish("m")[0].duplicate


def test_a_topic_may_free_an_id_by_dead_lettering_it_to_another_subscriber(
    new_queue: NewQueue, account: Account
) -> None:
    graveyard = "graveyard"
    new_queue(graveyard, topics=("t",))
    source = new_queue(
        topics=("t",), ttl_seconds=10, on_expiry=ExpiryAction.DEAD_LETTER, dead_letter_queue=graveyard
    )
    source.publish("m", body='"old"')
    age(source, 11)
    broker.publish_topic(account.pk, "t", [message("m", '"new"'), message("n")])
    assert [view.body for view in source.peek()] == ['"new"', '"b"']
    found = broker.peek(account.pk, graveyard)
    assert [(view.public_id, view.body) for view in found] == [("m", '"old"'), ("n", '"b"')]
    assert_consistent(source)


def test_a_topic_may_dead_letter_into_a_subscriber_with_a_higher_id(
    new_queue: NewQueue, account: Account
) -> None:
    source = new_queue(
        topics=("t",), ttl_seconds=10, on_expiry=ExpiryAction.DEAD_LETTER, dead_letter_queue="later"
    )
    target = new_queue("later", topics=("t",))
    source.publish("m", body='"old"')
    age(source, 11)
    broker.publish_topic(account.pk, "t", [message("n"), message("m", '"new"')])
    assert [view.body for view in source.peek()] == ['"b"', '"new"']
    assert {view.public_id for view in target.peek()} >= {"m", "n"}
    assert_consistent(source)
    assert_consistent(target)


def test_a_missing_id_is_made_as_a_rising_uuid7(q: Handle) -> None:
    made = ids(q.publish(*[None] * 50))
    assert all(uuid.UUID(id).version is not None for id in made)
    assert {uuid.UUID(id).bytes[6] >> 4 for id in made} == {7}
    assert {uuid.UUID(id).variant for id in made} == {uuid.RFC_4122}
    assert made == sorted(set(made))
    assert q.ids() == made


def test_expiry_counts_from_publication_also_for_a_scheduled_message(new_queue: NewQueue) -> None:
    queue = new_queue(ttl_seconds=10)
    queue.publish("m", deliver_at=clock.now() + clock.micros(DAY))
    view = queue.get("m")
    assert view.expires_at == view.created_at + clock.micros(10)


@pytest.mark.parametrize(("own", "lives"), [(None, 10), (0, None), (2.5, 2.5)])
def test_a_message_may_bring_its_own_time_to_live(
    new_queue: NewQueue, own: float | None, lives: float | None
) -> None:
    queue = new_queue(ttl_seconds=10)
    queue.publish("m", ttl_seconds=own)
    view = queue.get("m")
    assert view.expires_at == (None if lives is None else view.created_at + clock.micros(lives))


def test_a_queue_without_time_to_live_keeps_for_ever(q: Handle) -> None:
    q.publish("m")
    assert q.get("m").expires_at is None


def test_a_past_delivery_time_is_kept_and_due_at_once(q: Handle) -> None:
    past = clock.now() - clock.micros(DAY)
    q.publish("m", deliver_at=past)
    assert q.get("m").deliver_at == past
    assert q.state("m") is State.PENDING
    assert [one.deliver_at for one in q.receive()] == [past]


def test_a_future_delivery_time_hides_the_message_until_then(q: Handle) -> None:
    q.publish("m", deliver_at=clock.now() + clock.micros(DAY))
    assert q.state("m") is State.SCHEDULED
    assert q.take() == []
    age(q, DAY + 1)
    assert q.state("m") is State.PENDING
    assert q.take() == ["m"]


def test_the_last_instant_there_is_may_be_a_delivery_time(q: Handle) -> None:
    from queues.broker.types import MAX_INSTANT

    q.publish("m", deliver_at=MAX_INSTANT)
    assert q.get("m").deliver_at == MAX_INSTANT
    assert q.take() == []


def test_priority_goes_before_age(q: Handle) -> None:
    for id, priority in (("low", -1), ("a", 0), ("high", 5), ("b", 0), ("highest", 9)):
        q.publish(id, priority=priority)
    assert q.take() == ["highest", "high", "a", "b", "low"]


def test_a_message_keeps_the_settings_it_was_published_under(new_queue: NewQueue) -> None:
    queue = new_queue(max_attempts=1, lease_seconds=7)
    queue.publish("old")
    queue.update(lambda old: old.but(max_attempts=2, lease_seconds=9, auto_delete=True))
    queue.publish("new")
    old, new = queue.receive()
    assert old.lease_until is not None
    assert new.lease_until is not None
    assert new.lease_until - old.lease_until == clock.micros(2)
    queue.nack("old", "new")
    assert (queue.state("old"), queue.state("new")) == (State.FAILED, State.PENDING)
    assert queue.get("old").settings.max_attempts == 1


def test_a_topic_brings_an_own_copy_to_every_subscriber(new_queue: NewQueue, account: Account) -> None:
    one = new_queue(topics=("t", "u"), max_attempts=1)
    two = new_queue(topics=("t",), auto_ack=True)
    other = new_queue(topics=("T",))
    broker.publish_topic(account.pk, "t", [message("m", tag="x"), message("n")])
    assert one.ids() == two.ids() == ["m", "n"]
    assert other.ids() == []
    assert one.get("m").tag == "x"
    assert two.take() == ["m", "n"]
    assert (one.state("m"), two.state("m")) == (State.PENDING, State.ACKED)


def test_duplicates_are_judged_queue_by_queue(new_queue: NewQueue, account: Account) -> None:
    one, two = new_queue(topics=("t",)), new_queue(topics=("t",))
    one.publish("m", body='"own"')
    broker.publish_topic(account.pk, "t", [message("m", '"topic"')])
    assert (one.get("m").body, two.get("m").body) == ('"own"', '"topic"')


def test_a_topic_nobody_listens_to_is_not_found(
    new_queue: NewQueue, account: Account, stranger: Account
) -> None:
    queue = new_queue("t", topics=("mine",))
    for topic in ("t", "MINE", "", "\0", "\ud800", "mine "):
        with pytest.raises(TopicNotFound):
            broker.publish_topic(account.pk, topic, [message("m")])
    with pytest.raises(TopicNotFound):
        broker.publish_topic(stranger.pk, "mine", [message("m")])
    queue.delete()
    with pytest.raises(TopicNotFound):
        broker.publish_topic(account.pk, "mine", [message("m")])


def test_publishing_to_what_is_no_queue_of_the_account_is_refused(
    q: Handle, account: Account, stranger: Account
) -> None:
    for name in ("no such", "", "\0", "\ud800"):
        with pytest.raises(QueueNotFound):
            broker.publish(account.pk, name, [message("m")])
    with pytest.raises(QueueNotFound):
        broker.publish(stranger.pk, q.name, [message("m")])
    assert q.ids() == []


def test_parallel_publishers_of_the_same_ids_in_opposite_orders_store_each_once(
    new_queue: NewQueue, account: Account
) -> None:
    one, two = new_queue(topics=("t",)), new_queue(topics=("t",))
    names = [str(n) for n in range(40)]

    def publish(turn: int) -> None:
        batch = [message(id) for id in (names if turn % 2 else reversed(names))]
        if turn < 4:
            broker.publish_topic(account.pk, "t", batch)
        else:
            (one if turn % 4 < 2 else two).send(*batch)

    at_once(lambda turn=turn: publish(turn) for turn in range(8))  # type: ignore[misc]
    for queue in (one, two):
        assert sorted(queue.ids()) == sorted(names)
        assert queue.info().next_offset == 40
        assert_consistent(queue)


def test_it_returns_only_after_the_commit(q: Handle) -> None:
    """Whoever is told that a message is stored finds it by a connection of his own."""
    seen: list[bool] = []

    def publish_and_look(n: int) -> None:
        q.publish(f"{n}")
        seen.append(Message.objects.filter(queue_id=q.id, public_id=f"{n}").exists())

    threads: list[Future[None]] = [in_background(publish_and_look, n) for n in range(10)]
    for done in threads:
        done.result(30)
    assert seen == [True] * 10


def test_a_message_may_bring_settings_of_its_own(q: Handle) -> None:
    own = q.info().settings.but(max_attempts=1, lease_seconds=7, ttl_seconds=60)
    for turn in range(2):  # stored anew, then known
        q.publish(f"own-{turn}", settings=own)
        q.publish(f"common-{turn}")
    assert [one.settings for one in q.peek()] == [own, q.info().settings] * 2
    view = q.get("own-1")
    assert view.expires_at == view.created_at + 60 * 1_000_000
    taken = {one.public_id: one for one in q.receive()}
    assert taken["own-1"].lease_until != taken["common-1"].lease_until
    assert q.nack("own-1", "common-1") == [Outcome.DEAD, Outcome.DONE]
