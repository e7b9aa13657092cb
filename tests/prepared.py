"""The database as migrations leave it, made once a run: every other database of the run is a copy of it.

It holds the first account, so a server that starts on a copy is on a later start: it makes nobody, and hashes
no password at production's price. Tests of the first start want an empty database: ``ServerFactory.prepare``.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from tests import database


def use_copy(name: str) -> None:
    """Make ``name`` a copy, and this process's default database."""
    from django.db import connections

    _make_once()
    copy(name)
    connections["default"].settings_dict["NAME"] = name


def copy(name: str) -> None:
    """Copy it to database ``name`` of the run's PostgreSQL, or to a SQLite file of that path."""
    _make_once()
    if database.POSTGRESQL:
        database.create(name, template=database.prepared_name())
    else:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(database.prepared_name(), name)


@functools.cache
def _make_once() -> None:
    """The first of the run's processes to come here makes it, the others wait."""
    made = Path(os.environ["OKMQ_TEST_DIR"]) / "prepared"
    with _one_at_a_time(made.with_suffix(".lock")):
        if not made.exists():
            _make()
            made.touch()


@contextlib.contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make() -> None:
    from django.db import connections

    from accounts.services import create_account
    from okmq_site import bootstrap

    connection = connections["default"]
    usual = connection.settings_dict["NAME"]
    # Named by the database's TEST options.
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    create_account(bootstrap.EMAIL)
    # PostgreSQL copies no database that anybody is connected to; SQLite's file is whole when it is closed.
    bootstrap.leave_database()
    connection.settings_dict["NAME"] = usual
