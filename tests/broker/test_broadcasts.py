"""Messages for whoever waits at this moment."""

from __future__ import annotations

import json
from typing import Any

import pytest

from queues import broker
from queues.broker import broadcasts, passing
from queues.broker.errors import QueueNotFound
from queues.broker.lanes import in_transaction
from queues.broker.passing import Passed
from queues.broker.patterns import receive_matching
from queues.broker.seen_keys import Once
from queues.broker.types import NewMessage, Received
from queues.broker.wakes import Hub
from queues.models import Broadcast

from .at_once import in_background, parked
from .conftest import NewQueue
from .handle import Handle, message
from .rows import assert_consistent

LONG = 20.0


def send(queue: Handle, body: str = '"b"', **options: Any) -> bool:
    new = NewMessage(body, len(body), random_id=True, headers='{"h":"1"}')
    return broker.broadcast(queue.account_id, queue.name, new, **options)


def hear(queue: Handle) -> Any:
    return in_background(queue.receive, 1, wait_seconds=LONG, hears=True)


@pytest.fixture
def several(settings: Any) -> None:
    """As where several processes serve the database."""
    settings.OKMQ_PROCESSES = 2


def test_everybody_who_waits_gets_it_and_nobody_else(q: Handle, new_queue: NewQueue) -> None:
    place = new_queue(f"{q.name[:8]}*")
    waiting = [hear(q), hear(q)]
    watching = in_background(
        receive_matching, q.account_id, q.name[:8], place.name, wait_seconds=LONG, hears=True
    )
    parked(q.id, 2)
    parked(place.id, 1)
    assert send(q)
    name, watched = watching.result(LONG)
    given = [waiter.result(LONG) for waiter in waiting] + [watched]
    assert name == q.name
    assert len({messages[0].public_id for messages in given}) == 1
    (one,) = given[0]
    assert (one.body, one.headers, one.receipt) == ('"b"', '{"h":"1"}', None)
    assert q.receive() == []
    assert_consistent(q)


def test_nobody_waits_and_it_is_gone(q: Handle) -> None:
    assert send(q)
    assert q.receive(wait_seconds=0.05, hears=True) == []
    assert q.stats().total == 0


def test_who_takes_no_broadcasts_waits_on(q: Handle) -> None:
    waiting = in_background(q.receive, 1, wait_seconds=LONG)
    parked(q.id, 1)
    send(q)
    q.publish("m")
    assert [m.public_id for m in waiting.result(LONG)] == ["m"]


def test_a_queue_that_is_missing_is_told(q: Handle) -> None:
    with pytest.raises(QueueNotFound):
        broker.broadcast(q.account_id, "missing", message())


def test_a_key_counts_for_broadcasts_and_messages_alike(q: Handle) -> None:
    once = Once("k", 300)
    assert send(q, once=once)
    assert not send(q, once=once)
    assert broker.publish(q.account_id, q.name, [message()], once=once)[0].duplicate


def test_other_processes_hear_of_it_once(q: Handle, several: None, monkeypatch: pytest.MonkeyPatch) -> None:
    body = json.dumps("x" * 20_000)  # longer than a notification may be
    waiting = hear(q)
    parked(q.id, 1)
    with monkeypatch.context() as patch:
        # As if another process did it: this one's hub is told nothing.
        patch.setattr(passing, "origin", lambda: "another process")
        patch.setattr(broadcasts, "HUB", Hub())
        send(q, body)
    passing.hear_others()
    (heard,) = waiting.result(LONG)
    assert heard.body == body
    waiting = hear(q)
    parked(q.id, 1)
    passing.hear_others()
    q.publish("m")
    assert [m.public_id for m in waiting.result(LONG)] == ["m"]


def test_a_process_does_not_hear_itself(q: Handle, several: None) -> None:
    send(q)
    waiting = hear(q)
    parked(q.id, 1)
    passing.hear_others()
    q.publish("m")
    assert [m.public_id for m in waiting.result(LONG)] == ["m"]


def test_it_is_kept_for_a_minute_at_the_most(q: Handle, several: None) -> None:
    send(q)
    mine = Broadcast.objects.filter(queue_id=q.id)
    in_transaction(lambda tx: passing.purge(tx, 1000))
    assert mine.count() == 1
    mine.update(at=1)
    in_transaction(lambda tx: passing.purge(tx, 1000))
    assert mine.count() == 0


def test_what_is_passed_on_says_all_that_a_receiver_is_told(q: Handle) -> None:
    given = broadcasts._received(q.id, NewMessage("é", 2, tag="t", metadata="{}", headers="{}"), 7)
    assert passing._decoder.decode(passing._encoder.encode(Passed(given, False))).message == given
    assert isinstance(given, Received)
