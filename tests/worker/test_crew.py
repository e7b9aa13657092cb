"""Running services: each in a thread, again after a failure, ended together."""

from __future__ import annotations

import threading
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection

from queues.broker.errors import ShuttingDown, Unavailable
from queues.worker import crew
from queues.worker.crew import Crew
from tests.broker.at_once import eventually

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("django_db_setup")]


class Duty:
    """A service whose runs are counted, and which does what ``each`` does in every run."""

    name = "duty"

    def __init__(self, each: Any = None) -> None:
        self.runs = 0
        self.ended = threading.Event()
        self._each = each

    def run(self, stop: threading.Event) -> None:
        self.runs += 1
        if self._each is not None:
            self._each(self.runs)
        stop.wait()
        self.ended.set()

    def detail(self) -> dict[str, Any]:
        return {"runs": self.runs} if self.runs else {}


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "FIRST_PAUSE_SECONDS", 0.001)


def test_all_services_run_until_they_are_stopped() -> None:
    duties = [Duty(), Duty()]
    running = Crew(duties)
    running.start()
    eventually(lambda: all(duty.runs for duty in duties))
    assert running.detail() == {"duty": {"runs": 1}}
    assert running.stop(10)
    assert all(duty.ended.is_set() for duty in duties)


def test_a_service_that_fails_is_run_again_and_disturbs_no_other() -> None:
    def fail_twice(run: int) -> None:
        if run < 3:
            raise ValueError("oh")

    bad, good = Duty(fail_twice), Duty()
    running = Crew([bad, good])
    running.start()
    eventually(lambda: bad.runs == 3)
    assert running.stop(10)
    assert good.runs == 1


@pytest.mark.parametrize("error", [Unavailable("gone"), OperationalError("gone")])
def test_a_database_that_is_away_is_a_line_and_no_traceback(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    if isinstance(error, OperationalError):
        error.__cause__ = psycopg.OperationalError("gone")
    again = threading.Event()

    def fail(run: int) -> None:
        if run > 1:
            again.set()
        raise error

    running = Crew([Duty(fail)])
    running.start()
    assert again.wait(10)
    running.stop(10)
    assert "the database is away: gone" in caplog.text
    assert "Traceback" not in caplog.text


def test_a_service_whose_process_stops_is_not_run_again() -> None:
    def stopping(run: int) -> None:
        raise ShuttingDown

    duty = Duty(stopping)
    running = Crew([duty])
    running.start()
    eventually(lambda: not running._threads[0].is_alive())
    assert duty.runs == 1


def test_a_service_that_does_not_end_is_left() -> None:
    never = threading.Event()
    duty = Duty(lambda run: never.wait(60))
    running = Crew([duty])
    running.start()
    assert not running.stop(0.01)
    never.set()
    assert running.stop(10)


def test_a_broken_connection_is_not_met_again() -> None:
    """What a service does through the ORM must not fail for ever once its connection broke."""
    fine = threading.Event()

    def ask(run: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        if run > 1:
            fine.set()
            return
        connection.connection.close()
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")

    running = Crew([Duty(ask)])
    running.start()
    assert fine.wait(10)
    running.stop(10)
