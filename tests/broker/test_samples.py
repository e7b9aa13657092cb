"""Queues over time."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.conf import LazySettings

from accounts.models import Account
from queues.broker import clock, housekeeping, queues, samples, series
from queues.broker.errors import QueueNotFound, Unavailable
from queues.broker.lanes import in_transaction
from queues.broker.samples import HOUR, MINUTE, NOTHING, OF_SERVER, Sampler, Values
from queues.fields import to_datetime, to_micros
from queues.models import Duty, QueueSample
from queues.worker.sampling import DUTY, Sampling

from .conftest import NewQueue
from .handle import Handle
from .sweeping import sweep

NOW = 1_800_000_000 * clock.SECOND
"""A full hour, when all clocks here stand at first."""


def at(minute: float) -> int:
    return NOW + clock.micros(60 * minute)


@pytest.fixture
def stored() -> Callable[[int], list[tuple[int, int, int]]]:
    """Minute, messages published so far and pending, of each stored sample."""

    def read(queue_id: int) -> list[tuple[int, int, int]]:
        rows = QueueSample.objects.filter(queue_id=queue_id, span_seconds=MINUTE).order_by("at")
        return [((to_micros(r.at) - NOW) // at_minute, r.published_total, r.pending) for r in rows]

    at_minute = 60 * clock.SECOND
    return read


@pytest.fixture
def minutes(q: Handle) -> Callable[[list[int]], None]:
    """Samples of the queue, a minute each: how many messages were published so far; all are pending."""

    def take(published: list[int]) -> None:
        sampler = Sampler(MINUTE)
        for minute, count in enumerate(published):
            found = {q.id: Values(published_total=count, pending=count)}
            samples.store(sampler.take(found, at(minute)), MINUTE)

    return take


# ---------------------------------------------------------------- taking


def test_a_look_sees_totals_and_levels_of_queues_and_sums(account: Account, new_queue: NewQueue) -> None:
    busy, calm, empty = new_queue(), new_queue(), new_queue()
    before = clock.now()
    busy.publish("a", "b", "c", "d")
    busy.take(2)
    busy.ack("a")
    busy.nack("b", dead=True)
    busy.take(1)
    busy.publish("later", deliver_at=clock.now() + clock.micros(3600))
    calm.publish("x")
    calm.ack("x")
    found = samples.look()
    values = found[busy.id]
    assert values[:11] == (5, 3, 1, 1, 1, 0, 1, 1, 1, 1, 15)
    assert values.oldest_ready_at is not None
    assert before <= values.oldest_ready_at <= clock.now()
    assert found[calm.id] == Values(published_total=1, acked_total=1, bytes=3)
    assert empty.id not in found
    total = found[samples.of_account(account.pk)]
    assert (total.published_total, total.pending, total.bytes) == (6, 1, 18)
    assert total.oldest_ready_at == values.oldest_ready_at
    assert found[OF_SERVER].published_total >= 6


def test_a_deleted_queue_is_not_sampled_and_its_samples_go(q: Handle) -> None:
    q.publish("m")
    samples.store(Sampler(MINUTE).take(samples.look(), at(0)), MINUTE)
    assert QueueSample.objects.filter(queue_id=q.id).count() == 1
    q.delete()
    assert q.id not in samples.look()
    while in_transaction(lambda tx: queues.purge_deleted(tx, 1_000)):
        pass
    assert not QueueSample.objects.filter(queue_id=q.id).exists()


def test_only_changes_are_stored_with_what_was_before(
    q: Handle, minutes: Callable[[list[int]], None], stored: Callable[[int], list[tuple[int, int, int]]]
) -> None:
    minutes([1, 1, 1, 1, 5, 6, 6, 6])
    assert stored(q.id) == [(0, 1, 1), (3, 1, 1), (4, 5, 5), (5, 6, 6)]


def test_a_new_queue_starts_from_nothing(
    q: Handle, stored: Callable[[int], list[tuple[int, int, int]]]
) -> None:
    sampler = Sampler(MINUTE)
    samples.store(sampler.take({}, at(0)), MINUTE)
    samples.store(sampler.take({q.id: Values(published_total=7)}, at(1)), MINUTE)
    assert stored(q.id) == [(0, 0, 0), (1, 7, 0)]


def test_whoever_takes_over_stores_everything_once(
    q: Handle, minutes: Callable[[list[int]], None], stored: Callable[[int], list[tuple[int, int, int]]]
) -> None:
    minutes([1, 2])
    sampler = Sampler(MINUTE)
    for minute in (1, 2, 3):
        samples.store(sampler.take({q.id: Values(2, pending=2)}, at(minute)), MINUTE)
    assert stored(q.id) == [(0, 1, 1), (1, 2, 2)]
    sampler.forget()
    samples.store(sampler.take({q.id: Values(2, pending=2)}, at(4)), MINUTE)
    assert stored(q.id) == [(0, 1, 1), (1, 2, 2), (4, 2, 2)]


def test_the_sum_of_an_account_without_queues_is_nothing() -> None:
    sampler = Sampler(MINUTE)
    sampler.take({-1: Values(5, pending=5), 1: Values(5, pending=5)}, at(0))
    assert sampler.take({}, at(1)) == [(-1, at(1), NOTHING)]
    assert sampler.take({}, at(2)) == []


def test_a_sample_is_due_once_in_its_span() -> None:
    sampler = Sampler(HOUR)
    assert sampler.due(at(59.9)) == NOW
    sampler.take({}, NOW)
    assert sampler.due(at(59.9)) is None
    assert sampler.due(at(60)) == at(60)


def test_old_samples_go_but_what_still_holds(q: Handle, new_queue: NewQueue, settings: LazySettings) -> None:
    settings.OKMQ_SAMPLE_HOURS, settings.OKMQ_SAMPLE_DAYS = 1, 1
    quiet = new_queue()
    hour = 3600 * clock.SECOND
    for span, ages in ((MINUTE, (5, 3, 0)), (HOUR, (50, 26, 2))):
        samples.store([(q.id, clock.now() - age * hour, Values(age)) for age in ages], span)
    samples.store([(quiet.id, clock.now() - 100 * hour, Values(1))], MINUTE)
    while in_transaction(lambda tx: samples.prune(tx, 1)):
        pass
    left = QueueSample.objects.filter(queue_id__in=(q.id, quiet.id))
    assert sorted(left.values_list("span_seconds", "published_total")) == [
        (MINUTE, 0),
        (MINUTE, 1),
        (HOUR, 2),
    ]


def test_one_worker_samples_and_another_goes_on(q: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    Duty.objects.filter(name=DUTY).delete()
    QueueSample.objects.all().delete()
    q.publish("m")
    service = Sampling()
    in_transaction(lambda tx: housekeeping.hold_duty(tx, "somebody else", DUTY))
    service.round()
    assert (service.detail(), QueueSample.objects.count()) == ({}, 0)
    Duty.objects.filter(name=DUTY).update(until=to_datetime(0))
    with monkeypatch.context() as patch:
        patch.setattr(samples, "store", lambda *_: (_ for _ in ()).throw(Unavailable("away")))
        with pytest.raises(Unavailable):
            service.round()
    Duty.objects.filter(name=DUTY).update(until=to_datetime(0))
    taken = Sampling()
    taken.round()
    assert taken.detail() == {"leads": True}
    mine = QueueSample.objects.filter(queue_id=q.id)
    assert sorted(mine.values_list("span_seconds", flat=True)) == [MINUTE, HOUR]
    taken.round()
    assert mine.count() == 2
    stop = threading.Event()
    stop.set()
    taken.run(stop)
    assert Duty.objects.get(name=DUTY).until <= to_datetime(clock.now())
    sweep()


# ---------------------------------------------------------------- reading


@pytest.fixture
def clock_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is ten minutes past."""
    monkeypatch.setattr(clock, "now", lambda: at(10))


