"""What the console's first pages ask of the engine."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from accounts.models import Account
from queues import broker
from queues.broker import overview
from queues.broker.errors import QueueNotFound

from .conftest import NewQueue
from .handle import Handle


def test_the_overview_has_every_queue_and_whose_it_is(q: Handle, account: Account) -> None:
    q.publish("m")
    taken = overview.take()
    (figures,) = [queue for queue in taken.queues if queue.id == q.id]
    assert (figures.pending, figures.paused) == (1, False)
    assert taken.accounts[account.pk] == account.email
    assert taken.count >= 1


def test_one_queue_is_found_by_its_number(q: Handle, account: Account) -> None:
    entry = overview.find_queue(q.id)
    assert (entry.name, entry.account, entry.paused_at) == (q.name, account.email, None)
    broker.pause_queue(q.account_id, q.name)
    assert overview.find_queue(q.id).paused_at is not None
    assert overview.figures(q.id).paused
    q.delete()
    with pytest.raises(QueueNotFound):
        overview.find_queue(q.id)
    with pytest.raises(QueueNotFound):
        overview.figures(q.id)


def test_queues_are_listed_by_name_or_account(new_queue: NewQueue, account: Account) -> None:
    made = [new_queue(f"Found_{number}") for number in range(3)]
    new_queue("other")
    found = overview.list_queues(text="found_", limit=1000)
    assert {entry.id for entry in found} >= {q.id for q in made}
    assert all("found_" in entry.name.lower() for entry in found)
    assert len(overview.list_queues(text=account.email)) == 4
    assert [entry.id for entry in overview.list_queues(text=account.email, after=made[0].id, limit=2)] == [
        made[1].id,
        made[2].id,
    ]
    assert overview.list_queues(text="\0") == []


def test_what_took_long_is_kept_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(overview, "time", SimpleNamespace(monotonic=lambda: now[0]))
    reads = []

    def read(seconds: float) -> int:
        now[0] += seconds
        reads.append(seconds)
        return len(reads)

    kept = overview.Kept()
    assert [kept.get("quick", lambda: read(0.05)) for _ in range(2)] == [1, 2]
    assert [kept.get("slow", lambda: read(0.5)) for _ in range(2)] == [3, 3]
    now[0] += 4.9
    assert kept.get("slow", lambda: read(0.5)) == 3
    now[0] += 0.2
    assert kept.get("slow", lambda: read(0.5)) == 4
