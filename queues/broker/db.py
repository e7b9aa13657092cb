"""The engine's way to its database: one connection a thread, statements written once for both databases.

A ``Statement`` is SQL with ``:name`` parameters and three words of our own:

    {in:name}      ``name`` is one of a list        PostgreSQL: = ANY(array)   SQLite: IN (json_each)
    {each:name}    a list of texts as rows (value)  PostgreSQL: unnest         SQLite: json_each
    {lock}         FOR NO KEY UPDATE                nothing on SQLite, where a transaction is the only writer
    {skip_locked}  FOR NO KEY UPDATE SKIP LOCKED    likewise

``Insert``, ``Update``, ``Copy`` and ``Delete`` move many rows in one call: arrays through unnest() on
PostgreSQL, executemany on SQLite. Both are several times faster than a statement a row, and faster than the
ORM.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import msgspec
import psycopg
from django.db import DEFAULT_DB_ALIAS, Error, connections

from queues.broker import clock
from queues.broker.errors import Unavailable

Row = tuple[Any, ...]

SQLITE_BLOCK = 10
"""Rows of one INSERT on SQLite."""

ERRORS = (Error, sqlite3.Error, psycopg.Error)
"""Everything a statement can raise: the engine uses the drivers' cursors, Django wraps its own."""

_PARAMETER = re.compile(r"(?<![:\w]):(\w+)")
_WORD = re.compile(r"\{(in|each|lock|skip_locked)(?::(\w+))?\}")


class Statement:
    """One named piece of SQL, translated for each database when it is defined."""

    def __init__(self, sql: str) -> None:
        self.sqlite = _WORD.sub(_sqlite_word, sql)
        self.postgresql = _PARAMETER.sub(r"%(\1)s", _WORD.sub(_postgresql_word, sql.replace("%", "%%")))
        self.lists = frozenset(m[2] for m in _WORD.finditer(sql) if m[2])


def _sqlite_word(match: re.Match[str]) -> str:
    if match[1] == "in":
        return f"IN (SELECT value FROM json_each(:{match[2]}))"
    return f"json_each(:{match[2]})" if match[1] == "each" else ""


def _postgresql_word(match: re.Match[str]) -> str:
    if match[1] == "in":
        return f"= ANY(:{match[2]})"
    if match[1] == "each":
        return f"(SELECT unnest(:{match[2]}::text[]) AS value)"
    return "FOR NO KEY UPDATE" if match[1] == "lock" else "FOR NO KEY UPDATE SKIP LOCKED"


def array_literal(values: Sequence[Any]) -> str:
    """PostgreSQL's text for an array of numbers or of texts. psycopg would write one too, but element by
    element in Python: for a batch of messages that cost more than all the rest of publishing them."""
    if any(isinstance(value, str) for value in values):
        return "{" + ",".join(["NULL" if value is None else _quoted(value) for value in values]) + "}"
    return "{" + ",".join(["NULL" if value is None else f"{value:d}" for value in values]) + "}"


def _quoted(text: str) -> str:
    if "\\" in text:
        text = text.replace("\\", "\\\\")
    return '"' + text.replace('"', '\\"') + '"'


class _Bulk:
    """A statement that is run for many rows. ``columns`` and ``keys`` are {column: PostgreSQL type}."""

    sqlite: str
    postgresql: str


def _unnest(columns: dict[str, str]) -> str:
    arrays = ", ".join(f"%s::{kind}[]" for kind in columns.values())
    return f"unnest({arrays}) AS v({', '.join(columns)})"


def _numbered(letter: str, columns: dict[str, str]) -> dict[str, str]:
    """The types under names of their own: a column may be both a new value and a key."""
    return {f"{letter}{n}": kind for n, kind in enumerate(columns.values())}


def _match(table: str, keys: Iterable[str], values: Iterable[str]) -> str:
    return " AND ".join(f"{table}.{key} = v.{value}" for key, value in zip(keys, values, strict=True))


class Insert(_Bulk):
    """``skip_stored``: rows that break a unique constraint are left out."""

    def __init__(self, table: str, columns: dict[str, str], *, skip_stored: bool = False) -> None:
        into = f"INSERT INTO {table} ({', '.join(columns)})"
        end = " ON CONFLICT DO NOTHING" if skip_stored else ""
        row = f"({', '.join('?' * len(columns))})"
        self.sqlite = f"{into} VALUES {row}{end}"
        self.sqlite_block = f"{into} VALUES {', '.join([row] * SQLITE_BLOCK)}{end}"
        self.postgresql = f"{into} SELECT * FROM {_unnest(columns)}{end}"


