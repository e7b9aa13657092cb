"""Looking on while messages are published."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from accounts.models import Account
from queues import broker
from queues.broker import clock, passing, taps
from queues.broker.neighbours import hear
from queues.broker.seen_keys import Once
from queues.broker.taps import TAPS, Tap
from queues.broker.wakes import HUB, of_tapped_account
from queues.models import Broadcast

from .conftest import NewQueue
from .handle import Handle, message

NewTap = Callable[..., Tap]


@pytest.fixture
def new_tap(account: Account) -> Iterator[NewTap]:
    with ExitStack() as opened:
        yield lambda name, **o: opened.enter_context(TAPS.opened(Tap(account.pk, name, **o)))
    assert not TAPS._open


def seen(tap: Tap) -> list[tuple[str, str]]:
    return [(name, message.public_id) for name, message in tap.fetch()]


def test_a_tap_sees_what_is_published_and_takes_nothing(q: Handle, new_tap: NewTap) -> None:
    q.publish("before")
    tap = new_tap(q.name)
    q.send(message("a", '"x"', headers="{}", deliver_at=clock.now() + 10**9, ttl_seconds=60))
    ((name, shown),) = tap.fetch()
    stored = q.get("a")
    for attribute in ("public_id", "offset", "body", "headers", "created_at", "deliver_at", "expires_at"):
        assert getattr(shown, attribute) == getattr(stored, attribute)
    assert name == q.name
    assert q.take() == ["before"]
    assert tap.fetch() == []


def test_what_is_consumed_at_once_is_seen_all_the_same(q: Handle, new_tap: NewTap) -> None:
    tap = new_tap(q.name)
    q.publish("a", "b")
    q.receive(auto_ack=True)
    assert seen(tap) == [(q.name, "a"), (q.name, "b")]


def test_duplicates_and_repetitions_are_not_seen_again(q: Handle, new_tap: NewTap) -> None:
    tap = new_tap(q.name)
    q.publish("a", "a")
    q.publish("a")
    once = Once("k", 60)
    for _ in range(2):
        broker.publish(q.account_id, q.name, [message("b")], once=once)
    assert [public_id for _, public_id in seen(tap)] == ["a", "b"]


def test_a_prefix_is_all_queues_that_begin_so_also_those_made_later(
    q: Handle, new_queue: NewQueue, new_tap: NewTap, stranger: Account
) -> None:
    tap = new_tap(q.name, is_prefix=True)
    q.publish("a")
    new_queue(f"{q.name}.x").publish("b")
    new_queue(f"x{q.name}").publish("c")
    broker.create_queue(stranger.pk, q.name, settings=q.info().settings)
    Handle(stranger.pk, q.name, 0).publish("d")
    assert seen(tap) == [(q.name, "a"), (f"{q.name}.x", "b")]


def test_broadcasts_and_copies_are_seen(q: Handle, new_queue: NewQueue, new_tap: NewTap) -> None:
    copy = new_queue()
    broker.follow(q.account_id, q.name, copy.name)
    tap, of_copy = new_tap(q.name), new_tap(copy.name)
    broker.broadcast(q.account_id, q.name, message("a"))
    q.publish("b")
    assert [public_id for _, public_id in seen(tap)] == ["a", "b"]
    assert len(seen(of_copy)) == 1


def test_what_is_not_fetched_in_time_is_dropped(
    q: Handle, new_tap: NewTap, monkeypatch: pytest.MonkeyPatch
) -> None:
    tap = new_tap(q.name)
    q.publish(*(str(number) for number in range(taps.KEPT + 5)))
    assert [public_id for _, public_id in seen(tap)] == [str(n) for n in range(5, taps.KEPT + 5)]


def test_who_looks_on_is_woken(q: Handle, new_tap: NewTap) -> None:
    tap = new_tap(q.name)
    follower = HUB.follow([tap.channel], 1000)
    assert follower is not None
    q.publish("a")
    assert follower.wait(20)
    HUB.unfollow(follower)


def test_what_another_process_publishes_is_seen_once(
    q: Handle, new_tap: NewTap, monkeypatch: pytest.MonkeyPatch
) -> None:
    hear(f"another {of_tapped_account(q.account_id)}:1")
    assert TAPS.is_wanted_elsewhere(q.account_id)
    tap = new_tap(q.name)
    with monkeypatch.context() as patch:
        # As if another process did it: this one's taps are shown nothing.
        patch.setattr(passing, "origin", lambda: "another")
        patch.setattr(TAPS, "is_wanted", lambda identity: False)
        q.publish("a")
    for _ in range(2):
        passing.hear_others()
    assert seen(tap) == [(q.name, "a")]
    assert q.take() == ["a"], "nobody was given it"


def test_nothing_is_passed_on_unless_somebody_elsewhere_looks_on(
    q: Handle, new_tap: NewTap, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_tap(q.name)
    q.publish("a")
    assert not Broadcast.objects.filter(queue_id=q.id).exists()
    monkeypatch.setattr(taps, "TOLD_SECONDS", 0)
    TAPS.note_elsewhere(q.account_id)
    q.publish("b")
    assert not Broadcast.objects.filter(queue_id=q.id).exists()
    assert q.account_id not in TAPS._elsewhere


def test_opening_a_tap_tells_others(q: Handle, new_tap: NewTap, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[dict[int, int]] = []
    monkeypatch.setattr(HUB, "on_change", lambda changed, at_once: told.append(changed))
    new_tap(q.name)
    assert told == [{of_tapped_account(q.account_id): 1}]
