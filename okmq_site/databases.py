"""From ``DATABASE_URL`` to Django's database settings, with the options durability and speed need."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

SQLITE = "django.db.backends.sqlite3"
POSTGRESQL = "django.db.backends.postgresql"

SQLITE_PRAGMAS = (
    # Readers and the writer do not block each other; FULL: a commit is on disk before it is answered.
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    # The write-ahead log shrinks back to 64 MiB after a burst.
    "PRAGMA journal_size_limit = 67108864",
    # Pages are read from the mapped file, which all connections share; each needs a small cache only.
    "PRAGMA mmap_size = 268435456",
    "PRAGMA cache_size = -8192",
    "PRAGMA temp_store = MEMORY",
)
SQLITE_BUSY_SECONDS = 5


def settings_for(url: str | None, *, data_dir: Path, pool: int, prepare: bool) -> dict[str, Any]:
    """Django's settings of the database at ``url``, or of the SQLite file in ``data_dir`` when there is none.

    ``pool``: most PostgreSQL connections of one process. ``prepare``: use prepared statements there.
    Raises ``ImproperlyConfigured`` for a URL of any other database.
    """
    if not url:
        return _sqlite({"ENGINE": SQLITE, "NAME": str(data_dir / "okmq.sqlite3")})
    try:
        found: dict[str, Any] = dict(dj_database_url.parse(url))
    except ValueError as error:
        raise ImproperlyConfigured("DATABASE_URL is not a valid database URL") from error
    if found["ENGINE"] == SQLITE:
        return _sqlite(found)
    if found["ENGINE"] == POSTGRESQL:
        return _postgresql(found, pool=pool, prepare=prepare)
    raise ImproperlyConfigured("DATABASE_URL must begin with sqlite:// or postgresql://")


def _sqlite(found: dict[str, Any]) -> dict[str, Any]:
    if not found["NAME"] or ":memory:" in found["NAME"]:
        raise ImproperlyConfigured("DATABASE_URL must name a SQLite file: in memory nothing is durable")
    path = Path(found["NAME"]).expanduser().resolve()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(f"the SQLite file's folder cannot be used: {error}") from error
    options = {
        "init_command": "; ".join(SQLITE_PRAGMAS),
        # A transaction takes the write lock when it begins: one that began as a reader could not wait for it.
        "transaction_mode": "IMMEDIATE",
        "timeout": SQLITE_BUSY_SECONDS,
    }
    return {**found, "NAME": str(path), "CONN_MAX_AGE": 0, "OPTIONS": {**found.get("OPTIONS", {}), **options}}


def _postgresql(found: dict[str, Any], *, pool: int, prepare: bool) -> dict[str, Any]:
    options = {
        # Threads outnumber connections by far: one is borrowed for a request's database work and given back.
        # After an outage the pool tries anew for as long as it is asked, not for five minutes at a time.
        "pool": {"min_size": 1, "max_size": pool, "timeout": 5, "max_idle": 300, "reconnect_timeout": 5},
        # A statement is prepared when a connection runs it the fifth time.
        "prepare_threshold": 5 if prepare else None,
        # Notice a dead server or a cut network within seconds, not after the kernel's quarter of an hour.
        "connect_timeout": 5,
        "keepalives_idle": 15,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 15_000,
    }
    merged = {**options, **found.get("OPTIONS", {})}
    return {
        **found,
        "CONN_MAX_AGE": 0,
        # A connection that died while it lay idle is not handed out.
        "CONN_HEALTH_CHECKS": True,
        "DISABLE_SERVER_SIDE_CURSORS": not prepare,
        "OPTIONS": merged,
    }
