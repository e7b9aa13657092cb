"""Settings as messages keep them: immutable rows, shared by equals, cached."""

from __future__ import annotations

import pytest

from queues.broker import settings_versions
from queues.broker.lanes import Transaction, in_transaction
from queues.broker.types import ExpiryAction, QueueSettings, RetryStrategy
from queues.models import Queue, SettingsVersion

from .conftest import NewQueue

ODD = QueueSettings(
    lease_seconds=0.125, retry=RetryStrategy("list", delays=(1, 2)), on_expiry=ExpiryAction.DEAD_LETTER
)


def store(settings: QueueSettings) -> int:
    version: int = in_transaction(lambda tx: settings_versions.store(tx.db, settings, tx.now))
    return version


def load(*versions: int) -> dict[int, QueueSettings]:
    found: dict[int, QueueSettings] = in_transaction(lambda tx: settings_versions.load(tx.db, versions))
    return {version: found[version] for version in versions}


@pytest.fixture
def _empty_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings_versions, "_cache", {})


@pytest.mark.usefixtures("_empty_cache")
def test_settings_come_back_as_they_went() -> None:
    version = store(ODD)
    assert load(version) == {version: ODD}
    assert settings_versions.read(SettingsVersion.objects.get(pk=version)) == ODD


def test_equal_settings_share_a_row() -> None:
    assert store(ODD) == store(ODD.but(lease_seconds=0.125)) != store(ODD.but(lease_seconds=0.25))


def test_queues_with_equal_settings_share_a_version(new_queue: NewQueue) -> None:
    one, two, other = new_queue(), new_queue(), new_queue(max_attempts=77)
    versions = [Queue.objects.get(pk=queue.id).settings_id for queue in (one, two, other)]
    assert versions[0] == versions[1] != versions[2]


@pytest.mark.usefixtures("_empty_cache")
def test_the_cache_may_overflow_while_its_entries_are_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = [store(ODD.but(max_attempts=n)) for n in range(4)]
    monkeypatch.setattr(settings_versions, "_MAX_CACHED", 1)

    def use(tx: Transaction) -> None:
        in_use = settings_versions.load(tx.db, versions[:3])
        settings_versions.load(tx.db, versions[3:])
        assert [in_use[version].max_attempts for version in versions[:3]] == [0, 1, 2]

    in_transaction(use)


@pytest.mark.usefixtures("_empty_cache")
def test_settings_of_a_failed_update_are_not_cached(
    new_queue: NewQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite hands out the id of a version that was rolled back again, for other settings."""
    queue = new_queue()

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr("queues.broker.queues._info", fail)
        with pytest.raises(ZeroDivisionError):
            queue.update(lambda old: old.but(max_attempts=61))
    queue.update(lambda old: old.but(max_attempts=62))
    queue.publish("m")
    assert queue.get("m").settings.max_attempts == 62
    assert queue.info().settings.max_attempts == 62
