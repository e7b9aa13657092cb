"""Queues by the page, with their figures."""

from __future__ import annotations

from typing import Any

from accounts.models import Account
from queues import broker
from queues.broker import directory
from queues.broker.directory import Sort
from queues.broker.types import QueueSettings, QueueStats

from .conftest import NewQueue
from .handle import Handle
from .rows import age
from .test_bulk import fill


def names(account: Account, limit: int = 100, **asked: Any) -> list[str]:
    return [info.name for info, _ in directory.page(account.pk, limit=limit, **asked).queues]


def test_pages_and_totals(account: Account, new_queue: NewQueue) -> None:
    for name in ("b", "a", "c"):
        new_queue(name)
    assert names(account) == ["b", "a", "c"]
    assert names(account, sort=Sort.NAME) == ["a", "b", "c"]
    assert names(account, sort=Sort.NAME, descending=True) == ["c", "b", "a"]
    found = directory.page(account.pk, sort=Sort.NAME, limit=1, skip=1)
    assert ([info.name for info, _ in found.queues], found.total) == (["b"], 3)
    assert directory.page(account.pk, limit=1, skip=9).total == 3


def test_filters(account: Account, new_queue: NewQueue) -> None:
    new_queue("orders_eu").pause()
    new_queue("orders-us")
    new_queue("Orders%us")
    broker.create_queue(account.pk, "news", settings=new_queue("x").info().settings, kind="pubsub")
    assert names(account, name_part="rders") == ["orders_eu", "orders-us", "Orders%us"]
    assert names(account, name_part="orders") == ["orders_eu", "orders-us"]
    assert names(account, name_part="%") == ["Orders%us"]
    assert names(account, name_part="_") == ["orders_eu"]
    assert names(account, name_part="\0") == []
    assert names(account, kind="pubsub") == ["news"]
    assert names(account, paused=True) == ["orders_eu"]
    assert names(account, paused=False, kind="worker") == ["orders-us", "Orders%us", "x"]
    assert directory.page(account.pk, paused=True, limit=9).total == 1


def test_figures_are_those_of_each_queue(account: Account, new_queue: NewQueue) -> None:
    full, empty = new_queue(), new_queue()
    fill(full)
    full.publish("over", ttl_seconds=5)
    age(full, 6)
    found = {info.name: stats for info, stats in directory.page(account.pk, limit=9).queues}
    assert found == {full.name: full.stats(), empty.name: QueueStats()}
    assert full.stats().pending == 1


def test_order_by_figures_and_by_change(account: Account, new_queue: NewQueue) -> None:
    few, many, dead = new_queue("few"), new_queue("many"), new_queue("dead")
    few.publish("a")
    many.publish("a", "b")
    dead.publish("a")
    dead.kill("a")
    assert names(account, sort=Sort.MESSAGES) == ["dead", "few", "many"]
    assert names(account, sort=Sort.MESSAGES, descending=True) == ["many", "few", "dead"]
    assert names(account, sort=Sort.DEAD, descending=True)[0] == "dead"
    few.update(description="x")
    assert names(account, sort=Sort.UPDATED)[-1] == "few"


def test_others_queues_are_not_shown(account: Account, stranger: Account, new_queue: NewQueue) -> None:
    gone: Handle = new_queue("gone")
    new_queue("kept")
    gone.delete()
    assert names(account) == ["kept"]
    assert names(stranger) == []


def test_what_a_queue_is_about(account: Account) -> None:
    settings = QueueSettings()
    made = broker.create_queue(account.pk, "q", settings=settings, description="first", internal=True)
    assert (made.description, made.internal, made.updated_at) == ("first", True, made.created_at)
    changed = broker.update_queue(account.pk, "q", description="second")
    assert (changed.description, changed.settings, changed.updated_at > made.updated_at) == (
        "second",
        settings,
        True,
    )
    assert broker.get_queue(account.pk, "q") == changed
