"""Statements written once for both databases, and what their errors mean."""

from __future__ import annotations

import re
import sqlite3
from functools import partial
from typing import Any

import django.db
import psycopg
import psycopg_pool
import pytest

from queues.broker import sql
from queues.broker.db import ERRORS, Connection, Copy, Delete, Insert, Statement, Update, unavailable
from queues.broker.lanes import Transaction, in_transaction
from queues.broker.queues import reading

pytestmark = pytest.mark.usefixtures("django_db_setup")

PARAMETER = re.compile(r"(?<![:\w]):(\w+)")


@pytest.mark.parametrize(
    ("written", "sqlite", "postgresql"),
    [
        ("a = :b", "a = :b", "a = %(b)s"),
        ("a::bigint = :b::int", "a::bigint = :b::int", "a::bigint = %(b)s::int"),
        ("a % 2 LIKE '%'", "a % 2 LIKE '%'", "a %% 2 LIKE '%%'"),
        ("a {in:bs}", "a IN (SELECT value FROM json_each(:bs))", "a = ANY(%(bs)s)"),
        ("FROM {each:bs} k", "FROM json_each(:bs) k", "FROM (SELECT unnest(%(bs)s::text[]) AS value) k"),
        ("x {lock}", "x ", "x FOR NO KEY UPDATE"),
        ("x {skip_locked}", "x ", "x FOR NO KEY UPDATE SKIP LOCKED"),
    ],
)
def test_a_statement_is_translated_for_each_database(written: str, sqlite: str, postgresql: str) -> None:
    statement = Statement(written)
    assert (statement.sqlite, statement.postgresql) == (sqlite, postgresql)
    assert statement.lists == ({"bs"} if "bs" in written else set())


def test_bulk_statements_name_values_first_and_then_the_key() -> None:
    insert = Insert("t", {"a": "int", "b": "text"})
    assert insert.sqlite == "INSERT INTO t (a, b) VALUES (?, ?)"
    assert insert.postgresql == "INSERT INTO t (a, b) SELECT * FROM unnest(%s::int[], %s::text[]) AS v(a, b)"
    update = Update("t", {"b": "text"}, {"a": "int"})
    assert update.sqlite == "UPDATE t SET b = ? WHERE a = ?"
    assert update.postgresql == (
        "UPDATE t SET b = v.g0 FROM unnest(%s::text[], %s::int[]) AS v(g0, k0) WHERE t.a = v.k0"
    )
    copy = Copy("t", {"a": "int", "b": "text"}, ("c", "d"), {"a": "int"})
    assert copy.sqlite == "INSERT INTO t (a, b, c, d) SELECT ?, ?, s.c, s.d FROM t s WHERE s.a = ?"
    assert copy.postgresql == (
        "INSERT INTO t (a, b, c, d) SELECT v.g0, v.g1, s.c, s.d "
        "FROM unnest(%s::int[], %s::text[], %s::int[]) AS v(g0, g1, k0) JOIN t s ON s.a = v.k0"
    )
    delete = Delete("t", {"a": "int", "b": "text"})
    assert delete.sqlite == "DELETE FROM t WHERE a = ? AND b = ?"
    assert delete.postgresql == (
        "DELETE FROM t USING unnest(%s::int[], %s::text[]) AS v(a, b) WHERE t.a = v.a AND t.b = v.b"
    )


@pytest.mark.parametrize("texts", [[], ["a"], ['"', "\\", "é😀", "", "1", "null", "x" * 5000]])
def test_lists_arrive_as_they_were_given(texts: list[str]) -> None:
    """Numbers stay numbers, texts stay texts, and an empty list matches nothing."""
    each = Statement("SELECT k.value FROM {each:given} k")
    assert in_transaction(lambda tx: tx.db.rows(each, given=texts)) == [(text,) for text in texts]
    assert in_transaction(lambda tx: tx.db.rows(sql.QUEUE_IDS_BY_NAME, accounts=[], names=texts)) == []
    assert in_transaction(lambda tx: tx.db.rows(sql.LOCK_QUEUES, ids=[2**62, 1 - 2**62])) == []


