"""The database is locked, cut off, or away: callers are told, and all goes on when it is back."""

from __future__ import annotations

import json
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import psycopg
import pytest
from django.db import connection

from queues.broker.errors import Unavailable
from queues.broker.lanes import LANES
from tests import database
from tests.server import Server, ServerFactory

from .at_once import at_once, eventually, in_background, parked
from .handle import Handle
from .rows import assert_consistent

ON_SQLITE = connection.vendor == "sqlite"
only_sqlite = pytest.mark.skipif(not ON_SQLITE, reason="SQLite's lock")
only_postgresql = pytest.mark.skipif(ON_SQLITE, reason="PostgreSQL's connections")


@contextmanager
def locked(path: str | Path) -> Iterator[None]:
    """Another program is writing to the SQLite file and does not come to an end."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def cut(name: str) -> None:
    """End every connection to that PostgreSQL database."""
    with psycopg.connect(database.url_of("postgres"), autocommit=True) as operator:
        operator.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", [name]
        )


@contextmanager
def away(name: str) -> Iterator[None]:
    """That PostgreSQL database has no connections and takes no new ones."""
    with psycopg.connect(database.url_of("postgres"), autocommit=True) as operator:
        operator.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        cut(name)
        try:
            yield
        finally:
            operator.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Wait for a database for a moment only."""
    if ON_SQLITE:
        monkeypatch.setitem(connection.settings_dict["OPTIONS"], "timeout", 0.2)
        LANES.close()
    else:
        pool = connection.pool  # type: ignore[attr-defined]  # PostgreSQL's has one
        monkeypatch.setattr(pool, "timeout", 0.2)
    yield
    LANES.close()
    if not ON_SQLITE:
        # It would go on for seconds to wait for what failed while the database was away.
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]


@pytest.fixture
def outage() -> AbstractContextManager[None]:
    """While it lasts this process cannot write."""
    name = str(connection.settings_dict["NAME"])
    return locked(name) if ON_SQLITE else away(name)


@pytest.mark.usefixtures("_impatient")
def test_while_the_database_is_away_callers_are_told_and_then_all_goes_on(
    q: Handle, outage: AbstractContextManager[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    q.publish("m", "n")
    q.take(1)
    calls: list[Callable[[], object]] = [
        lambda: q.publish("lost"),
        q.take,
        lambda: q.ack("m"),
        lambda: q.delete_messages(ids=["n"]),
        q.replay,
        q.pause,
        q.delete,
    ]
    reads: list[Callable[[], object]] = [q.peek, q.stats, q.info, lambda: q.get("m")]
    with outage:
        for call in calls if ON_SQLITE else calls + reads:
            with pytest.raises(Unavailable):
                call()
        if ON_SQLITE:
            for read in reads:
                read()
    # Every connection comes back in its own time: from here on with the patience of a real server.
    monkeypatch.undo()
    eventually(lambda: works(lambda: q.publish("kept")))
    assert q.ids() == ["m", "n", "kept"]
    assert q.ack("m", "n") == ["done", "done"]
    assert q.take() == ["kept"]
    assert_consistent(q)


def works(call: Callable[[], object]) -> bool:
    try:
        call()
    except Unavailable:
        return False
    return True


@pytest.mark.usefixtures("_impatient")
def test_a_parked_receiver_outlives_an_outage(
    q: Handle, outage: AbstractContextManager[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = in_background(q.take, wait_seconds=30)
    parked(q.id, 1)
    with outage, pytest.raises(Unavailable):
        q.publish("lost")
    monkeypatch.undo()
    eventually(lambda: works(lambda: q.publish("m")))
    try:
        assert waiting.result(30) == ["m"]
    except Unavailable:  # it looked just then, and its client was told to come back
        assert q.take() == ["m"]


@only_postgresql
def test_cut_connections_cost_a_call_at_most(q: Handle) -> None:
    calls: list[Callable[[], object]] = [
        lambda: q.publish("n"),
        q.take,
        lambda: q.ack("n"),
        q.replay,
        q.peek,
        q.stats,
        q.info,
    ]
    at_once(calls)  # each has connections now
    cut(str(connection.settings_dict["NAME"]))
    failed = sum(not works(call) for call in calls)
    assert failed <= 1
    assert all(works(call) for call in calls)
    assert_consistent(q)


@only_sqlite
def test_a_locked_file_is_waited_for(q: Handle) -> None:
    with locked(str(connection.settings_dict["NAME"])):
        waiting = in_background(q.publish, "m")
        eventually(lambda: not LANES.of("publish")._pending)
        assert not waiting.done()
    assert waiting.result(10)[0].offset == 0


class Client:
    def __init__(self, server: Server, key: str) -> None:
        self.server, self.key = server, key

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, dict[str, str], Any]:
        request = urllib.request.Request(
            self.server.url + path,
            method=method,
            headers={"Authorization": self.key},
            data=None if body is None else json.dumps(body).encode(),
        )
        try:
            with urllib.request.urlopen(request, timeout=40) as answer:
                text = answer.read()
                return answer.status, dict(answer.headers), json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            with error:
                return error.code, dict(error.headers), json.loads(error.read())


def test_over_http_an_outage_is_503_with_a_time_to_come_back(make_server: ServerFactory) -> None:
    server = make_server()
    client = Client(server, server.create_key()[1])
    assert client.call("POST", "/queues", {"name": "q"})[0] == 201
    if ON_SQLITE:
        outage = locked(Path(server.environment["OKMQ_DATA_DIR"]) / "okmq.sqlite3")
    else:
        outage = away(unquote(server.environment["DATABASE_URL"].partition("?")[0].rsplit("/", 1)[1]))
    calls: list[tuple[str, str, Any]] = [
        ("POST", "/queues/q/messages", [{"id": "lost", "body": "b"}]),
        ("GET", "/queues/q/messages", None),
    ]
    with outage:
        answers = at_once(lambda call=call: client.call(*call) for call in calls)  # type: ignore[misc]
        for status, headers, body in answers:
            assert status == 503
            assert int(headers["Retry-After"]) >= 1
            assert headers["Content-Type"] == "application/json"
            assert body["error"]
        assert client.call("GET", "/live")[0] == 200
    eventually(lambda: client.call("POST", "/queues/q/messages", [{"id": "m", "body": "b"}])[0] == 204)
    status, _, messages = client.call("GET", "/queues/q/messages")
    assert (status, [one["id"] for one in messages]) == (200, ["m"])
