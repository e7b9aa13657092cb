"""``manage.py createkey EMAIL``."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import SCOPES, Account, ApiKey
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


def made(account: Account) -> ApiKey:
    return ApiKey.objects.get(account=account)


def test_a_key_opens_everything_for_ever_unless_told_otherwise(account: Account) -> None:
    createkey(account.email)
    assert (made(account).scopes, made(account).expires_at) == (list(SCOPES), None)


def test_scopes_and_days_are_kept(account: Account) -> None:
    before = timezone.now()
    createkey(
        account.email, "--scope", "consume", "--scope", "publish", "--scope", "consume", "--days", "0.5"
    )
    key = made(account)
    assert key.scopes == ["consume", "publish"]
    assert key.expires_at is not None
    assert timedelta(0) <= key.expires_at - before - timedelta(days=0.5) < timedelta(minutes=1)


@pytest.mark.parametrize(
    "options", [["--scope", "all"], ["--days", "0"], ["--days", "-1"], ["--days", "nan"]]
)
def test_other_scopes_and_days_are_refused(account: Account, options: list[str]) -> None:
    with pytest.raises(CommandError):
        createkey(account.email, *options)
    assert not ApiKey.objects.filter(account=account).exists()
