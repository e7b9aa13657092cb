"""Receiving from any queue whose name begins in a certain way."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any
from uuid import uuid4

import pytest

from accounts.models import Account
from queues import broker
from queues.broker import clock, identities, sql
from queues.broker.db import Connection
from queues.broker.errors import QueueNotFound
from queues.broker.neighbours import hear, look_again
from queues.broker.patterns import receive_matching
from queues.broker.wakes import HUB

from .at_once import at_once, eventually, in_background, parked
from .conftest import NewQueue
from .handle import Handle, ids
from .rows import age

LONG = 20.0
Named = Callable[[str], Handle]


@pytest.fixture
def prefix() -> str:
    return f"p{uuid4().hex[:8]}."


@pytest.fixture
def named(new_queue: NewQueue, prefix: str) -> Named:
    """Makes queues whose names begin with the prefix."""
    return lambda rest: new_queue(prefix + rest)


@pytest.fixture
def place(new_queue: NewQueue, prefix: str) -> Handle:
    """The queue that stands for the pattern."""
    return new_queue(f"{prefix}*")


def take(place: Handle, prefix: str, **options: Any) -> tuple[str, list[str]]:
    wanted = {"limit": 100, "hears": True, **options}
    name, messages = receive_matching(place.account_id, prefix, place.name, **wanted)
    return name.removeprefix(prefix), ids(messages)


def test_one_queue_is_served_at_a_time_and_the_next_one_has_its_turn(
    named: Named, place: Handle, prefix: str
) -> None:
    for name in ("c", "a", "b"):
        named(name).publish(f"{name}1", f"{name}2")
    assert take(place, prefix) == ("a", ["a1", "a2"])
    Handle(place.account_id, prefix + "a", 0).publish("a3")
    assert take(place, prefix, limit=1) == ("b", ["b1"])
    assert take(place, prefix) == ("c", ["c1", "c2"])
    assert take(place, prefix) == ("a", ["a3"])
    assert take(place, prefix) == ("b", ["b2"])
    assert take(place, prefix) == ("", [])


def test_only_what_begins_so_and_belongs_to_the_account(
    named: Named, place: Handle, prefix: str, new_queue: NewQueue, stranger: Account
) -> None:
    new_queue(prefix.rstrip(".")).publish("shorter")
    new_queue(prefix.replace(".", "-") + "a").publish("another sign")
    new_queue(prefix.upper() + "a").publish("another case")
    new_queue("x" + prefix).publish("in the middle")
    broker.create_queue(stranger.pk, prefix + "a", settings=place.info().settings)
    Handle(stranger.pk, prefix + "a", 0).publish("a stranger's")
    assert take(place, prefix) == ("", [])
    named("").publish("exactly")
    assert take(place, prefix) == ("", ["exactly"])


def test_the_empty_prefix_is_every_queue(place: Handle, q: Handle) -> None:
    q.publish("m")
    name, messages = receive_matching(q.account_id, "", place.name)
    assert (name, ids(messages)) == (q.name, ["m"])


def test_paused_queues_and_those_without_anything_ready_are_passed_over(
    named: Named, place: Handle, prefix: str
) -> None:
    paused, later, held, over = named("a"), named("b"), named("c"), named("d")
    paused.publish("p")
    paused.pause()
    later.publish("l", deliver_at=clock.now() + clock.micros(60))
    held.publish("h")
    held.take()
    over.publish("o", ttl_seconds=5)
    age(over, 6)
    assert take(place, prefix) == ("", [])
    age(later, 61)
    assert take(place, prefix) == ("b", ["l"])


def test_the_place_to_wait_at_must_exist_when_there_is_nothing(
    account: Account, named: Named, prefix: str
) -> None:
    queue = named("a")
    with pytest.raises(QueueNotFound):
        receive_matching(account.pk, prefix, f"{prefix}*")
    queue.publish("m")
    assert receive_matching(account.pk, prefix, f"{prefix}*")[0] == queue.name


def test_no_name_is_too_odd(place: Handle) -> None:
    for odd in ("\0", "\ud800", "%", "_", "'"):
        assert take(place, odd) == ("", [])


def test_a_new_message_goes_to_the_pattern_before_the_name_and_to_one_only(
    named: Named, place: Handle, prefix: str
) -> None:
    queue = named("a")
    exact = in_background(queue.take, 1, wait_seconds=LONG)
    parked(queue.id, 1)
    watching = [in_background(take, place, prefix, limit=1, wait_seconds=LONG) for _ in range(2)]
    parked(place.id, 2)
    queue.publish("1")
    eventually(lambda: sum(w.done() for w in watching) == 1)
    assert not exact.done()
    queue.publish("2", "3")  # both who still wait are called; which of them looks first is open
    got = [w.result(LONG) for w in watching]
    assert {name for name, _ in got} == {"a"}
    assert sorted([*(body for _, [body] in got), *exact.result(LONG)]) == ["1", "2", "3"]


def test_a_queue_that_is_made_meanwhile_wakes_who_waits(named: Named, place: Handle, prefix: str) -> None:
    waiting = in_background(take, place, prefix, wait_seconds=LONG)
    parked(place.id, 1)
    named("new").publish("m")
    assert waiting.result(LONG) == ("new", ["m"])


def test_others_wake_nobody(named: Named, place: Handle, prefix: str, q: Handle) -> None:
    waiting = in_background(take, place, prefix, wait_seconds=LONG)
    parked(place.id, 1)
    q.publish("other")
    assert q.take() == ["other"]
    assert HUB.waiting(place.id) == 1
    named("a").publish("m")
    assert waiting.result(LONG) == ("a", ["m"])


def test_what_falls_due_in_any_of_them_wakes_who_waits(named: Named, place: Handle, prefix: str) -> None:
    first, second = named("a"), named("b")
    first.publish("1", deliver_at=clock.now() + clock.micros(1.0))
    waiting = in_background(take, place, prefix, wait_seconds=LONG)
    assert waiting.result(LONG) == ("a", ["1"])
    waiting = in_background(take, place, prefix, wait_seconds=LONG)
    parked(place.id, 1)
    second.publish("2", deliver_at=clock.now() + clock.micros(0.3))
    assert waiting.result(LONG) == ("b", ["2"])
    second.nack("2", deliver_at=clock.now() + clock.micros(0.3))
    assert take(place, prefix, wait_seconds=LONG) == ("b", ["2"])


def test_a_message_published_between_look_and_parking_is_found(
    named: Named, place: Handle, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = named("a")
    park = HUB.park

    def publish_first(*arguments: Any, **options: Any) -> Any:
        monkeypatch.undo()
        queue.publish("m")
        return park(*arguments, **options)

    monkeypatch.setattr(HUB, "park", publish_first)
    assert take(place, prefix, wait_seconds=LONG) == ("a", ["m"])


@pytest.mark.parametrize("is_known", [True, False])
def test_what_another_process_made_ready_wakes_who_waits(
    named: Named, place: Handle, prefix: str, is_known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = named("a")
    queue.publish("m")
    (found,) = queue.receive()
    waiting = in_background(take, place, prefix, wait_seconds=LONG)
    parked(place.id, 1)
    with monkeypatch.context() as patch:
        # As if another process did it: this one's hub is told nothing.
        patch.setattr(HUB, "signal", lambda *a, **o: 1)
        queue.nack(found.public_id, deliver_at=clock.now())
    if not is_known:
        monkeypatch.setattr(identities, "_known", {})
    hear(f"somebody {queue.id}:1")
    assert waiting.result(LONG) == ("a", ["m"])


def test_the_slow_look_finds_what_nobody_told(
    named: Named, place: Handle, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = named("a")
    waiting = in_background(take, place, prefix, wait_seconds=LONG)
    parked(place.id, 1)
    with monkeypatch.context() as patch:
        patch.setattr(HUB, "signal", lambda *a, **o: 1)
        queue.publish("m")
    look_again()
    assert waiting.result(LONG) == ("a", ["m"])


def test_many_watchers_share_what_comes(named: Named, place: Handle, prefix: str) -> None:
    queues = [named(str(number)) for number in range(5)]
    waiting = [in_background(take, place, prefix, limit=2, wait_seconds=LONG) for _ in range(10)]
    parked(place.id, 10)
    at_once([lambda q=q, n=n: q.publish(f"{q.name}{n}") for q in queues for n in range(4)])  # type: ignore[misc]
    done = [w.result(LONG)[1] for w in waiting]
    taken = [public_id for found in done for public_id in found]
    while rest := take(place, prefix)[1]:
        taken += rest
    assert sorted(taken) == sorted(f"{q.name}{n}" for q in queues for n in range(4))
    assert all(done)


def test_one_look_is_one_statement_however_many_queues_match(
    named: Named, place: Handle, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        named(f"{number:02}")
    last = named("99")
    last.publish("m")
    asked: list[object] = []
    rows = Connection.rows

    def count(self: Connection, statement: object, **parameters: object) -> Any:
        asked.append(statement)
        return rows(self, statement, **parameters)  # type: ignore[arg-type]

    monkeypatch.setattr(Connection, "rows", count)
    assert take(place, prefix)[1] == ["m"]
    assert len([one for one in asked if one is sql.NEXT_MATCHING]) == 1


def test_a_client_that_hung_up_takes_nothing_and_gives_its_place_back(
    named: Named, place: Handle, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = import_module("queues.broker.receive")  # the package has a function of that name
    monkeypatch.setattr(module, "LOOK_FOR_CLIENT_SECONDS", 0.01)
    queue = named("a")
    is_gone = False
    waiting = in_background(take, place, prefix, wait_seconds=LONG, gone=lambda: is_gone)
    parked(place.id, 1)
    assert HUB.waiting(place.id) == 1
    is_gone = True
    assert HUB.waiting(place.id) == 0
    assert waiting.result(LONG) == ("", [])
    queue.publish("m")
    assert take(place, prefix) == ("a", ["m"])
