"""PostgreSQL crashes, connections to it are cut: calls are told to come again, and no promise is broken."""

from __future__ import annotations

import random
import socket
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self
from urllib.parse import unquote, urlsplit

import psycopg
import pytest

from tests import database
from tests.faults.cluster import Cluster, cluster
from tests.faults.load import SHORT, UNBOUNDED, Load, under_load
from tests.faults.wires import Agentuity, Forq, Okmq
from tests.server import Server, ServerFactory

pytestmark = pytest.mark.skipif(not database.POSTGRESQL, reason="SQLite has no server and no connections")

SECONDS = 60.0
CYCLES = 20
AWAY_SECONDS = 0.5
CUTS_PER_SECOND = 5
BACKENDS = "SELECT pid FROM pg_stat_activity WHERE datname = %s"
CALLS_EACH = 12
"""Publications between two crashes."""


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    # Not below pytest's folder, which only its owner may enter.
    with tempfile.TemporaryDirectory(prefix="okmq-cluster-") as folder:
        Path(folder).chmod(0o755)
        with cluster(Path(folder) / "data") as made:
            yield made


def figures(load: Load) -> str:
    troubles = [call.trouble for call in load.history.calls if call.trouble]
    told = Counter(trouble.partition("answered ")[2][:3] or trouble[:40] for trouble in troubles)
    return f"{load.history.figures()}; why: {dict(told)}"


@pytest.mark.faults
def test_postgresql_crashes_twenty_times_under_load(make_server: ServerFactory, own_cluster: Cluster) -> None:
    """Two web processes and a worker of its own."""
    server = make_server(2, DATABASE_URL=own_cluster.url, OKMQ_FORQ_POLL_SECONDS=SHORT, empty=True)
    said: list[str] = []
    with server.run_python("manage.py", "runworker") as worker, _ending(worker, said):
        with under_load(server, publications=UNBOUNDED, consumers=(Agentuity, Forq, Okmq) * 2) as load:
            for _ in range(CYCLES):
                load.wait_for(load.accepted + CALLS_EACH)
                own_cluster.crash()
                time.sleep(AWAY_SECONDS)
                own_cluster.start()
            load.wait_for(load.accepted + CALLS_EACH)
            load.enough()
            print(f"{CYCLES} crashes: {figures(load)}")
        assert worker.poll() is None
        _worker_works(server, own_cluster)
    assert not any("Traceback" in line for line in [*said, server.output()])
    assert server.stop() == 0


@contextmanager
def _ending(worker: subprocess.Popen[str], said: list[str]) -> Iterator[None]:
    """Take down what the worker says, which would wait for somebody to, and end it."""
    thread = threading.Thread(target=lambda: said.extend(worker.stdout or ()))
    thread.start()
    try:
        yield
    finally:
        worker.terminate()
        thread.join(60)


def _worker_works(server: Server, own: Cluster) -> None:
    """Both workers came back: they write that they live every five seconds."""
    recently = "extract(epoch from now() - interval '7 seconds') * 1000000"
    deadline = time.monotonic() + 60
    while own.ask(f"SELECT count(*) FROM queues_workerbeat WHERE beat_at > {recently}") != [(2,)]:
        assert time.monotonic() < deadline, own.ask("SELECT * FROM queues_workerbeat")
        time.sleep(0.2)


def test_connections_that_are_cut_cost_no_message(make_server: ServerFactory) -> None:
    _cut(make_server(OKMQ_FORQ_POLL_SECONDS=SHORT), connections=6)


@pytest.mark.faults
def test_connections_cut_for_a_minute_cost_no_message(make_server: ServerFactory) -> None:
    _cut(make_server(2, OKMQ_FORQ_POLL_SECONDS=SHORT), connections=60 * CUTS_PER_SECOND)


def _cut(server: Server, connections: int) -> None:
    with under_load(server, publications=UNBOUNDED, consumers=(Agentuity, Forq, Okmq) * 2) as load:
        load.wait_for(CALLS_EACH)
        with Onlooker(server, load.key) as onlooker:
            _cut_connections(server, connections)
            onlooker.sees_or_was_told(load)
        load.wait_for(load.accepted + CALLS_EACH)
        load.enough()
        print(f"{connections} connections cut: {figures(load)}")


def _cut_connections(server: Server, count: int) -> None:
    """One after another, of all that the server has."""
    name = unquote(server.environment["DATABASE_URL"].partition("?")[0].rsplit("/", 1)[1])
    chance = random.Random(1)
    with psycopg.connect(database.url_of("postgres"), autocommit=True) as operator:
        while count:
            time.sleep(1 / CUTS_PER_SECOND)
            if pids := operator.execute(BACKENDS, [name]).fetchall():
                operator.execute("SELECT pg_terminate_backend(%s)", [chance.choice(pids)[0]])
                count -= 1


class Onlooker:
    """An event stream of what is published to a topic of its own."""

    def __init__(self, server: Server, key: str) -> None:
        host = urlsplit(server.url)
        self._socket = socket.create_connection((host.hostname or "", host.port or 80), timeout=SECONDS)
        head = f"GET /stream/watched HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n"
        self._socket.sendall(head.encode())
        self._said = self._socket.recv(65536)
        self._thread = threading.Thread(target=self._read)

    def __enter__(self) -> Self:
        assert self._said.startswith(b"HTTP/1.1 200")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(SECONDS)
        self._socket.close()

    def _read(self) -> None:
        while data := self._socket.recv(65536):
            self._said += data

    def sees_or_was_told(self, load: Load) -> None:
        """It goes on when connections stay again, or ended as a stream ends, so that its client can tell."""
        deadline = time.monotonic() + SECONDS
        while b"payload" not in self._said:
            if not self._thread.is_alive():
                assert self._said.endswith(b"0\r\n\r\n"), self._said[-200:]
                return
            assert time.monotonic() < deadline, "it neither goes on nor ends"
            with suppress(OSError):
                load.okmq.ask("POST", "/publish/watched", "look here")
            time.sleep(0.1)
