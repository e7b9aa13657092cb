"""Tasks of a fresh account."""

from __future__ import annotations

import pytest

from accounts.models import Account
from queues.tasks import tasks

from .handle import Tasks


@pytest.fixture
def t(account: Account) -> Tasks:
    """Tasks of a type that is known, in a queue that there is not yet."""
    made = Tasks(account.pk)
    tasks.register(account.pk, made.type)
    return made
