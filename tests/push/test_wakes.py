"""How a pusher hears that there is something to send."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from queues.broker import clock, neighbours
from queues.broker.wakes import HUB, of_account, of_push
from queues.push import destinations
from tests.broker.handle import Handle

from .conftest import NewDestination


@pytest.fixture
def heard() -> Iterator[list[int | None]]:
    """What a pusher of this process is told."""
    calls: list[int | None] = []
    HUB.hear_pushes(calls.append)
    yield calls
    HUB.forget_pushes(calls.append)


def told_of(queue: Handle, heard: list[int | None]) -> bool:
    found = queue.id in heard
    heard.clear()
    return found


def test_it_is_told_of_queues_with_destinations_alone(
    q: Handle, new_destination: NewDestination, heard: list[int | None]
) -> None:
    q.publish("m0")
    assert not told_of(q, heard)
    made = new_destination(q)
    q.publish("m1")
    assert told_of(q, heard)
    q.publish("later", deliver_at=clock.now() + clock.SECOND)
    assert told_of(q, heard)
    q.pause()
    q.resume()
    assert told_of(q, heard)
    destinations.update(q.account_id, q.name, made.public_id, name="new")
    assert told_of(q, heard)
    destinations.resend(q.account_id, q.name, made.public_id, message_id="m1")
    assert told_of(q, heard)


def test_it_is_told_of_what_other_processes_made_ready(q: Handle, heard: list[int | None]) -> None:
    neighbours.hear(f"elsewhere {of_push(q.id)}:3")
    assert heard == [q.id]
    neighbours.hear("elsewhere 0:-1")
    assert heard == [q.id, None]


def test_other_channels_are_none_of_its_concern(q: Handle, heard: list[int | None]) -> None:
    for channel in (q.id, -q.id, of_account(q.account_id)):
        HUB.signal(channel)
    assert heard == []


def test_what_forgot_is_told_nothing(q: Handle) -> None:
    calls: list[int | None] = []
    HUB.hear_pushes(calls.append)
    HUB.forget_pushes(calls.append)
    HUB.signal(of_push(q.id))
    assert calls == []
