"""The figures of all queues at once equal what is true of each."""

from __future__ import annotations

import pytest
from django.db import connection

from queues import broker
from queues.broker import census
from queues.broker.census import QueueFigures
from queues.broker.errors import Unavailable
from queues.broker.types import Nack

from .conftest import NewQueue
from .handle import Handle, message
from .rows import age


def figures(q: Handle) -> QueueFigures:
    found = [f for f in census.take(100_000).queues if (f.account_id, f.name) == (q.account_id, q.name)]
    assert len(found) == 1
    return found[0]


def test_an_empty_queue_has_figures_too(q: Handle) -> None:
    assert figures(q) == QueueFigures(
        q.account_id, q.name, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.0, q.id, paused=False
    )


def test_every_state_and_total_is_told(new_queue: NewQueue) -> None:
    q = new_queue(max_attempts=1)
    q.publish("a", "b", "c", "d", "e", "f")
    q.publish("later", deliver_at=2**60)
    q.take(4)
    q.ack("a")
    q.nack("b")
    found = figures(q)
    assert (found.pending, found.processing, found.scheduled, found.failed, found.acked) == (2, 2, 1, 1, 1)
    assert (found.published_total, found.received_total, found.acked_total) == (7, 4, 1)
    assert (found.nacked_total, found.dead_total, found.expired_total) == (1, 1, 0)
    stats = broker.stats(q.account_id, q.name)
    assert (found.pending, found.processing, found.failed) == (stats.pending, stats.processing, stats.failed)


def test_what_is_due_counts_by_the_clock(new_queue: NewQueue) -> None:
    q = new_queue(max_attempts=1, lease_seconds=5)
    q.publish("dead soon", "b")
    q.take(1)
    age(q, 6)
    found = figures(q)
    assert (found.pending, found.processing, found.failed) == (1, 0, 1)


def test_the_first_in_line_tells_how_long_it_has_been_ready(q: Handle) -> None:
    q.publish("old")
    age(q, 100)
    q.publish("young")
    assert 100 <= figures(q).oldest_ready_seconds < 110
    q.take(1)
    assert figures(q).oldest_ready_seconds < 10


def test_a_delayed_message_waits_from_its_delivery_time(q: Handle) -> None:
    q.publish("retried")
    q.take()
    age(q, 100)
    q.nack("retried")
    assert figures(q).pending == 1
    assert figures(q).oldest_ready_seconds < 10


def test_a_delivery_time_before_publication_makes_nothing_older(q: Handle) -> None:
    q.publish("a", deliver_at=1)
    assert figures(q).oldest_ready_seconds < 10


def test_a_low_priority_that_starves_is_heard(q: Handle) -> None:
    q.send(message("starving", priority=-5))
    age(q, 100)
    q.send(message("favoured", priority=5), message("middling"))
    assert figures(q).oldest_ready_seconds >= 100


def test_there_is_a_limit_and_the_oldest_queues_are_shown(q: Handle, new_queue: NewQueue) -> None:
    younger = new_queue()
    taken = census.take(1)
    assert len(taken.queues) == 1
    assert taken.count >= 2
    assert taken.queues[0].name != younger.name
    assert census.take(0).queues == []
    assert census.take(0).count == taken.count


def test_a_deleted_queue_has_no_figures(q: Handle) -> None:
    before = census.take(0).count
    broker.delete_queue(q.account_id, q.name)
    assert census.take(0).count == before - 1
    assert q.name not in [f.name for f in census.take(100_000).queues]


def test_a_rejected_message_counts_as_nacked_and_dead(q: Handle) -> None:
    q.publish("a")
    q.take()
    q.settle(Nack("a", dead=True))
    found = figures(q)
    assert (found.nacked_total, found.dead_total, found.failed) == (1, 1, 1)


def test_a_database_that_is_away_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError

    def away(db: object, limit: int) -> None:
        import sqlite3

        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR
        raise OperationalError from error

    monkeypatch.setattr(census, "look", away)
    with pytest.raises(Unavailable):
        census.take(1)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="the plan of SQLite")
def test_what_is_scheduled_is_counted_without_reading_a_row(q: Handle) -> None:
    with connection.cursor() as cursor:
        given = {"ids": f"[{q.id}]", "now": 0}
        rows = cursor.connection.execute("EXPLAIN QUERY PLAN " + census.AHEAD.sqlite, given).fetchall()
    assert any("COVERING INDEX delivery_due" in row[3] for row in rows)