def test_a_series_tells_counts_and_levels_of_each_step(
    q: Handle, minutes: Callable[[list[int]], None], clock_at: None
) -> None:
    minutes([0, 10, 10, 10, 40, 40, 40])
    points = series.of_queue(q.account_id, q.name, at(0), at(6), 60)
    assert [point.at for point in points] == [at(n) for n in range(1, 7)]
    assert [point.published for point in points] == [10, 0, 0, 30, 0, 0]
    assert [point.pending for point in points] == [10, 10, 10, 40, 40, 40]
    assert points[0].rates["published"] == pytest.approx(10 / 60)
    wide = series.of_queue(q.account_id, q.name, at(0), at(6), 180)
    assert [point.published for point in wide] == [10, 30]


def test_before_the_first_sample_nothing_changed(
    q: Handle, minutes: Callable[[list[int]], None], clock_at: None
) -> None:
    minutes([5, 6])
    points = series.of_queue(q.account_id, q.name, at(-3), at(3), 60)
    assert [point.published for point in points] == [0, 0, 0, 1, 0, 0]
    assert [point.pending for point in points] == [5, 5, 5, 6, 6, 6]


def test_a_queue_that_was_never_sampled_shows_nothing(q: Handle, clock_at: None) -> None:
    (point,) = series.of_queue(q.account_id, q.name, at(0), at(1), 60)
    assert (point.published, point.pending, point.oldest_ready_seconds) == (0, 0, 0)


