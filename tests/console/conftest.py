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
from queues.management.commands.seed_demo import EMAIL
from tests.broker.conftest import new_queue  # noqa: F401  (a fixture of theirs)
from tests.broker.handle import Handle
from tests.server import Server, ServerFactory

from . import browser
from .browser import Visitor
from .people import Person

if TYPE_CHECKING:
    from playwright.sync_api import Browser, StorageState

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


PARCELS = """
from accounts.models import Account
from queues import broker
from queues.broker import letters
from queues.broker.types import Nack, NewMessage, QueueSettings
account = Account.objects.get(email="demo@example.com").pk
for queue in ("parcels-to-replay", "parcels-to-purge", "parcels-to-edit"):
    broker.create_queue(account, queue, settings=QueueSettings(ttl_seconds=None, lease_seconds=600))
    parcels = [(f"parcel-{n}", '{"street": "Elm %d"}' % n) for n in range(40)]
    broker.publish(account, queue, [NewMessage(body, len(body), public_id=name) for name, body in parcels])
    reasons = ["nobody at home" if n % 4 else "no such street" for n in range(40)]
    received = broker.receive(account, queue, limit=40)
    broker.settle(account, queue, [Nack(one.public_id, reason=why) for one, why in zip(received, reasons)])
letters.replay(account, "emails", letters.Wanted(reason="550 mailbox not found"), per_second=0.001)
"""
"""Three queues of forty dead letters each, and a replay that is under way for as long as the tests run."""


@pytest.fixture(scope="session")
def demo(server_factory: ServerFactory) -> Server:
    """A server with the demo's data and more, for the browser alone."""
    browser.require()
    # Destinations of the tests' own listen on this machine.
    server = server_factory.start(OKMQ_EGRESS_ALLOW="127.0.0.0/8")
    browser.seed(server, PARCELS)
    return server


@pytest.fixture(scope="session")
def demo_key(demo: Server) -> str:
    return demo.create_key(EMAIL)[1]


@pytest.fixture(scope="session")
def _states() -> dict[str, StorageState]:
    """What the browser keeps of those who have logged in, by role."""
    return {}


@pytest.fixture
def visit(
    demo: Server, _chromium: Browser, _states: dict[str, StorageState]
) -> Iterator[Callable[..., Visitor]]:
    """``visit("operator", size=PHONE, dark=True)``: somebody logged in. The test fails if anything went wrong
    on a page: an error in the browser's console, a request that failed or went to another host."""
    with contextlib.ExitStack() as stack:
        made: list[Visitor] = []

        def come(role: str = "superuser", *, anew: bool = False, **options: Any) -> Visitor:
            state = None if anew else _states.get(role)
            who = stack.enter_context(browser.visitor(_chromium, demo, role, state=state, **options))
            _states[role] = who.context.storage_state()
            made.append(who)
            return who

        yield come
        assert [trouble for visitor in made for trouble in visitor.troubles] == []
