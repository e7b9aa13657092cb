"""A queue's settings are changed in the console, by admins, as the engine allows."""

from __future__ import annotations

import html

import pytest

from queues import broker
from queues.admin import queue_settings
from queues.broker import audit_log
from queues.broker.types import ExpiryAction, QueueSettings, RetryStrategy, WhenFull
from tests.broker.handle import Handle

from .people import Person


def form(q: Handle) -> dict[str, str]:
    """What a browser would send, if nothing was changed."""
    held = queue_settings.filled_in(settings_of(q))
    return {
        name: "on" if value is True else str(value)
        for name, value in held.items()
        if value is not None and value is not False
    }


def save(person: Person, q: Handle, status: int = 200, **changes: str) -> str:
    return person.press(f"queues/{q.id}/settings/change/", status, **form(q) | changes)


def settings_of(q: Handle) -> QueueSettings:
    return broker.get_queue(q.account_id, q.name).settings


def test_a_form_sent_as_it_came_changes_nothing(admin: Person, q: Handle) -> None:
    before = settings_of(q)
    assert "For messages published from now on: 2 attempts" in save(admin, q)
    assert settings_of(q) == before
    assert audit_log.entries(q.account_id, action="queue.change") == []


def test_every_setting_is_changed_and_that_is_on_record(admin: Person, q: Handle, other: Handle) -> None:
    save(
        admin, q, lease_seconds="45", max_attempts="7", attempt_seconds="600", auto_ack="", delay_lost="on",
        retry_type="list", retry_delays="1, 5,30", retry_base_delay="2.5", retry_max_delay="",
        retry_multiplier="3",
        ttl_seconds="3600", on_expiry="dead_letter", ttl_from_delivery="on", preserve_pending="on",
        preserve_leased="on", preserve_failed="on", auto_delete="on", retention_seconds="60",
        dead_letter_queue=other.name, dead_retention_seconds="120", max_in_flight="4", max_backlog="1000",
        when_full="drop_oldest",
    )  # fmt: skip
    assert settings_of(q) == QueueSettings(
        lease_seconds=45, max_attempts=7, attempt_seconds=600, delay_lost=True, auto_delete=True,
        retry=RetryStrategy("list", base_delay=2.5, max_delay=None, multiplier=3, delays=(1, 5, 30)),
        ttl_seconds=3600, on_expiry=ExpiryAction.DEAD_LETTER, ttl_from_delivery=True, preserve_pending=True,
        preserve_leased=True, preserve_failed=True, retention_seconds=60, dead_letter_queue=other.name,
        dead_retention_seconds=120, max_in_flight=4, max_backlog=1000,
        when_full=WhenFull.DROP_OLDEST,
    )  # fmt: skip
    (entry,) = audit_log.entries(q.account_id, action="queue.change")
    assert entry.actor == f"user {admin.user.username}"
    assert entry.detail["max_attempts"] == "2 to 7"


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("lease_seconds", "0", "It must be from 1 to 86,400."),
        ("lease_seconds", "", "This field is required."),
        ("lease_seconds", "soon", "Enter a number."),
        ("max_attempts", "-1", "It must be from 0 to 2,147,483,647."),
        ("ttl_seconds", "-5", "It must be from 0.001 to 3,153,600,000."),
        ("ttl_seconds", "nan", "Enter a number."),
        ("retry_multiplier", "0.5", "It must be at least 1."),
        ("retry_delays", "1, soon", "numbers of seconds with commas"),
        ("retry_delays", "-1", "It must be from 0 to 3,153,600,000 each."),
        ("retry_type", "never", "Select a valid choice"),
        ("dead_letter_queue", "nobody", "It must be a queue of this account."),
        ("max_backlog", "0", "It must be from 1"),
    ],
)
def test_what_will_not_do_is_told_at_its_field(
    admin: Person, q: Handle, field: str, value: str, told: str
) -> None:
    before = settings_of(q)
    answer = admin.client.post(
        f"/admin/queues/{q.id}/settings/change/", form(q) | {field: value, "max_in_flight": "9"}
    )
    page = answer.content.decode()
    assert answer.status_code == 400
    shown = page[page.index(f'name="{field}"') :].partition("console-field")[0]
    assert told in html.unescape(shown)
    assert 'name="max_in_flight" value="9"' in page  # what else was filled in stays
    assert settings_of(q) == before


def test_a_queue_is_not_its_own_dead_letter_queue(admin: Person, q: Handle) -> None:
    assert "It must be another queue" in save(admin, q, 400, dead_letter_queue=q.name)


def test_a_list_of_pauses_is_needed_where_it_is_chosen(admin: Person, q: Handle) -> None:
    assert "must be 1 to 100 delays" in save(admin, q, 400, retry_type="list", retry_delays="")


def test_what_somebody_else_changed_meanwhile_is_looked_at_again(admin: Person, q: Handle) -> None:
    held = form(q)
    save(admin, q, max_attempts="9")
    text = admin.press(f"queues/{q.id}/settings/change/", 200, **held | {"lease_seconds": "45"})
    assert "look again" in text
    assert (settings_of(q).max_attempts, settings_of(q).lease_seconds) == (9, 600)


def test_only_admins_are_offered_to_change_settings(operator: Person, admin: Person, q: Handle) -> None:
    assert f"queues/{q.id}/settings/" not in operator.get(f"queues/{q.id}/")
    assert f"queues/{q.id}/settings/" in admin.get(f"queues/{q.id}/")
