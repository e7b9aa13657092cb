"""The header forms a key may come in (ARCHITECTURE: every dialect accepts every form)."""

import pytest
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.authentication import ApiKeyAuthentication, key_in_header
from accounts.models import Account


def authenticate(**headers: str) -> int | None:
    found = ApiKeyAuthentication().authenticate(Request(RequestFactory().get("/", headers=headers)))
    return None if found is None else found[1].account_id


@pytest.mark.parametrize("header", ["Authorization", "X-API-Key"])
@pytest.mark.parametrize(
    "form", ["{}", "Bearer {}", "bearer {}", "BEARER  {}", "ApiKey {}", "apikey {}", " {} "]
)
def test_every_form_of_a_key_is_accepted(account: Account, api_key: str, header: str, form: str) -> None:
    assert authenticate(**{header: form.format(api_key)}) == account.pk


@pytest.mark.parametrize(
    "form",
    [
        "Basic {}",
        "Token {}",
        "Bearer",
        "Bearer {} {}",
        "Bearer a b c",
        "wrong",
        "x" * 4000,
        "\xff\xfe",
        "\x00",
        "{},",
    ],
)
def test_every_other_form_is_refused(api_key: str, form: str) -> None:
    with pytest.raises(AuthenticationFailed):
        authenticate(Authorization=form.format(api_key, api_key))


def test_no_key_is_not_a_wrong_key() -> None:
    assert authenticate() is None
    assert authenticate(Authorization="") is None


def test_authorization_decides_alone(api_key: str) -> None:
    with pytest.raises(AuthenticationFailed):
        authenticate(**{"Authorization": "Bearer wrong", "X-API-Key": api_key})


@given(st.text())
def test_no_header_value_is_too_odd(value: str) -> None:
    found = key_in_header(value)
    assert found is None or found in value.split()
