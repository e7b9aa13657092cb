"""Recognising keys: who is let in, for how long an answer is believed, what is written down."""

import threading
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.core.exceptions import ValidationError
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import services
from accounts.keys import KeyParts, generate, hash_secret
from accounts.models import SCOPES, Account, ApiKey
from accounts.services import authenticate, create_account, create_key, flush_last_used


class Clock:
    """Stands in for ``time.monotonic``."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(services, "monotonic", clock)
    monkeypatch.setattr(services, "_last_used", services._LastUsed())
    services.forget_cached_keys()
    return clock


@pytest.fixture
def key_row(api_key: str) -> ApiKey:
    return ApiKey.objects.get(public=api_key.split("_")[1])


def queries(text: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        authenticate(text)
    return len(captured)


def test_a_key_opens_its_account(account: Account, api_key: str) -> None:
    found = authenticate(api_key)
    assert found is not None
    assert (found.account_id, found.scopes) == (account.pk, frozenset(SCOPES))


def test_strangers_keys_open_nothing(api_key: str) -> None:
    public = api_key.split("_")[1]
    forged = KeyParts(public, generate().secret)
    assert [authenticate(text) for text in (generate().text, forged.text, "", "okmq_", "\udcff")] == [
        None
    ] * 5


def test_the_row_does_not_hold_the_key(api_key: str, key_row: ApiKey) -> None:
    secret = api_key.split("_")[2]
    assert secret[:32] not in str(vars(key_row))


@pytest.mark.parametrize(
    "change",
    [
        {"revoked_at": timezone.now()},
        {"expires_at": timezone.now() - timedelta(seconds=1)},
    ],
)
def test_a_revoked_or_expired_key_is_refused(api_key: str, change: dict[str, object]) -> None:
    ApiKey.objects.filter(public=api_key.split("_")[1]).update(**change)
    assert authenticate(api_key) is None


def test_keys_of_an_inactive_account_are_refused(account: Account, api_key: str) -> None:
    Account.objects.filter(pk=account.pk).update(is_active=False)
    assert authenticate(api_key) is None


def test_a_known_key_costs_no_query(api_key: str) -> None:
    assert queries(api_key) == 1
    assert [queries(api_key) for _ in range(3)] == [0, 0, 0]


def test_a_mistyped_key_costs_no_query(api_key: str) -> None:
    assert queries(api_key[:-1] + ("0" if api_key[-1] != "0" else "1")) == 0


def test_unknown_keys_are_not_remembered() -> None:
    text = generate().text
    assert [queries(text), queries(text)] == [1, 1]


def test_a_revoked_key_works_for_five_seconds_at_most(api_key: str, key_row: ApiKey, clock: Clock) -> None:
    authenticate(api_key)
    ApiKey.objects.filter(pk=key_row.pk).update(revoked_at=timezone.now())
    assert authenticate(api_key) is not None
    clock.now += services.CACHE_SECONDS
    assert authenticate(api_key) is None


def test_a_key_is_refused_the_moment_it_expires(api_key: str, key_row: ApiKey, clock: Clock) -> None:
    ApiKey.objects.filter(pk=key_row.pk).update(expires_at=timezone.now() + timedelta(seconds=2))
    assert authenticate(api_key) is not None
    clock.now += 2.1
    ApiKey.objects.filter(pk=key_row.pk).update(expires_at=timezone.now())
    assert authenticate(api_key) is None


def test_one_caller_renews_an_ageing_entry_for_all(
    api_key: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    authenticate(api_key)
    clock.now += services.REFRESH_SECONDS
    asked, answer = threading.Event(), threading.Event()
    look_up = services._look_up

    def slow_look_up(text: str) -> services.AuthenticatedKey | None:
        asked.set()
        assert answer.wait(10)
        try:
            return look_up(text)
        finally:
            connection.close()

    monkeypatch.setattr(services._cache, "_look_up", slow_look_up)
    renewal = threading.Thread(target=authenticate, args=(api_key,))
    renewal.start()
    assert asked.wait(10)
    assert queries(api_key) == 0  # not held up by the one who asks
    answer.set()
    renewal.join(10)
    clock.now += services.REFRESH_SECONDS - 0.1
    assert queries(api_key) == 0


def test_a_database_that_is_away_is_no_wrong_key(api_key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(text: str) -> None:
        raise OperationalError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(services._cache, "_look_up", away)
        with pytest.raises(OperationalError):
            authenticate(api_key)
    assert authenticate(api_key) is not None


def test_the_cache_is_bounded(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "CACHE_ENTRIES", 3)
    texts = [create_key(account) for _ in range(8)]
    assert all(authenticate(text) for text in texts)
    assert len(services._cache._entries) <= 3


def test_last_use_is_written_by_housekeeping_not_by_requests(api_key: str, key_row: ApiKey) -> None:
    authenticate(api_key)
    assert not ApiKey.objects.filter(pk=key_row.pk, last_used_at__isnull=False).exists()
    assert flush_last_used() == 1
    assert ApiKey.objects.filter(pk=key_row.pk, last_used_at__isnull=False).exists()
    assert flush_last_used() == 0


def test_last_use_is_written_once_a_minute_at_most(api_key: str, clock: Clock) -> None:
    authenticate(api_key)
    flush_last_used()
    clock.now += 30
    authenticate(api_key)
    assert flush_last_used() == 0
    clock.now += 30
    assert flush_last_used() == 1


def test_last_use_never_goes_back(api_key: str, key_row: ApiKey) -> None:
    authenticate(api_key)
    later = timezone.now() + timedelta(minutes=5)
    ApiKey.objects.filter(pk=key_row.pk).update(last_used_at=later)
    flush_last_used()
    key_row.refresh_from_db()
    assert key_row.last_used_at == later


def test_a_hash_under_an_older_site_key_is_renewed(
    api_key: str, key_row: ApiKey, settings: LazySettings
) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", [settings.SECRET_KEY]
    assert authenticate(api_key) is not None
    flush_last_used()
    key_row.refresh_from_db()
    assert key_row.secret_hash == hash_secret(api_key.split("_")[2][:32])


def test_an_email_has_one_account_however_it_is_written(account: Account) -> None:
    assert services.get_or_create_account(f" {account.email.upper()} ") == account
    with pytest.raises(ValidationError):
        create_account(account.email.upper())
