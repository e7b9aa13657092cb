"""Queues and destinations of a fresh account."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from queues.push import destinations
from queues.push.types import DestinationInfo, Kind
from tests.broker.conftest import NewQueue, new_queue, q  # noqa: F401
from tests.broker.handle import Handle

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