def test_every_statement_of_the_engine_is_understood_by_the_database() -> None:
    """Prepared, not run: tables, columns and parameters are those there are."""
    statements = {name: value for name, value in vars(sql).items() if isinstance(value, Statement)}
    pages = {name: value for name, value in vars(sql).items() if isinstance(value, sql.Page)}
    pages |= {f"VIEW_PAGES {choice}": value for choice, value in sql.VIEW_PAGES.items()}
    statements |= {f"{name}.view": page.view for name, page in pages.items()}
    statements |= {f"{name}.size": page.size for name, page in pages.items()}
    statements |= {f"OFFSETS_IN_STATE {choice}": value for choice, value in sql.OFFSETS_IN_STATE.items()}
    assert len(statements) > 50
    del statements["DATA_VERSION"]
    if django.db.connection.vendor == "sqlite":
        del statements["LOCK_RECEIVERS"]
    for name, statement in statements.items():
        try:
            in_transaction(partial(_explain, statement))
        except ERRORS as error:
            pytest.fail(f"{name}: {error}")


def _explain(statement: Statement, tx: Transaction) -> None:
    parameters: dict[str, Any] = {
        name: [] if name in statement.lists else None for name in PARAMETER.findall(statement.sqlite)
    }
    explained = Statement("EXPLAIN SELECT 1")
    explained.sqlite, explained.postgresql = f"EXPLAIN {statement.sqlite}", f"EXPLAIN {statement.postgresql}"
    explained.lists = statement.lists
    assert tx.db.rows(explained, **parameters)


def test_a_bulk_change_of_no_rows_is_no_statement() -> None:
    in_transaction(lambda tx: tx.db.bulk(sql.UPDATE_MESSAGES, []))


SQLITE_BUSY = sqlite3.OperationalError("database is locked")
SQLITE_BUSY.sqlite_errorcode = sqlite3.SQLITE_BUSY
SQLITE_IO = sqlite3.OperationalError("disk I/O error")
SQLITE_IO.sqlite_errorcode = sqlite3.SQLITE_IOERR_WRITE
SQLITE_SYNTAX = sqlite3.OperationalError("syntax error")
SQLITE_SYNTAX.sqlite_errorcode = sqlite3.SQLITE_ERROR


def wrapped(cause: Exception, kind: type[django.db.Error] = django.db.OperationalError) -> django.db.Error:
    """As Django raises what a driver raised."""
    error = kind(str(cause))
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        SQLITE_BUSY,
        SQLITE_IO,
        wrapped(SQLITE_BUSY),
        psycopg.OperationalError("connection refused"),
        psycopg.InterfaceError("the connection is closed"),
        psycopg.errors.AdminShutdown(),
        psycopg.errors.IdleInTransactionSessionTimeout("terminating connection"),
        psycopg.errors.ReadOnlySqlTransaction(),
        psycopg_pool.PoolTimeout("none free"),
        wrapped(psycopg.OperationalError("connection refused")),
        wrapped(psycopg.InterfaceError("closed"), django.db.InterfaceError),
    ],
)
def test_a_database_that_cannot_serve_now_is_unavailable(error: Exception) -> None:
    found = unavailable(error)
    assert found is not None
    assert str(found)
    assert isinstance(error, ERRORS)


@pytest.mark.parametrize(
    "error",
    [
        SQLITE_SYNTAX,
        sqlite3.IntegrityError("unique"),
        psycopg.errors.UniqueViolation("unique"),
        wrapped(psycopg.errors.UniqueViolation("unique"), django.db.IntegrityError),
        ValueError("bug"),
    ],
)
def test_a_mistake_of_ours_is_not_called_an_outage(error: Exception) -> None:
    assert unavailable(error) is None


def test_reading_gives_its_connection_back() -> None:
    with reading() as db:
        assert db.rows(Statement("SELECT 1")) == [(1,)]
        assert django.db.connection.connection is not None
    assert django.db.connection.connection is None


def test_a_discarded_connection_is_replaced() -> None:
    db = Connection()
    db.open()
    db.discard()
    db.open()
    assert db.rows(Statement("SELECT 1")) == [(1,)]
    db.discard()