class Update(_Bulk):
    """Rows are the new values first, then the key."""

    def __init__(self, table: str, columns: dict[str, str], keys: dict[str, str]) -> None:
        values = ", ".join(f"{column} = ?" for column in columns)
        where = " AND ".join(f"{key} = ?" for key in keys)
        self.sqlite = f"UPDATE {table} SET {values} WHERE {where}"
        given, wanted = _numbered("g", columns), _numbered("k", keys)
        taken = ", ".join(f"{column} = v.{value}" for column, value in zip(columns, given, strict=True))
        self.postgresql = (
            f"UPDATE {table} SET {taken} FROM {_unnest(given | wanted)} WHERE {_match(table, keys, wanted)}"
        )


class Copy(_Bulk):
    """New rows made from others of the same table. Rows are the ``given`` values first, then the key of the
    one whose ``copied`` columns are taken."""

    def __init__(
        self, table: str, given: dict[str, str], copied: Sequence[str], keys: dict[str, str]
    ) -> None:
        names = ", ".join([*given, *copied])
        taken = ", ".join(f"s.{column}" for column in copied)
        where = " AND ".join(f"s.{key} = ?" for key in keys)
        self.sqlite = (
            f"INSERT INTO {table} ({names}) SELECT {', '.join('?' * len(given))}, {taken} "
            f"FROM {table} s WHERE {where}"
        )
        values, wanted = _numbered("g", given), _numbered("k", keys)
        self.postgresql = (
            f"INSERT INTO {table} ({names}) SELECT {', '.join(f'v.{name}' for name in values)}, {taken} "
            f"FROM {_unnest(values | wanted)} JOIN {table} s ON {_match('s', keys, wanted)}"
        )


class Delete(_Bulk):
    def __init__(self, table: str, keys: dict[str, str]) -> None:
        self.sqlite = f"DELETE FROM {table} WHERE {' AND '.join(f'{key} = ?' for key in keys)}"
        self.postgresql = f"DELETE FROM {table} USING {_unnest(keys)} WHERE {_match(table, keys, keys)}"


LONGEST_SILENCE_SECONDS = 15
"""A process that says nothing for so long in the middle of a transaction has lost it: its machine may be
suspended, and nobody else gets past its locks. When it goes on, it does its work again."""


def _plans(*, local: bool) -> str:
    """PostgreSQL settings for the session or (``local``) the transaction. Plans must not rest on statistics:
    the hot table is empty one minute and full the next, and every statement here has an index made for it.
    One plan for all parameters saves planning, and sees what migration 0002 says of the columns."""
    settings = {
        "enable_seqscan": "off",
        "enable_bitmapscan": "off",
        "enable_hashjoin": "off",
        "enable_mergejoin": "off",
        "enable_memoize": "off",
        "max_parallel_workers_per_gather": "0",
        "plan_cache_mode": "force_generic_plan",
        "jit": "off",
    }
    calls = (f"set_config('{name}', '{value}', {local})" for name, value in settings.items())
    return f"SELECT {', '.join(calls)}"


