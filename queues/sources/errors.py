"""What sources refuse, in dialect-free terms."""

from __future__ import annotations

from queues.broker.errors import BrokerError


class SourceNotFound(BrokerError):
    """The queue has no source of that id, or the world none that takes anything."""


class SourceExists(BrokerError):
    """The queue has a source of that name already."""


class InvalidSource(BrokerError):
    """A field will not do; ``field`` and ``reason`` say which and why."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field


class NotAuthorized(BrokerError):
    """The request to the source does not show what it asks for."""
