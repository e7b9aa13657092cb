"""Which workers there are."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection

from queues.broker import beats, clock, housekeeping
from queues.broker.beats import Receivers, WorkerInfo, receivers, workers
from queues.broker.errors import Unavailable
from queues.broker.lanes import in_transaction
from queues.broker.wakes import HUB
from queues.fields import to_datetime
from queues.models import WebBeat, WorkerBeat
from queues.worker.crew import Worker
from queues.worker.heartbeat import Heartbeat, WebHeartbeat, version
from queues.worker.services import services_of_each_web_process
from tests.broker.at_once import eventually, in_background

pytestmark = pytest.mark.usefixtures("django_db_setup")


@pytest.fixture(autouse=True)
def _nobody() -> None:
    WorkerBeat.objects.all().delete()
    WebBeat.objects.all().delete()


def mine() -> WorkerInfo | None:
    return next((worker for worker in workers() if worker.name == housekeeping.own_name()), None)


def test_a_worker_tells_of_itself_until_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beats, "EVERY_SECONDS", 0.01)
    in_hand: dict[str, Any] = {"push": {"in_flight": 3}}
    stop = threading.Event()
    before = clock.now()
    done = in_background(Heartbeat(lambda: in_hand).run, stop)
    eventually(lambda: mine() is not None)
    first = mine()
    assert first is not None
    assert (first.detail, first.late, first.version) == (in_hand, False, version())
    assert before <= first.started_at <= first.beat_at
    in_hand["push"] = {"in_flight": 4}
    eventually(lambda: (now := mine()) is not None and now.detail["push"] == {"in_flight": 4})
    stop.set()
    done.result(10)
    assert mine() is None


def test_a_worker_outlives_a_database_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beats, "EVERY_SECONDS", 0.01)
    beat, calls = beats.beat, []

    def away_at_first(*what: Any) -> None:
        calls.append(what)
        if len(calls) < 3:
            raise Unavailable("away")
        beat(*what)

    monkeypatch.setattr(beats, "beat", away_at_first)
    monkeypatch.setattr(beats, "leave", lambda name: (_ for _ in ()).throw(Unavailable("away")))
    stop = threading.Event()
    done = in_background(Heartbeat(dict).run, stop)
    eventually(lambda: mine() is not None)
    stop.set()
    done.result(10)


def test_a_silent_worker_is_late_and_then_forgotten() -> None:
    now = clock.now()
    for name, silent in (("alive", 1), ("late", 16), ("old", 90_000)):
        beats.beat(name, "1", now, {})
        WorkerBeat.objects.filter(name=name).update(beat_at=to_datetime(now - clock.micros(silent)))
    assert [(worker.name, worker.late) for worker in workers()] == [
        ("alive", False),
        ("late", True),
        ("old", True),
    ]
    assert in_transaction(lambda tx: beats.prune(tx, 10)) == 1
    assert [worker.name for worker in workers()] == ["alive", "late"]


def test_every_worker_has_a_heartbeat_and_samples(settings: LazySettings) -> None:
    names = [service.name for service in Worker().services]
    assert {"heartbeat", "samples", "dead-letter-jobs", "housekeeping"} <= set(names)
    assert len(set(names)) == len(names)


def test_receivers_of_all_web_processes_are_counted_but_for_those_that_fell_silent() -> None:
    now = clock.now()
    for name, parked, silent in (("a", 3, 1), ("b", 5, 0), ("late", 70, 20), ("old", 900, 601)):
        beats.beat_of_web(name, parked)
        WebBeat.objects.filter(name=name).update(beat_at=to_datetime(now - clock.micros(silent)))
    assert receivers("a", 4) == Receivers(4 + 5, 2, 1, now - clock.micros(20))
    assert in_transaction(lambda tx: beats.prune(tx, 10)) == 1
    assert set(WebBeat.objects.values_list("name", flat=True)) == {"a", "b", "late"}


def test_a_web_process_tells_of_its_receivers_until_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beats, "EVERY_SECONDS", 0.01)
    monkeypatch.setattr(type(HUB), "parked", 7)
    stop = threading.Event()
    done = in_background(WebHeartbeat().run, stop)
    eventually(lambda: receivers("another", 1).parked == 8)
    stop.set()
    done.result(10)
    assert receivers("another", 1) == Receivers(1, 1, 0, None)


def test_a_web_process_that_is_the_only_one_tells_nobody(settings: LazySettings) -> None:
    settings.OKMQ_PROCESSES = 1
    alone = connection.vendor == "sqlite"
    assert any(isinstance(one, WebHeartbeat) for one in services_of_each_web_process()) is not alone
    settings.OKMQ_PROCESSES = 2
    assert any(isinstance(one, WebHeartbeat) for one in services_of_each_web_process())
