"""Clients without a key: they speak for the account that the operator named, or for none."""

from __future__ import annotations

import pytest
from django.conf import LazySettings
from django.test import RequestFactory
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts import services
from accounts.authentication import OpenAuthentication
from accounts.models import SCOPES, Account
from accounts.services import AuthenticatedKey
from okmq_site import bootstrap


@pytest.fixture(autouse=True)
def _nothing_cached() -> None:
    services.forget_cached_keys()


def authenticate(**headers: str) -> AuthenticatedKey | None:
    found = OpenAuthentication().authenticate(Request(RequestFactory().get("/", headers=headers)))
    return None if found is None else found[1]


def test_without_the_setting_no_key_opens_nothing() -> None:
    assert authenticate() is None


def test_whoever_shows_no_key_speaks_for_the_named_account(account: Account, settings: LazySettings) -> None:
    settings.OKMQ_ANONYMOUS_ACCOUNT = account.email.upper()
    found = authenticate()
    assert found is not None
    assert (found.account_id, found.key_id, found.scopes) == (account.pk, services.NO_KEY, frozenset(SCOPES))


def test_a_key_goes_before_it(stranger: Account, api_key: str, settings: LazySettings) -> None:
    settings.OKMQ_ANONYMOUS_ACCOUNT = stranger.email
    found = authenticate(Authorization=f"Bearer {api_key}")
    assert found is not None
    assert found.account_id != stranger.pk


def test_a_wrong_key_is_not_no_key(account: Account, settings: LazySettings) -> None:
    settings.OKMQ_ANONYMOUS_ACCOUNT = account.email
    with pytest.raises(AuthenticationFailed):
        authenticate(Authorization="Bearer wrong")


def test_an_account_that_is_not_active_or_not_there_opens_nothing(
    account: Account, settings: LazySettings
) -> None:
    settings.OKMQ_ANONYMOUS_ACCOUNT = account.email
    Account.objects.filter(pk=account.pk).update(is_active=False)
    assert authenticate() is None
    settings.OKMQ_ANONYMOUS_ACCOUNT = "nobody@example.com"
    assert authenticate() is None


def test_the_server_makes_the_account(settings: LazySettings, account: Account) -> None:
    settings.OKMQ_ANONYMOUS_ACCOUNT = f"anonymous-{account.email}"
    assert authenticate() is None
    bootstrap._make_anonymous_account()
    bootstrap._make_anonymous_account()
    found = authenticate()
    assert found is not None
    assert found.account_id not in (None, account.pk)
