"""``seed_demo``: queues in every condition, with a week behind them."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Account
from queues import broker
from queues.broker import clock, letters, series
from queues.management.commands.seed_demo import HABITS
from queues.models import QueueCounter
from tests.broker.handle import Handle
from tests.broker.rows import assert_consistent

DAY = 86_400


@pytest.fixture(scope="module")
def demo(django_db_setup: None) -> Account:
    email = f"{uuid4().hex}@example.com"
    call_command("seed_demo", email=email, verbosity=0)
    return Account.objects.get(email=email)


@pytest.mark.parametrize("queue", sorted(HABITS))
def test_a_demo_queue_has_lived_for_a_week_and_ends_as_it_is(demo: Account, queue: str) -> None:
    until = clock.now()
    week = series.of_queue(demo.pk, queue, until - clock.micros(7 * DAY), until, DAY)
    assert all(point.published > 0 and point.acked > 0 for point in week[1:])
    now = broker.stats(demo.pk, queue)
    assert (week[-1].pending, week[-1].scheduled, week[-1].dead) == (now.pending, now.scheduled, now.failed)
    hours = series.of_queue(demo.pk, queue, until - clock.micros(DAY), until, 3_600)
    assert len({point.published for point in hours}) > 1
    assert_consistent(Handle(demo.pk, queue, broker.get_queue(demo.pk, queue).id))


def test_the_accounts_past_is_that_of_its_queues(demo: Account) -> None:
    until = clock.now()
    whole = series.of_account(demo.pk, until - clock.micros(DAY), until, DAY)[-1]
    parts = [series.of_queue(demo.pk, queue, until - clock.micros(DAY), until, DAY)[-1] for queue in HABITS]
    assert whole.published == sum(part.published for part in parts)
    assert whole.dead == sum(part.dead for part in parts)


def test_what_passed_through_is_in_the_totals(demo: Account) -> None:
    queue = broker.get_queue(demo.pk, "orders")
    assert sum(row.published_total for row in QueueCounter.objects.filter(queue_id=queue.id)) > 100_000


def test_letters_died_at_several_times(demo: Account) -> None:
    found = letters.groups(demo.pk).groups
    assert max(group.newest_at - group.oldest_at for group in found) > clock.micros(3_600)


def test_nothing_is_made_twice(demo: Account) -> None:
    with pytest.raises(CommandError, match="has queues already"):
        call_command("seed_demo", email=demo.email, verbosity=0)
