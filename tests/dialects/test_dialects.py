"""One engine, several dialects: what is published through one is received through any, in its own form."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from accounts.models import Account
from queues import broker
from queues.broker.types import QueueSettings, RetryStrategy, State

from .adapter import Adapter, Sample
from .adapters import ADAPTERS

SETTINGS = QueueSettings(lease_seconds=600, max_attempts=9, ttl_seconds=None, retry=RetryStrategy("none"))
DOCUMENT = Path(__file__).parents[2] / "docs" / "dialects.md"
Speak = Callable[[type[Adapter]], Adapter]

each_pair = pytest.mark.parametrize(
    ("publisher", "receiver"),
    [(publisher, receiver) for publisher in ADAPTERS for receiver in ADAPTERS],
    ids=lambda adapter: adapter.name,
)


@pytest.fixture
def speak(account: Account, api_key: str, settings: Any) -> Speak:
    settings.OKMQ_POLL_SECONDS = settings.OKMQ_FORQ_POLL_SECONDS = 0
    return lambda dialect: dialect(account, api_key)


@pytest.fixture
def queue(account: Account) -> str:
    """An empty queue's name, which all dialects allow."""
    name = f"q-{uuid4().hex[:12]}"
    broker.create_queue(account.pk, name, settings=SETTINGS)
    return name


def samples(dialect: type[Adapter]) -> Iterator[tuple[str, Sample]]:
    assert dialect.samples, f"{dialect.name} publishes nothing"
    yield from dialect.samples.items()


@each_pair
def test_a_body_keeps_its_value_in_the_receivers_form(
    speak: Speak, account: Account, queue: str, publisher: type[Adapter], receiver: type[Adapter]
) -> None:
    sender, taker = speak(publisher), speak(receiver)
    for what, sample in samples(publisher):
        sender.publish(queue, sample.sent)
        (view,) = broker.peek(account.pk, queue, state=State.PENDING)
        assert (view.encoding, view.body) == sample.stored, what
        taken = taker.receive(queue)
        assert taken is not None, what
        expected = taker.form(sample.stored)
        assert (type(taken.body), taken.body) == (type(expected), expected), what
        taker.ack(queue, taken)
        assert taker.receive(queue) is None, what


@each_pair
def test_what_one_gives_back_the_other_gets(
    speak: Speak, account: Account, queue: str, publisher: type[Adapter], receiver: type[Adapter]
) -> None:
    one, other = speak(publisher), speak(receiver)
    what, sample = next(samples(publisher))
    one.publish(queue, sample.sent)
    first = one.receive(queue)
    assert first is not None
    assert other.receive(queue) is None, "it is the first one's"
    one.give_back(queue, first)
    second = other.receive(queue)
    assert second is not None
    assert second.body == other.form(sample.stored), what
    other.ack(queue, second)
    assert broker.stats(account.pk, queue).processing == broker.stats(account.pk, queue).pending == 0


@each_pair
def test_messages_of_all_stand_in_one_line(
    speak: Speak, queue: str, publisher: type[Adapter], receiver: type[Adapter]
) -> None:
    one, other = speak(publisher), speak(receiver)
    (_, first), (_, second) = next(samples(publisher)), next(samples(receiver))
    one.publish(queue, first.sent)
    other.publish(queue, second.sent)
    for taker, sample in ((other, first), (one, second)):
        taken = taker.receive(queue)
        assert taken is not None
        assert taken.body == taker.form(sample.stored)


@pytest.mark.once
def test_the_table_of_forms_has_a_column_for_every_dialect() -> None:
    header = next(line for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if "| stored as" in line)
    columns = [cell.strip() for cell in header.strip("|").split("|")]
    assert columns[1:] == [adapter.name for adapter in ADAPTERS if adapter.name != "engine"]
