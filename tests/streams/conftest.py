"""Streams of a fresh account, spoken to through the log's own functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from accounts.models import Account
from streams import log

from .handle import Handle

NewStream = Callable[..., Handle]


@pytest.fixture
def new_stream(account: Account) -> NewStream:
    """Makes streams: ``new_stream(auto_delete=True)``."""

    def make(**settings: Any) -> Handle:
        info = log.create_stream(account.pk, f"s-{uuid4().hex}", **settings)
        return Handle(account.pk, info.name, info.id)

    return make


@pytest.fixture
def s(new_stream: NewStream) -> Handle:
    """A stream with the default settings."""
    return new_stream()