def test_what_holds_now_counts_where_it_is_later_than_every_sample(
    q: Handle, minutes: Callable[[list[int]], None], clock_at: None
) -> None:
    now = Values(published_total=5, pending=2)
    (point,) = series.of_queue(q.account_id, q.name, at(0), at(2), 120, now=now)
    assert (point.published, point.pending) == (5, 2), "it was never sampled: all is new"
    minutes([1, 3])
    (point,) = series.of_queue(q.account_id, q.name, at(1), at(2), 60, now=now)
    assert (point.published, point.pending) == (2, 2)


def test_the_oldest_message_ages_between_samples(q: Handle, clock_at: None) -> None:
    values = Values(1, pending=1, oldest_ready_at=at(0))
    samples.store([(q.id, at(1), values)], MINUTE)
    points = series.of_queue(q.account_id, q.name, at(1), at(4), 60)
    assert [point.oldest_ready_seconds for point in points] == [120, 180, 240]


def test_longer_ago_hours_are_told_and_then_minutes(
    q: Handle, clock_at: None, settings: LazySettings
) -> None:
    settings.OKMQ_SAMPLE_HOURS = 1
    hours = [(q.id, at(-60 * n), Values(100 - 10 * n)) for n in (5, 4, 3, 2, 1)]
    samples.store(hours, HOUR)
    samples.store([(q.id, at(-20), Values(95)), (q.id, at(5), Values(120))], MINUTE)
    points = series.of_queue(q.account_id, q.name, at(-300), at(10), 3600)
    assert [point.published for point in points] == [0, 10, 10, 10, 10, 30]


def test_a_sum_that_falls_is_no_negative_rate(account: Account, clock_at: None) -> None:
    sampled = samples.of_account(account.pk)
    samples.store([(sampled, at(n), Values(total)) for n, total in enumerate((5, 9, 2, 4))], MINUTE)
    points = series.of_account(account.pk, at(0), at(3), 60)
    assert [point.published for point in points] == [4, 0, 2]
    assert series.of_account(None, at(0), at(1), 60)[0].published >= 0


def test_a_series_is_bounded_and_its_queue_must_be_there(q: Handle, stranger: Account) -> None:
    with pytest.raises(ValueError, match="points"):
        series.of_queue(q.account_id, q.name, at(0), at(100_000), 60)
    with pytest.raises(ValueError, match="points"):
        series.of_queue(q.account_id, q.name, at(0), at(1), 0)
    with pytest.raises(QueueNotFound):
        series.of_queue(stranger.pk, q.name, at(0), at(1), 60)
    assert series.of_queue(q.account_id, q.name, at(1), at(1), 60) == []
