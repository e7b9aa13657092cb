"""The disk of the database is full: what is a write is told to come again, the rest goes on; when there is
room again so does everything, and nothing that was accepted is lost."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests import database
from tests.faults.cluster import cluster
from tests.faults.load import SHORT, UNBOUNDED, Load, under_load
from tests.faults.small_disk import Disk, small_disk
from tests.faults.test_database_faults import figures
from tests.faults.wires import Agentuity, Forq, Okmq
from tests.server import Server, ServerFactory

MEGABYTES = 96 if database.POSTGRESQL else 8
"""PostgreSQL is 40 before anything is in it."""
CALLS_EACH = 12
REFUSALS = 6
"""Publications that a full disk refuses, before there is room again."""
BODY = "x" * 40_000
SECONDS = 60.0


@contextmanager
def on_small_disk(make_server: ServerFactory) -> Iterator[tuple[Server, Disk]]:
    with small_disk(MEGABYTES) as disk:
        if not database.POSTGRESQL:
            folder = str(disk.folder / "data")
            server = make_server(empty=True, OKMQ_DATA_DIR=folder, OKMQ_FORQ_POLL_SECONDS=SHORT)
            yield server, disk
            server.close()
            return
        # The log elsewhere: without room for that, PostgreSQL stops, and somebody has to start it.
        with tempfile.TemporaryDirectory(prefix="okmq-wal-") as beside:
            Path(beside).chmod(0o755)
            with cluster(disk.folder / "data", Path(beside) / "wal") as own:
                server = make_server(empty=True, DATABASE_URL=own.url, OKMQ_FORQ_POLL_SECONDS=SHORT)
                yield server, disk
                server.close()


def test_a_full_disk_is_told_and_lost_is_nothing(make_server: ServerFactory) -> None:
    if database.POSTGRESQL:
        pytest.skip("takes a PostgreSQL server of its own: `make faults`")
    with on_small_disk(make_server) as (server, disk):
        _fill(server, disk, times=1)


@pytest.mark.faults
def test_a_disk_that_is_full_again_and_again(make_server: ServerFactory) -> None:
    with on_small_disk(make_server) as (server, disk):
        _fill(server, disk, times=5)


def _fill(server: Server, disk: Disk, times: int) -> None:
    with under_load(server, publications=UNBOUNDED, consumers=(Agentuity, Forq, Okmq) * 2) as load:
        load.okmq.ask("POST", "/queues", {"name": "ballast"})
        for _ in range(times):
            load.wait_for(load.accepted + CALLS_EACH)
            disk.fill()
            _until_refused(load)
            _reads_go_on(load)
            disk.free()
            load.wait_for(load.accepted + CALLS_EACH)
        load.enough()
        print(f"full {times} times: {figures(load)}")
    assert "Traceback" not in server.output()


def _until_refused(load: Load) -> None:
    """Publish more until there is no room: what was deleted before has left some inside the database."""
    refused = 0
    deadline = time.monotonic() + SECONDS
    while refused < REFUSALS:
        assert time.monotonic() < deadline, f"{refused} publications were refused"
        message = {"id": str(time.time_ns()), "body": BODY}
        try:
            load.okmq.ask("POST", "/queues/ballast/messages", [message])
        except OSError:
            refused += 1


def _reads_go_on(load: Load) -> None:
    ask: Any = load.okmq.ask
    for path in ("", "/stats", "/messages?peek=true&limit=10"):
        ask("GET", f"/queues/{load.queue}{path}")
    ask("GET", "/live")
    ask("GET", "/ready")
