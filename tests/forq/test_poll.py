"""Consumes that wait (forq.md section 4.2)."""

from __future__ import annotations

from typing import Any

import pytest

from okmq_site.env import TABLE
from queues import broker
from queues.broker.wakes import of_account
from tests.broker.at_once import at_once, in_background, parked

from .client import Queue, now_ms
from .conftest import Waiting

LONG = 25
"""Seconds that no test waits to the end."""


def queue_id(queue: Queue) -> int:
    return broker.get_queue(queue.client.account.pk, queue.name).id


@pytest.mark.contract("41")
def test_an_empty_queue_is_waited_for_half_a_minute(
    q: Queue, waiting: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting(next(setting.default for setting in TABLE if setting.name == "OKMQ_FORQ_POLL_SECONDS"))
    asked: list[dict[str, Any]] = []

    def receive(*names: object, **options: Any) -> list[Any]:
        asked.append(options)
        return []

    monkeypatch.setattr(broker, "receive", receive)
    q.consume().expect(204)
    assert asked[0]["wait_seconds"] == 30
    monkeypatch.undo()
    waiting(0.2)
    q.consume().expect(204)  # no queue of that name
    q.produce("x").expect(204)
    q.take()
    q.consume().expect(204)  # and one without messages


@pytest.mark.contract("25")
def test_a_delayed_message_ends_a_poll_when_it_is_due(q: Queue, waiting: Waiting) -> None:
    q.produce("x", processAfter=now_ms() + 3000).expect(204)
    q.consume().expect(204)
    q.age(2.6)
    waiting(LONG)
    poll = in_background(q.consume)
    message = poll.result(LONG).expect(200).json()
    assert now_ms() * 1000 >= q.view(message["id"]).deliver_at


@pytest.mark.contract("42")
@pytest.mark.parametrize("made", [False, True])
def test_a_message_ends_a_poll_at_once(q: Queue, waiting: Waiting, made: bool) -> None:
    waiting(LONG)
    if made:
        q.produce("before").expect(204)
        q.ack(q.take()).expect(204)
    poll = in_background(q.consume)
    parked(queue_id(q) if made else of_account(q.client.account.pk), 1)
    q.produce("x").expect(204)
    assert poll.result(LONG).expect(200).json()["content"] == "x"


@pytest.mark.contract("43")
def test_one_message_ends_one_poll(q: Queue, waiting: Waiting) -> None:
    waiting(0.7)
    q.produce("before").expect(204)
    q.ack(q.take()).expect(204)
    polls = [in_background(q.consume) for _ in range(2)]
    parked(queue_id(q), 2)
    q.produce("x").expect(204)
    assert sorted(poll.result(LONG).status for poll in polls) == [200, 204]


@pytest.mark.contract("43")
def test_ten_consumers_get_ten_messages(q: Queue) -> None:
    for number in range(10):
        q.produce(str(number)).expect(204)
    answers = at_once([q.consume] * 10)
    assert len({answer.expect(200).json()["id"] for answer in answers}) == 10


def test_a_dead_letter_ends_a_poll_of_its_queue(q: Queue, waiting: Waiting) -> None:
    q.produce("x").expect(204)
    for wait in (1, 5, 15, 30):
        q.nack(q.take()).expect(204)
        q.age(wait)
    waiting(LONG)
    poll = in_background(q.dlq().consume)
    parked(queue_id(q.dlq()), 1)
    q.nack(q.take()).expect(204)
    assert poll.result(LONG).expect(200).json()["content"] == "x"
