"""The operator's pages for accounts and keys."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from accounts.models import SCOPES, Account, ApiKey
from accounts.services import authenticate
from queues import broker
from queues.broker.types import NewMessage, QueueSettings


@pytest.fixture
def operator(django_db_setup: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser(uuid4().hex, password="x"))
    return client


def page(client: Client, path: str) -> str:
    answer = client.get(f"/admin/accounts/{path}")
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_new_key_is_shown_once(operator: Client, account: Account) -> None:
    form = {"account": account.pk, "name": "ci", "scopes": list(SCOPES)}
    answer = operator.post("/admin/accounts/apikey/add/", form, follow=True)
    shown = re.search(r"okmq_\w{12}_\w{38}", answer.content.decode())
    assert shown is not None
    found = authenticate(shown[0])
    assert found is not None and found.account_id == account.pk
    assert shown[0] not in page(operator, "apikey/")


def test_no_page_shows_a_hash(operator: Client, account: Account, api_key: str) -> None:
    key = ApiKey.objects.get(account=account)
    texts = page(operator, f"apikey/{key.pk}/change/") + page(operator, f"apikey/?account__id={account.pk}")
    assert key.public in texts
    assert key.secret_hash not in texts


def test_a_key_can_be_revoked(operator: Client, account: Account, api_key: str) -> None:
    assert authenticate(api_key) is not None
    key = ApiKey.objects.get(account=account)
    form: dict[str, Any] = {"action": "revoke", "_selected_action": [key.pk]}
    asked = operator.post("/admin/accounts/apikey/", form).content.decode()
    assert "1 key will be revoked for good" in asked and account.email in asked and "never" in asked
    assert authenticate(api_key) is not None
    operator.post("/admin/accounts/apikey/", form | {"confirmed": "yes"})
    assert authenticate(api_key) is None


def test_scopes_can_be_narrowed(operator: Client, account: Account, api_key: str) -> None:
    key = ApiKey.objects.get(account=account)
    operator.post(f"/admin/accounts/apikey/{key.pk}/change/", {"name": "", "scopes": ["read"]})
    key.refresh_from_db()
    assert key.scopes == ["read"]


def test_the_key_pages_show_scopes_state_and_last_use(
    operator: Client, account: Account, api_key: str
) -> None:
    key = ApiKey.objects.get(account=account)
    list_of_keys = f"apikey/?account__id={account.pk}"
    assert "valid" in page(operator, list_of_keys) and ">all<" in page(operator, list_of_keys)
    key.scopes, key.last_used_at = ["read", "publish"], datetime(2026, 5, 4, 3, 2, tzinfo=UTC)
    key.expires_at = timezone.now() - timedelta(days=1)
    key.save()
    for path in (list_of_keys, f"account/{account.pk}/change/"):
        text = page(operator, path)
        assert f"okmq_{key.public}_" in text and "read, publish" in text and "expired" in text
        assert "2026-05-04 03:02:00 UTC" in text
    ApiKey.objects.filter(pk=key.pk).update(revoked_at=timezone.now())
    assert "revoked" in page(operator, list_of_keys)


def test_usage_stands_beside_the_quota(operator: Client, account: Account) -> None:
    Account.objects.filter(pk=account.pk).update(max_messages=8, max_mb=1, max_channels=4)
    broker.create_queue(account.pk, "q", settings=QueueSettings())
    broker.publish(account.pk, "q", [NewMessage(body=f'"{"x" * 262_142}"', size=262_144, public_id="m")])
    for path in (f"account/?q={account.email}", f"account/{account.pk}/change/"):
        text = page(operator, path).replace("\xa0", " ")
        for shown in ("1 of 8 (12%)", "256.0 KiB of 1.0 MiB (25%)", "1 of 4 (25%)"):
            assert shown in text
    broker.delete_queue(account.pk, "q")
    assert "0 of 8 (0%)" in page(operator, f"account/{account.pk}/change/")
    assert "256.0" in page(operator, f"account/{account.pk}/change/")
    assert "max_messages" in page(operator, "account/add/")


def test_account_pages_work(operator: Client, account: Account) -> None:
    assert account.email in page(operator, f"account/?q={account.email}")
    assert str(account.public_id) in page(operator, f"account/{account.pk}/change/")
