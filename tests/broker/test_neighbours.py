"""Telling other processes, and hearing them."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.db import connection

from queues.broker import neighbours
from queues.broker.neighbours import (
    BUSY_NOTIFY_SECONDS,
    BUSY_PER_SECOND,
    CHANNEL,
    MAX_QUEUES_NAMED,
    NOTIFY_SECONDS,
    Notifier,
    hear,
    look_again,
    origin,
)
from queues.broker.wakes import EVERYONE, HUB

from .at_once import eventually, in_background, parked
from .handle import Handle

ON_SQLITE = connection.vendor == "sqlite"
LONG = 20.0


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the hub was told."""
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(HUB, "signal", lambda *given: calls.append(("signal", *given)))
    monkeypatch.setattr(HUB, "wake_everyone", lambda *given: calls.append(("everyone", *given)))
    monkeypatch.setattr(HUB, "queues", lambda: [7, 8])
    return calls


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("other 5:1 6:20", [("signal", 5, 1), ("signal", 6, 20)]),
        (f"other 5:{EVERYONE}", [("everyone", 5)]),
        (f"other 0:{EVERYONE}", [("signal", 7), ("signal", 8)]),
        ("other", []),
        pytest.param(f"{origin()} 5:1", [], id="our own"),
    ],
)
def test_what_others_tell_wakes_whom_it_concerns(
    woken: list[tuple[Any, ...]], payload: str, expected: list[tuple[Any, ...]]
) -> None:
    hear(payload)
    assert woken == expected


def test_looking_again_sends_one_of_every_parked_queue(woken: list[tuple[Any, ...]]) -> None:
    look_again()
    assert woken == [("signal", 7), ("signal", 8)]


class Recording(Notifier):
    """Never started: what it would send is asked by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.payloads: list[str] = []
        self._connection = self  # type: ignore[assignment]

    def execute(self, statement: str, parameters: list[str]) -> None:
        assert parameters[0] == CHANNEL
        self.payloads.append(parameters[1])


def test_changes_of_one_queue_are_told_together() -> None:
    notifier = Recording()
    notifier.tell({5: 1, 6: 2}, True)
    notifier.tell({5: 3, 7: EVERYONE}, False)
    notifier.tell({7: 1, 6: EVERYONE}, True)
    assert notifier._changed == {5: 4, 6: EVERYONE, 7: EVERYONE}
    notifier._send(notifier._changed)
    assert notifier.payloads == [f"{origin()} 5:4 6:{EVERYONE} 7:{EVERYONE}"]


def test_what_somebody_here_takes_care_of_is_told_with_the_next_that_nobody_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    notifier = Recording()
    monkeypatch.setattr(neighbours, "BUSY_NOTIFY_SECONDS", LONG)
    told = in_background(notifier._take)
    notifier.tell({5: 1}, False)
    notifier.tell({5: 1}, False)
    assert not told.done()
    notifier.tell({6: 1}, True)
    assert told.result(LONG / 2)[0] == {5: 2, 6: 1}
    monkeypatch.setattr(neighbours, "BUSY_NOTIFY_SECONDS", 0.01)
    notifier.tell({5: 1}, False)
    assert notifier._take()[0] == {5: 1}


def test_whoever_has_much_to_tell_tells_it_less_often() -> None:
    notifier = Recording()
    for often, silence in ((1, NOTIFY_SECONDS), (BUSY_PER_SECOND, BUSY_NOTIFY_SECONDS)):
        for _ in range(often):
            notifier.tell({5: 1}, True)
        notifier._last_sent = time.monotonic() - 0.5
        assert notifier._take() == ({5: often}, silence)


def test_more_queues_than_a_notification_can_carry_are_told_as_all() -> None:
    notifier = Recording()
    notifier._send({2**62 + n: 1_000_000 for n in range(MAX_QUEUES_NAMED)})
    assert len(notifier.payloads[0]) < 8_000
    notifier._send(dict.fromkeys(range(1, MAX_QUEUES_NAMED + 2), 1))
    assert notifier.payloads[1] == f"{origin()} 0:{EVERYONE}"


def foreign_write(q: Handle) -> None:
    """Another process publishes: one with a Python, and so an engine, of its own."""
    script = (
        "import django; django.setup();"
        "from django.db import connection;"
        f"connection.settings_dict['NAME'] = {connection.settings_dict['NAME']!r};"
        "from queues import broker; from queues.broker.types import NewMessage;"
        f"broker.publish({q.account_id}, {q.name!r}, [NewMessage(body='b', size=1, public_id='m')]);"
        "import time; time.sleep(0.2)"  # its notifier is a daemon thread
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_a_receiver_parked_here_hears_of_a_publication_elsewhere(q: Handle) -> None:
    waiting = in_background(q.take, wait_seconds=LONG)
    parked(q.id, 1)
    foreign_write(q)
    assert waiting.result(LONG) == ["m"]


@pytest.mark.skipif(ON_SQLITE, reason="PostgreSQL's notifications")
def test_a_publication_here_is_told_once_and_after_the_commit(q: Handle) -> None:
    parameters = connection.get_connection_params()
    wanted = {k: v for k, v in parameters.items() if k not in ("pool", "cursor_factory", "context")}
    with psycopg.connect(**wanted, autocommit=True) as listening:
        listening.execute(f"LISTEN {CHANNEL}")
        q.publish("m", "n")
        for notification in listening.notifies(timeout=LONG):
            if f" {q.id}:" in notification.payload:
                break
        assert notification.payload.split(" ")[0] == origin()
        assert f"{q.id}:2" in notification.payload.split(" ")


@pytest.mark.skipif(not ON_SQLITE, reason="SQLite's data_version")
def test_writes_of_our_own_are_not_taken_for_anothers(q: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    from queues.broker.lanes import LANES
    from queues.broker.neighbours import ForeignWrites

    before = LANES.of("receive").submit(ForeignWrites())
    q.publish("m")
    assert LANES.of("receive").submit(ForeignWrites()) == before
    with sqlite3.connect(connection.settings_dict["NAME"]) as other:
        other.execute("UPDATE queues_queue SET name = name WHERE id = ?", [q.id])
    other.close()
    assert LANES.of("receive").submit(ForeignWrites()) != before


def test_a_hint_that_was_lost_costs_a_slow_look_only(q: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that becomes ready without anybody being told is found by the next fallback look."""
    monkeypatch.setattr(neighbours, "FALLBACK_SECONDS", 0.05)
    forget: Callable[..., None] = lambda *_, **__: None  # noqa: E731
    waiting = in_background(q.take, wait_seconds=LONG)
    parked(q.id, 1)
    with monkeypatch.context() as patched:
        patched.setattr("queues.broker.wakes.Wakes.send", forget)
        q.publish("m")
    eventually(waiting.done, within=15)
    assert waiting.result(0) == ["m"]
