"""What the engine tells whoever measures it. Nobody does by default: then each place costs one comparison.

The engine knows nothing of metrics formats. ``okmq_site.metrics`` sets ``watcher`` in web processes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Protocol

from queues.broker.types import Micros, Received


class Event(StrEnum):
    """What a transaction did that no counter in the database tells."""

    LEASE_EXPIRED = "lease_expired"
    """A receiver settled nothing before its lease was over."""
    DEAD_LETTERED = "dead_lettered"
    """Moved to a dead-letter queue: out of attempts, or rejected."""
    DEAD_LETTERED_EXPIRED = "dead_lettered_expired"
    """Moved there because its time to live was over."""


class Trouble(StrEnum):
    """Why the database did not take a transaction."""

    UNAVAILABLE = "unavailable"
    """It is away, full or busy."""
    CONFLICT = "conflict"
    """Deadlock or serialisation failure; the engine tries such work again."""
    REFUSED = "refused"
    """A statement failed."""


class Watcher(Protocol):
    """Called from the engine's threads and from callers'. Must be quick and must not raise."""

    def committed(self, lane: str, operations: int, seconds: float) -> None:
        """A transaction of ``operations`` calls was committed; begin to commit took ``seconds``."""

    def failed(self, trouble: Trouble) -> None:
        """The database did not take a transaction or answer a question."""

    def handed_out(self, messages: Sequence[Received], now: Micros) -> None:
        """``messages`` were leased, the transaction is committed, and their receiver gets them now."""

    def happened(self, events: Mapping[Event, int]) -> None:
        """What a committed transaction did, and to how many messages."""

    def replayed(self, queue: str, count: int) -> None:
        """``count`` dead messages of a queue of that name were made pending again."""

    def deleted(self, queue: str, count: int) -> None:
        """``count`` messages of a queue of that name were deleted by request."""


watcher: Watcher | None = None
