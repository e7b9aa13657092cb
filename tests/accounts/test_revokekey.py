"""``manage.py revokekey KEY``."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Account, ApiKey
from accounts.services import authenticate, create_key


def revokekey(key: str) -> str:
    out = StringIO()
    call_command("revokekey", key, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize("form", ["{text}", "{public}", "okmq_{public}_…"])
def test_a_key_is_revoked_by_any_of_its_names(account: Account, form: str) -> None:
    text, other = create_key(account), create_key(account)
    assert authenticate(text) is not None
    public = text.split("_")[1]
    assert account.email in revokekey(form.format(text=text, public=public))
    assert authenticate(text) is None
    assert authenticate(other) is not None


def test_the_first_time_counts(account: Account) -> None:
    public = create_key(account).split("_")[1]
    revokekey(public)
    first = ApiKey.objects.get(public=public).revoked_at
    revokekey(public)
    assert ApiKey.objects.get(public=public).revoked_at == first


@pytest.mark.parametrize("key", ["", "okmq_", "nonsense", "okmq_000000000000_x"])
def test_what_is_no_key_is_told(account: Account, key: str) -> None:
    with pytest.raises(CommandError, match="no such key"):
        revokekey(key)
