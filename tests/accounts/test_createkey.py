"""``manage.py createkey EMAIL``."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Account, ApiKey
from accounts.services import authenticate


def createkey(*args: str) -> str:
    out = StringIO()
    call_command("createkey", *args, stdout=out)
    return out.getvalue()


def test_it_prints_the_key_and_nothing_else(account: Account) -> None:
    printed = createkey(account.email)
    found = authenticate(printed.removesuffix("\n"))
    assert found is not None and found.account_id == account.pk


def test_it_makes_the_account_if_needed(account: Account) -> None:
    email = f"new-{account.email}"
    first, second = createkey(email), createkey(email, "--name", "second")
    assert first != second
    assert Account.objects.filter(email=email).count() == 1
    assert list(ApiKey.objects.filter(account__email=email).values_list("name", flat=True)) == ["", "second"]


def test_it_refuses_what_is_no_address(account: Account) -> None:
    with pytest.raises(CommandError, match="valid email"):
        createkey("nonsense")
