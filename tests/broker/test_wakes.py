"""The hub: who is woken by what. No database in here."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from queues.broker import clock, wakes
from queues.broker.types import MAX_INSTANT
from queues.broker.wakes import EVERYONE, Hub, Waiter, Wakes

from .at_once import eventually, in_background

QUEUE, OTHER = 1, 2
LONG = 20.0


class Lot:
    """A hub with receivers parked by hand: nobody waits, whether somebody was woken can be asked."""

    def __init__(self) -> None:
        self.hub = Hub()
        self.stack = ExitStack()

    def park(
        self, tag: str = "", queue_id: int = QUEUE, stamp: int | None = None, limit: int = 99
    ) -> Waiter | None:
        given = self.hub.stamp() if stamp is None else stamp
        return self.stack.enter_context(self.hub.park({queue_id: (tag,) if tag else ()}, given, limit))

    def parked(self, *tags: str) -> list[Waiter]:
        found = [self.park(tag) for tag in tags]
        return [waiter for waiter in found if waiter is not None]


@pytest.fixture
def lot() -> Iterator[Lot]:
    made = Lot()
    with made.stack:
        yield made
    assert made.hub.parked == 0
    assert made.hub.queues() == set()
    made.hub.close()


def woken(waiters: list[Waiter]) -> list[bool]:
    return [waiter.woken for waiter in waiters]


def test_a_signal_between_look_and_parking_is_not_lost(lot: Lot) -> None:
    stamp = lot.hub.stamp()
    lot.hub.signal(QUEUE)
    waiter = lot.park(stamp=stamp)
    assert waiter is not None
    assert waiter.wait(0)


def test_a_signal_before_the_look_wakes_nobody(lot: Lot) -> None:
    lot.hub.signal(QUEUE)
    (waiter,) = lot.parked("")
    assert not waiter.wait(0)


def test_a_signal_of_another_queue_wakes_nobody(lot: Lot) -> None:
    stamp = lot.hub.stamp()
    lot.hub.signal(OTHER)
    waiter = lot.park(stamp=stamp)
    assert waiter is not None
    lot.hub.signal(OTHER)
    assert not waiter.woken


def test_something_newly_due_between_look_and_parking_is_not_lost(lot: Lot) -> None:
    stamp = lot.hub.stamp()
    lot.hub.due(QUEUE, clock.now() + clock.micros(3600), news=True)
    waiter = lot.park(stamp=stamp)
    assert waiter is not None
    assert waiter.woken


def test_what_the_look_itself_saw_to_be_due_does_not_send_it_back(lot: Lot) -> None:
    stamp = lot.hub.stamp()
    lot.hub.due(QUEUE, clock.now() + clock.micros(3600))
    waiter = lot.park(stamp=stamp)
    assert waiter is not None
    assert not waiter.woken


def test_one_message_wakes_one_receiver_first_come_first_served(lot: Lot) -> None:
    waiters = lot.parked("", "", "")
    lot.hub.signal(QUEUE)
    assert woken(waiters) == [True, False, False]
    lot.hub.signal(QUEUE, 2)
    assert woken(waiters) == [True, True, True]


def test_more_messages_than_receivers_wake_all(lot: Lot) -> None:
    waiters = lot.parked("", "x", "")
    lot.hub.signal(QUEUE, 100)
    assert all(woken(waiters))


@pytest.mark.parametrize(
    ("tags", "parked", "expected"),
    [
        ({"x": 1}, ["y", "x", "x"], [False, True, False]),
        ({"x": 1}, ["y", "", "x"], [False, True, False]),
        ({"x": 1, "y": 1}, ["x", "x", "y"], [True, False, True]),
        ({"": 2}, ["x", "", "y"], [False, True, False]),
        ({"x": 2, "": 1}, ["x", "x", "x", ""], [True, True, False, True]),
        ({"z": 5}, ["x", "y"], [False, False]),
    ],
)
def test_known_tags_wake_those_who_take_them(
    lot: Lot, tags: dict[str | None, int], parked: list[str], expected: list[bool]
) -> None:
    waiters = lot.parked(*parked)
    counted = Counter(tags)
    lot.hub.signal(QUEUE, counted.total(), counted)
    assert woken(waiters) == expected
    assert counted == Counter(tags)


def test_unknown_tags_wake_on_until_one_is_found_who_takes_any(lot: Lot) -> None:
    waiters = lot.parked("x", "y", "", "x", "")
    lot.hub.signal(QUEUE)
    assert woken(waiters) == [True, True, True, False, False]


def test_those_passed_over_keep_their_places(lot: Lot) -> None:
    waiters = lot.parked("x", "y", "x")
    lot.hub.signal(QUEUE, 1, Counter({"y": 1}))
    lot.hub.signal(QUEUE, 1, Counter({"x": 1}))
    assert woken(waiters) == [True, True, False]


def test_no_more_than_the_limit_park(lot: Lot) -> None:
    assert lot.park(limit=1) is not None
    assert lot.park(limit=1) is None
    assert lot.hub.parked == 1


def test_a_place_is_free_again_when_it_is_left() -> None:
    hub = Hub()
    for wake in (False, True):
        with hub.park({QUEUE: ()}, hub.stamp(), 1) as waiter:
            assert waiter is not None
            if wake:
                hub.signal(QUEUE)
            assert hub.parked == 1
        assert hub.parked == 0
        assert hub.queues() == set()


def test_a_place_is_free_again_after_an_error() -> None:
    hub = Hub()
    with pytest.raises(ZeroDivisionError), hub.park({QUEUE: ()}, hub.stamp(), 1):
        raise ZeroDivisionError
    assert hub.parked == 0


def test_a_changed_queue_wakes_all_its_receivers_and_no_others(lot: Lot) -> None:
    waiters = lot.parked("", "x")
    other = lot.park(queue_id=OTHER)
    lot.hub.wake_everyone(QUEUE)
    assert all(woken(waiters))
    assert other is not None
    assert not other.woken


def test_closing_wakes_all_and_lets_nobody_park(lot: Lot) -> None:
    waiters = lot.parked("", "x")
    lot.hub.close()
    assert all(woken(waiters))
    assert lot.park() is None


def test_a_parked_thread_is_woken() -> None:
    hub = Hub()

    def wait() -> bool:
        with hub.park({QUEUE: ()}, hub.stamp(), 9) as waiter:
            assert waiter is not None
            return waiter.wait(LONG)

    waiting = in_background(wait)
    eventually(lambda: hub.queues() == {QUEUE})
    hub.signal(QUEUE)
    assert waiting.result(10)


def test_the_clock_wakes_when_something_is_due(lot: Lot) -> None:
    (waiter,) = lot.parked("")
    at = clock.now() + clock.micros(0.05)
    lot.hub.due(QUEUE, at)
    assert waiter.wait(LONG)
    assert clock.now() >= at


def test_the_earliest_of_several_due_times_counts(lot: Lot) -> None:
    (waiter,) = lot.parked("")
    for seconds in (3600, 0.05, 1800):
        lot.hub.due(QUEUE, clock.now() + clock.micros(seconds))
    assert waiter.wait(LONG)


def test_each_queue_has_its_own_due_time(lot: Lot) -> None:
    one, other = lot.park(), lot.park(queue_id=OTHER)
    assert one is not None
    assert other is not None
    lot.hub.due(QUEUE, clock.now() + clock.micros(3600))
    lot.hub.due(OTHER, clock.now() + clock.micros(0.05))
    assert other.wait(LONG)
    assert not one.woken


def test_due_times_further_off_than_a_thread_can_wait_stop_no_clock(lot: Lot) -> None:
    one, other = lot.park(), lot.park(queue_id=OTHER)
    assert one is not None
    assert other is not None
    lot.hub.due(QUEUE, MAX_INSTANT)
    assert lot.hub._clock_thread is not None
    lot.hub.due(OTHER, clock.now() + clock.micros(0.05))
    assert other.wait(LONG)
    assert lot.hub._clock_thread.is_alive()
    assert lot.hub._seconds_to_wait() == wakes.LONGEST_NAP_SECONDS


def test_a_due_time_nobody_waits_for_costs_nothing(lot: Lot) -> None:
    lot.hub.due(QUEUE, clock.now())
    assert lot.hub._due == []
    assert lot.hub._clock_thread is None


def test_forgotten_signals_do_not_pile_up(lot: Lot) -> None:
    for queue_id in range(50_010):
        lot.hub.signal(queue_id)
    assert len(lot.hub._last) < 50_000


def test_no_wake_up_is_lost_under_load() -> None:
    """Receivers look, park and look again while publishers publish: waking alone finds all messages."""
    hub = Hub()
    queue: list[int] = []
    found: list[int] = []
    count, guard = 2_000, threading.Lock()

    def receive() -> bool:
        while True:
            stamp = hub.stamp()
            with guard:
                if queue:
                    found.append(queue.pop())
                if len(found) == count:
                    break
                if queue:
                    continue
            with hub.park({QUEUE: ()}, stamp, 99) as waiter:
                assert waiter is not None
                if not waiter.wait(LONG):
                    return False
        hub.wake_everyone(QUEUE)
        return True

    def publish(part: int) -> None:
        for n in range(part, count, 2):
            with guard:
                queue.append(n)
            hub.signal(QUEUE)

    receivers = [in_background(receive) for _ in range(4)]
    for done in [in_background(publish, part) for part in range(2)]:
        done.result(LONG)
    assert [done.result(2 * LONG) for done in receivers] == [True] * 4
    assert sorted(found) == list(range(count))


def test_a_transactions_wakes_are_sent_together(monkeypatch: pytest.MonkeyPatch, lot: Lot) -> None:
    told: list[dict[int, int]] = []
    lot.hub.on_change = lambda changed, at_once: told.append(changed)
    monkeypatch.setattr(wakes, "HUB", lot.hub)
    waiters = lot.parked("x", "")
    sent = Wakes()
    sent.ready(QUEUE, "y", 2)
    sent.due(OTHER, MAX_INSTANT)
    sent.due(OTHER, 5)
    sent.everyone(3)
    assert woken(waiters) == [False, False]
    sent.send()
    assert woken(waiters) == [False, True]
    assert told == [{QUEUE: 2, OTHER: 1, 3: EVERYONE}]
    Wakes().send()
    assert len(told) == 1


def test_others_are_told_at_once_unless_somebody_here_takes_it(
    monkeypatch: pytest.MonkeyPatch, lot: Lot
) -> None:
    told: list[bool] = []
    lot.hub.on_change = lambda changed, at_once: told.append(at_once)
    monkeypatch.setattr(wakes, "HUB", lot.hub)

    def send(channel: int, count: int) -> bool:
        sent = Wakes()
        sent.ready(channel, count=count)
        sent.send()
        return told[-1]

    assert send(QUEUE, 1)
    lot.parked("", "", "")
    assert not send(QUEUE, 2)
    assert send(QUEUE, 2)
    pushes = wakes.of_push(QUEUE)
    assert send(pushes, 1)
    lot.hub.hear_pushes(lambda queue_id: None)
    assert not send(pushes, 5)
    changed = Wakes()
    changed.everyone(QUEUE)
    changed.send()
    assert told[-1]


def test_every_follower_of_a_channel_is_woken_and_none_is_used_up(lot: Lot) -> None:
    (waiter,) = lot.parked("")
    followers = [lot.hub.follow(channels, 99) for channels in ((QUEUE,), (QUEUE, OTHER), (OTHER,))]
    one, both, other = (follower for follower in followers if follower is not None)
    lot.hub.signal(QUEUE)
    assert waiter.woken
    assert [follower.wait(0) for follower in (one, both, other)] == [True, True, False]
    assert not one.wait(0)
    lot.hub.wake_everyone(OTHER)
    assert [follower.wait(0) for follower in (one, both, other)] == [False, True, True]
    lot.hub.wake_everyone()
    assert all(follower.wait(0) for follower in (one, both, other))
    for follower in (one, both, other):
        lot.hub.unfollow(follower)


def test_a_follower_has_a_place_until_it_leaves(lot: Lot) -> None:
    follower = lot.hub.follow((QUEUE,), 1)
    assert follower is not None
    assert lot.hub.queues() == {QUEUE}
    assert lot.hub.follow((QUEUE,), 1) is None
    assert lot.park(limit=1) is None
    lot.hub.unfollow(follower)
    assert lot.park(limit=1) is not None


def test_a_follower_is_woken_by_the_clock(lot: Lot) -> None:
    follower = lot.hub.follow((QUEUE,), 99)
    assert follower is not None
    lot.hub.due(QUEUE, clock.now() + clock.micros(0.02))
    assert follower.wait(LONG)
    lot.hub.unfollow(follower)
