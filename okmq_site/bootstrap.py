"""What ``serve`` does before it serves: tables up to date, and on the first start somebody to use them."""

from __future__ import annotations

import contextlib
import fcntl
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections, transaction

EMAIL = "admin@localhost.localdomain"
ADMIN = "admin"
LOCK_ID = 0x6F6B6D71
"""Number of the PostgreSQL advisory lock: "okmq"."""


@dataclass(frozen=True)
class Credentials:
    """What the first start made. Kept nowhere: printed, then forgotten. ``password``: empty for a console
    user that was there already."""

    email: str
    key: str
    admin: str
    password: str


def prepare() -> Credentials | None:
    """Migrate; on an installation without accounts make the first account with a key, and a console user.

    Several servers may start on one database at once: one prepares it, the others wait for that.
    """
    with _one_at_a_time():
        call_command("migrate", interactive=False, verbosity=0)
        made = _first_start()
        _make_anonymous_account()
        return made


def first_account_made_at() -> datetime | None:
    from accounts.models import Account

    return Account.objects.order_by("id").values_list("created_at", flat=True).first()


def has_console_user() -> bool:
    """False when the first account was made by a command before the first start: nobody was made then."""
    from django.contrib.auth import get_user_model

    return bool(get_user_model().objects.exists())


def leave_database() -> None:
    """Close everything this process opened: connections must not be shared with the processes it forks."""
    for opened in connections.all(initialized_only=True):
        opened.close()
        if opened.vendor == "postgresql":
            opened.close_pool()  # type: ignore[attr-defined]


def _first_start() -> Credentials | None:
    from django.contrib.auth import get_user_model

    from accounts import services
    from accounts.models import Account

    with transaction.atomic():
        if Account.objects.exists():
            return None
        key = services.create_key(services.create_account(EMAIL), "first key")
        password = ""
        users = get_user_model().objects
        if not users.filter(username=ADMIN).exists():
            password = secrets.token_urlsafe(12)
            users.create_superuser(ADMIN, password=password)
        return Credentials(EMAIL, key, ADMIN, password)


def _make_anonymous_account() -> None:
    from accounts import services

    if settings.OKMQ_ANONYMOUS_ACCOUNT:
        services.get_or_create_account(settings.OKMQ_ANONYMOUS_ACCOUNT)


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK_ID])
            try:
                yield
            finally:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK_ID])
    else:
        settings.OKMQ_DATA_DIR.mkdir(parents=True, exist_ok=True)
        with (settings.OKMQ_DATA_DIR / "start.lock").open("w") as file:
            # The lock goes with the file, so a start that crashes leaves none behind.
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
