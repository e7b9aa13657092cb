"""Queues and destinations of a fresh account."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from queues.models import Delivery
from queues.push import destinations
from queues.push.pusher import Pusher
from queues.push.types import DestinationInfo, Kind
from tests.broker.at_once import in_background
from tests.broker.conftest import NewQueue, new_queue, q  # noqa: F401
from tests.broker.handle import Handle

from .receiver import Receiver

NewDestination = Callable[..., DestinationInfo]


@pytest.fixture
def new_destination() -> NewDestination:
    """Makes destinations: ``new_destination(queue, url, name="n", config={...})``."""

    def make(queue: Handle, url: str = "", **given: Any) -> DestinationInfo:
        target = url or f"https://example.com/{uuid4().hex}"
        config = {"url": target, **given.pop("config", {})}
        options = {"name": "n", "kind": Kind.HTTP, **given}
        return destinations.create(queue.account_id, queue.name, config=config, **options)

    return make


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    """A receiver that destinations may lead to."""
    settings.OKMQ_EGRESS_ALLOW = ["127.0.0.0/8"]
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def new_receiver(settings: Any) -> Iterator[Callable[[], Receiver]]:
    settings.OKMQ_EGRESS_ALLOW = ["127.0.0.0/8"]
    made: list[Receiver] = []

    def make() -> Receiver:
        made.append(Receiver())
        return made[-1]

    yield make
    for one in made:
        one.close()


def drained(queue: Handle) -> Callable[[], bool]:
    """Whether no destination of the queue waits for anything."""
    return lambda: not Delivery.objects.filter(queue_id=queue.id, lane__gt=0).exists()


@dataclass
class Running:
    """A pusher in a thread, as a worker runs it."""

    stop: threading.Event
    done: Future[None]
    pusher: Pusher

    def end(self) -> None:
        self.stop.set()
        self.done.result(30)


@pytest.fixture
def new_pusher() -> Iterator[Callable[[], Running]]:
    running: list[Running] = []

    def start() -> Running:
        stop, pusher = threading.Event(), Pusher()
        running.append(Running(stop, in_background(pusher.run, stop), pusher))
        return running[-1]

    yield start
    for one in running:
        one.end()


@pytest.fixture
def pusher(new_pusher: Callable[[], Running]) -> Running:
    return new_pusher()
