"""Fixtures for every test.

The engine writes from threads of its own, so no test can be wrapped in a transaction that is rolled
back. A process of the run has one database (a copy of the run's, ``tests/prepared.py``), which is never
emptied: a test is alone because it uses a fresh account, the only owner of anything.

What a test costs, for the suite to stay quick (CPU time): a call in process (``tests/wsgi.py``, the broker's
functions) 1 ms; over HTTP to the shared ``server`` 4 ms; another Python 0.7 s; a server of one's own
(``make_server``) 1 s, and 2 s on an empty database (``empty=True``). Waiting costs little.
"""

from __future__ import annotations

import os
import uuid
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.db import connections
from pytest_django.plugin import DjangoDbBlocker

from tests import database, prepared
from tests.server import Server, ServerFactory, outputs_since

if TYPE_CHECKING:
    from accounts.models import Account


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Replaces pytest-django's: the test database, open to every test and thread of the run."""
    with django_db_blocker.unblock():
        prepared.use_copy(database.own_name())
        yield
        _stop_the_engine()
        _drop_test_database()


def _stop_the_engine() -> None:
    """Its threads would complain of a database that is dropped under them."""
    from queues.broker.lanes import LANES
    from queues.broker.wakes import HUB

    HUB.close()
    LANES.close()


def _drop_test_database() -> None:
    connection = connections["default"]
    connection.close()
    if connection.vendor == "postgresql":
        connection.close_pool()  # type: ignore[attr-defined]
        database.drop(str(connection.settings_dict["NAME"]))


@pytest.fixture(autouse=True)
def _nothing_stays_on_the_thread() -> Iterator[None]:
    """A test leaves no connection behind, as a request leaves none; nor who asked last."""
    from queues.broker import audit

    yield
    connections["default"].close()
    audit.set_actor(audit.SYSTEM)


@pytest.fixture
def account(django_db_setup: None) -> Account:
    """A fresh account: whatever it owns, this test made."""
    return _new_account()


@pytest.fixture
def stranger(django_db_setup: None) -> Account:
    """Another account, which must never see what ``account`` owns."""
    return _new_account()


@pytest.fixture
def api_key(account: Account) -> str:
    """A key of ``account`` with all scopes."""
    from accounts.services import create_key

    return create_key(account, "test")


@pytest.fixture
def known_names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """The addresses of names that webhooks are registered for: tests have no name server."""
    from queues.push import egress

    resolve = egress.resolve
    known = {"example.com": ["93.184.216.34"], "hooks.example.com": ["93.184.216.34"]}
    monkeypatch.setattr(egress, "resolve", lambda host: known[host] if host in known else resolve(host))
    return known


def _new_account() -> Account:
    from accounts.services import create_account

    return create_account(f"{uuid.uuid4().hex}@example.com")


@pytest.fixture(scope="session")
def server_factory(
    tmp_path_factory: pytest.TempPathFactory, django_db_setup: None
) -> Iterator[ServerFactory]:
    factory = ServerFactory(tmp_path_factory.mktemp("servers"))
    yield factory
    factory.close()


@pytest.fixture(scope="session")
def server(server_factory: ServerFactory) -> Server:
    """A running ``manage.py serve`` with a database of its own, shared by the whole run.

    A test may restart or kill it, but hands it on running. A test that fails shows what it printed.
    """
    return server_factory.start()


@pytest.fixture
def make_server(server_factory: ServerFactory) -> Iterator[ServerFactory]:
    """Starts servers for this test alone: ``make_server(processes=2, OKMQ_POLL_SECONDS="5")``.

    Each has a database that is migrated and has the first account; ``empty=True`` makes it a first start.
    """
    made = server_factory.for_one_test()
    yield made
    made.close()


def pytest_xdist_auto_num_workers() -> int:
    """Two for each core: a good part of the tests wait, for a server that stops or a message that is due."""
    return 2 * len(os.sched_getaffinity(0))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What the database makes no difference to is tested in the SQLite pass alone."""
    if database.POSTGRESQL:
        left_out = [item for item in items if item.get_closest_marker("once")]
        items[:] = [item for item in items if not item.get_closest_marker("once")]
        config.hook.pytest_deselected(items=left_out)
    if hasattr(config, "workerinput"):
        _longest_files_first(items)


def _longest_files_first(items: list[pytest.Item]) -> None:
    """The order in which xdist hands files out: one that takes long must not be the last to begin."""
    weights: Counter[Path] = Counter()
    for item in items:
        weights[item.path] += _weight(item)
    items.sort(key=lambda item: -weights[item.path])


def _weight(item: pytest.Item) -> int:
    """How long a test takes, in about hundredths of a second."""
    if item.get_closest_marker("slow"):
        return 1000
    return 300 if "make_server" in getattr(item, "fixturenames", ()) else 5


def pytest_unconfigure(config: pytest.Config) -> None:
    if database.POSTGRESQL and not hasattr(config, "workerinput"):
        database.drop(database.prepared_name())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the servers printed during a test that failed."""
    report = yield
    if report.failed and call.when == "call":
        report.sections += [(f"server {url}", text) for url, text in outputs_since(call.start)]
    return report
