"""Keeping the tables small, and who does it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from queues.broker import clock, housekeeping
from queues.broker.errors import Unavailable
from queues.broker.lanes import in_transaction
from queues.models import Delivery, DeliveryState, Duty, Message, Queue

from .at_once import at_once, eventually, in_background
from .conftest import NewQueue
from .handle import Handle
from .rows import age

DUTY = "test"


@pytest.fixture(autouse=True)
def _nobody_holds_the_duty(django_db_setup: None) -> None:
    Duty.objects.all().delete()


def hold(holder: str) -> bool:
    held: bool = in_transaction(lambda tx: housekeeping.hold_duty(tx, holder, DUTY))
    return held


def test_one_holds_the_duty_and_keeps_it() -> None:
    assert hold("one")
    assert not hold("two")
    assert hold("one")
    assert Duty.objects.get(name=DUTY).holder == "one"


def test_of_many_who_want_the_duty_one_gets_it() -> None:
    got = at_once([lambda n=n: hold(str(n)) for n in range(8)])  # type: ignore[misc]
    assert sum(got) == 1


def test_a_duty_left_lying_is_taken_over() -> None:
    hold("one")
    duty = Duty.objects.get(name=DUTY)
    duty.until -= housekeeping.HELD_FOR
    duty.save()
    assert hold("two")
    assert not hold("one")


def test_each_duty_has_a_holder_of_its_own() -> None:
    assert hold("one")
    assert in_transaction(lambda tx: housekeeping.hold_duty(tx, "two", "another"))


@pytest.fixture
def running(settings: object) -> Iterator[threading.Event]:
    """Housekeeping without pauses; the event ends it."""
    settings.OKMQ_HOUSEKEEPING_SECONDS = 0.01  # type: ignore[attr-defined]
    settings.OKMQ_SWEEP_SECONDS = 0.01  # type: ignore[attr-defined]
    stop = threading.Event()
    done = in_background(housekeeping.run, stop)
    yield stop
    stop.set()
    done.result(10)


def test_what_is_due_over_or_left_is_tidied_away(new_queue: NewQueue, running: threading.Event) -> None:
    due, over, dead, gone = new_queue(), new_queue(ttl_seconds=10), new_queue(max_attempts=1), new_queue()
    due.publish("m", deliver_at=clock.now() + clock.micros(10))
    over.publish("m")
    dead.publish("m")
    dead.take(lease_seconds=10)
    gone.publish("m")
    gone.delete()
    for queue in (due, over, dead):
        age(queue, 11)
    eventually(lambda: not Queue.objects.filter(pk=gone.id).exists())
    eventually(lambda: not Message.objects.filter(queue_id__in=(gone.id, over.id)).exists())
    eventually(lambda: Delivery.objects.get(queue_id=due.id).state == DeliveryState.READY)
    eventually(lambda: Message.objects.get(queue_id=dead.id).dead_at is not None)
    assert not Delivery.objects.filter(queue_id=dead.id).exists()


def test_nothing_is_tidied_while_another_holds_the_duty(new_queue: NewQueue, settings: object) -> None:
    settings.OKMQ_HOUSEKEEPING_SECONDS = 0.01  # type: ignore[attr-defined]
    in_transaction(lambda tx: housekeeping.hold_duty(tx, "another process"))
    queue = new_queue(ttl_seconds=10)
    queue.publish("m")
    age(queue, 11)
    stop, looked = threading.Event(), threading.Event()
    asked: list[bool] = []

    class Counting(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            asked.append(True)
            if len(asked) >= 3:
                looked.set()
                stop.set()
            return stop.wait(timeout)

        def is_set(self) -> bool:
            return stop.is_set()

    done = in_background(housekeeping.run, Counting())
    assert looked.wait(10)
    done.result(10)
    assert Message.objects.filter(queue_id=queue.id).exists()


def test_housekeeping_survives_a_database_that_is_away(
    q: Handle, running: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = threading.Event()

    def away(*_: object, **__: object) -> None:
        failed.set()
        raise Unavailable("away")

    with monkeypatch.context() as patched:
        patched.setattr(housekeeping, "in_transaction", away)
        assert failed.wait(10)
    q.publish("m", deliver_at=clock.now() + clock.micros(10))
    age(q, 11)
    eventually(lambda: Delivery.objects.get(queue_id=q.id).state == DeliveryState.READY)


def test_a_chore_that_has_very_much_to_do_lets_others_work() -> None:
    """It rests for longer than it works, until it has been behind for very long."""
    assert housekeeping.rest(0.02, behind=0) == pytest.approx(0.02 * housekeeping.RESTS)
    assert housekeeping.rest(0.02, behind=housekeeping.NO_REST_AFTER_SECONDS / 2) == pytest.approx(
        0.01 * housekeeping.RESTS
    )
    assert housekeeping.rest(0.02, behind=housekeeping.NO_REST_AFTER_SECONDS * 2) == 0


def test_a_chore_that_does_not_end_leaves_others_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def endless(tx: object, limit: int) -> int:
        calls.append("endless")
        return limit

    def other(tx: object, limit: int) -> int:
        calls.append("other")
        if calls.count("other") == 3:
            stop.set()
        return 0

    monkeypatch.setattr(housekeeping, "ROUND_SECONDS", 0.01)
    monkeypatch.setattr(housekeeping, "SWEEPS", [endless])
    monkeypatch.setattr(housekeeping, "PURGES", [other])
    stop = threading.Event()
    unfinished: housekeeping.Unfinished = {}
    housekeeping._tidy(stop, unfinished, sweeping=True)
    since = unfinished[endless]
    while not stop.is_set():
        housekeeping._tidy(stop, unfinished, sweeping=False)
    assert calls.count("endless") >= 3 and calls.count("other") == 3
    assert unfinished[endless] == since