class Connection:
    """The calling thread's connection, spoken to through the driver itself: Django's cursor wrappers cost
    more than SQLite needs to answer. ``tuned``: kept by one thread and set up for the engine's statements.
    ``committing``: to be set when a transaction's last statement is made; an error after that may have come
    too late to undo anything."""

    def __init__(self, *, tuned: bool = False) -> None:
        self.tuned = tuned
        self.django = connections[DEFAULT_DB_ALIAS]
        self.postgresql = self.django.vendor == "postgresql"
        self.committing = self.opened = False
        self._raw: Any = None
        self._sqlite_cursor: Any = None

    def open(self) -> None:
        """Connect if need be. To be called before a transaction or a look, not before every statement:
        Django's check costs as much as a small query."""
        self.committing = self.opened = False
        self.django.ensure_connection()
        self.opened = True
        raw = self.django.connection
        if raw is not self._raw:
            if not self.postgresql:
                self._sqlite_cursor = raw.cursor()
            elif self.tuned:
                self._prepare(psycopg.Cursor(raw))
            self._raw = raw

    def _prepare(self, cursor: Any) -> None:
        cursor.execute(_plans(local=False))
        cursor.execute(f"SET idle_in_transaction_session_timeout = '{LONGEST_SILENCE_SECONDS}s'")
        before = time.time_ns() // 1000
        cursor.execute(clock.DATABASE_TIME)
        middle = (before + time.time_ns() // 1000) // 2
        clock.set_from_database(middle, cursor.fetchone()[0])

    def transaction(self) -> contextlib.AbstractContextManager[None]:
        """A transaction without Django's bookkeeping, which costs more than BEGIN and COMMIT do. No ORM
        inside: it would not know.

        PostgreSQL is spoken to in pipeline mode: a statement whose rows nobody asks for is sent along with
        the next one, so that a transaction takes three or four round trips instead of ten.
        """
        return self._between("BEGIN" if self.postgresql else "BEGIN IMMEDIATE")

    def snapshot(self) -> contextlib.AbstractContextManager[None]:
        """Looks that all see the same instant; likewise without the ORM."""
        if self.postgresql:
            return self._between("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", _plans(local=True))
        return self._between("BEGIN")

    @contextlib.contextmanager
    def _between(self, *opening: str) -> Iterator[None]:
        pipeline = self._raw.pipeline() if self.postgresql else contextlib.nullcontext()
        try:
            with pipeline:
                for statement in opening:
                    self._cursor().execute(statement)
                yield
                self._cursor().execute("COMMIT")
        except BaseException:
            # SQLite leaves the transaction open, too, when the disk is full at its end.
            with contextlib.suppress(*ERRORS):
                self._cursor().execute("ROLLBACK")
            raise

    def _cursor(self) -> Any:
        """psycopg's plain cursor binds on the server and so can prepare; Django's default one cannot. One for
        each statement: in a pipeline their results come in later."""
        return psycopg.Cursor(self._raw) if self.postgresql else self._sqlite_cursor

    def rows(self, statement: Statement, **parameters: Any) -> list[Row]:
        """Run ``statement`` and fetch what it returns."""
        cursor = self._execute(statement, parameters)
        result: list[Row] = cursor.fetchall()
        return result

    def later(self, statement: Statement, **parameters: Any) -> Callable[[], list[Row]]:
        """Run ``statement``; what this returns fetches its rows. On PostgreSQL they travel with those of the
        next one."""
        cursor = self._execute(statement, parameters)
        if self.postgresql:
            fetch: Callable[[], list[Row]] = cursor.fetchall
            return fetch
        rows: list[Row] = cursor.fetchall()
        return lambda: rows

    def run(self, statement: Statement, **parameters: Any) -> None:
        """Run ``statement``; its errors may come with a later one's."""
        self._execute(statement, parameters)

    def _execute(self, statement: Statement, parameters: dict[str, Any]) -> Any:
        cursor = self._cursor()
        if self.postgresql:
            for name in statement.lists:
                parameters[name] = array_literal(parameters[name])
            cursor.execute(statement.postgresql, parameters)
        else:
            for name in statement.lists:
                parameters[name] = msgspec.json.encode(parameters[name]).decode()
            cursor.execute(statement.sqlite, parameters)
        return cursor

    def bulk(self, statement: _Bulk, rows: Sequence[Row]) -> None:
        """Run ``statement`` for every row; its errors may come with a later one's."""
        if not rows:
            return
        if self.postgresql:
            columns = [array_literal(column) for column in zip(*rows, strict=True)]
            self._cursor().execute(statement.postgresql, columns)
            return
        if isinstance(statement, Insert):
            rows = self._insert_blocks(statement, rows)
        self._sqlite_cursor.executemany(statement.sqlite, rows)

    def _insert_blocks(self, statement: Insert, rows: Sequence[Row]) -> Sequence[Row]:
        """Insert SQLITE_BLOCK rows at a time; returns the few that are left. executemany gives up the GIL for
        every row, and may get it back only when a busy request thread pauses."""
        for end in range(SQLITE_BLOCK, len(rows) + 1, SQLITE_BLOCK):
            block = rows[end - SQLITE_BLOCK : end]
            self._sqlite_cursor.execute(statement.sqlite_block, list(chain.from_iterable(block)))
        return rows[len(rows) - len(rows) % SQLITE_BLOCK :]

    def discard(self) -> None:
        """Give up this connection; the next ``open`` makes another. A tuned one is closed for good: back in
        the pool its settings would meet the console's statements."""
        raw, self._raw, self._sqlite_cursor = self._raw, None, None
        with contextlib.suppress(*ERRORS):
            if raw is not None and self.postgresql and self.tuned:
                raw.close()
            self.django.close()


# Primary SQLite result codes that say "not now" rather than "never".
_SQLITE_UNAVAILABLE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PROTOCOL,
}


def unavailable(error: BaseException) -> Unavailable | None:
    """The broker's error if ``error`` says that the database cannot serve now, else None."""
    cause = error.__cause__ if isinstance(error, Error) and error.__cause__ else error
    if isinstance(cause, sqlite3.Error):
        busy = (getattr(cause, "sqlite_errorcode", 0) or 0) & 0xFF in _SQLITE_UNAVAILABLE
    else:
        busy = isinstance(
            cause,
            psycopg.OperationalError
            | psycopg.InterfaceError
            | psycopg.errors.ReadOnlySqlTransaction
            | psycopg.errors.IdleInTransactionSessionTimeout,
        )
    return Unavailable(str(cause).strip() or type(cause).__name__) if busy else None
