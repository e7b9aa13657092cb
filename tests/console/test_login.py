"""Wrong console passwords are counted, and after five there is a pause."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import Group, User
from django.test import Client
from django.test.client import RequestFactory

from okmq_site.console.login import address

PASSWORD = "the right one"


@pytest.fixture
def user(django_db_setup: None) -> User:
    user = User.objects.create_user(f"user-{uuid4().hex}", password=PASSWORD, is_staff=True)
    user.groups.set(Group.objects.filter(name="viewer"))
    return user


def log_in(user: User, password: str, from_address: str = "192.0.2.1") -> int:
    form = {"username": user.username, "password": password}
    return Client(REMOTE_ADDR=from_address).post("/admin/login/?next=/admin/", form).status_code


def test_five_wrong_passwords_make_a_pause(user: User) -> None:
    assert [log_in(user, "wrong") for _ in range(4)] == [200] * 4
    assert log_in(user, "wrong") == 429
    assert log_in(user, PASSWORD) == 429
    assert log_in(user, PASSWORD, "192.0.2.2") == 302
    page = Client(REMOTE_ADDR="192.0.2.1").post("/admin/login/", {"username": user.username, "password": "x"})
    assert "Too many wrong passwords" in page.content.decode()
    assert "console/console.css" in page.content.decode()
    assert page["Retry-After"] == "600"


def test_the_pause_ends_and_leaves_nothing_behind(user: User) -> None:
    for _ in range(5):
        log_in(user, "wrong")
    attempts = AccessAttempt.objects.filter(username=user.username)
    attempts.update(attempt_time=attempts[0].attempt_time - timedelta(minutes=11))
    assert log_in(user, PASSWORD) == 302
    assert not attempts.exists()


def test_a_right_password_forgets_the_wrong_ones(user: User) -> None:
    for _ in range(3):
        assert [log_in(user, "wrong") for _ in range(2)] == [200, 200]
        assert log_in(user, PASSWORD) == 302


def test_logins_that_succeed_write_no_log(user: User) -> None:
    from axes.models import AccessLog

    before = AccessLog.objects.count()
    log_in(user, PASSWORD)
    assert AccessLog.objects.count() == before


@pytest.mark.parametrize(
    ("forwarded", "trusted", "expected"),
    [("203.0.113.7", True, "203.0.113.7"), ("203.0.113.7", False, "192.0.2.9"), ("rubbish", True, None)],
)
def test_addresses_come_from_a_proxy_only_if_it_is_trusted(
    rf: RequestFactory, settings: Any, forwarded: str, trusted: bool, expected: str | None
) -> None:
    settings.OKMQ_TRUST_PROXY_HEADERS = trusted
    request = rf.get("/", REMOTE_ADDR="192.0.2.9", HTTP_X_FORWARDED_FOR=forwarded)
    assert address(request) == expected
