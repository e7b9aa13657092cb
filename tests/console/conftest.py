"""People who look at the console, and a queue of theirs to look at."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from accounts.models import Account
from tests.broker.conftest import new_queue  # noqa: F401  (a fixture of theirs)
from tests.broker.handle import Handle
from tests.server import Server, ServerFactory

from . import browser
from .browser import Visitor
from .people import Person

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PASSWORD = "a password for tests"
Hire = Callable[[str], Person]


@pytest.fixture
def hire(django_db_setup: None) -> Hire:
    """Somebody who is logged in, with that role: ``hire("viewer")``."""

    def make(role: str) -> Person:
        user = User.objects.create_user(
            uuid4().hex, password="x", is_staff=True, is_superuser=role == "superuser"
        )
        user.groups.set(Group.objects.filter(name=role))
        client = Client()
        client.force_login(user, "django.contrib.auth.backends.ModelBackend")
        return Person(client, user)

    return make


@pytest.fixture
def viewer(hire: Hire) -> Person:
    return hire("viewer")


@pytest.fixture
def operator(hire: Hire) -> Person:
    return hire("operator")


@pytest.fixture
def admin(hire: Hire) -> Person:
    return hire("admin")


@pytest.fixture
def q(account: Account) -> Handle:
    """A queue whose messages may be tried twice, again at once, and live for ever."""
    return _new_queue(account)


@pytest.fixture
def other(account: Account) -> Handle:
    """Another one of the same account."""
    return _new_queue(account)


def _new_queue(account: Account) -> Handle:
    from queues import broker
    from queues.broker.types import QueueSettings
    from tests.broker.handle import LASTING

    settings = QueueSettings().but(**{**LASTING, "max_attempts": 2})
    info = broker.create_queue(account.pk, f"q-{uuid4().hex}", settings=settings, topics=("t",))
    return Handle(account.pk, info.name, info.id)


@pytest.fixture(scope="module")
def _chromium() -> Iterator[Browser]:
    """Playwright keeps an event loop running in this thread, which Django takes for an asynchronous view: not
    beyond the tests that need it."""
    browser.require()
    with pytest.MonkeyPatch.context() as patch, browser.chromium() as chromium:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        yield chromium


@pytest.fixture(scope="session")
def demo(server_factory: ServerFactory) -> Server:
    """A server with the demo's data, for the browser alone."""
    browser.require()
    server = server_factory.start()
    browser.run(server, "manage.py", "seed_demo")
    browser.create_user(server, "admin-in-tests", PASSWORD, "superuser")
    return server


@pytest.fixture
def visit(demo: Server, _chromium: Browser) -> Iterator[Callable[..., Visitor]]:
    """``visit(size=PHONE, dark=True)``: somebody logged in. The test fails if anything went wrong on a page:
    an error in the browser's console, a request that failed or went to another host."""
    with contextlib.ExitStack() as stack:
        made: list[Visitor] = []

        def come(**options: Any) -> Visitor:
            made.append(
                stack.enter_context(browser.visitor(_chromium, demo, "admin-in-tests", PASSWORD, **options))
            )
            return made[-1]

        yield come
        assert [trouble for visitor in made for trouble in visitor.troubles] == []
