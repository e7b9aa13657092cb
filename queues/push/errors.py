"""What the push side refuses, in dialect-free terms. A dialect turns each into its own answer."""

from __future__ import annotations

from queues.broker.errors import BrokerError


class PushError(BrokerError):
    """Base of everything below."""


class DestinationNotFound(PushError):
    """The queue has no destination of that id."""


class DestinationExists(PushError):
    """The queue has a destination of that kind with that target already; ``target`` is its URL or id."""

    def __init__(self, target: str) -> None:
        super().__init__(f"a destination for {target} already exists")
        self.target = target


class InvalidDestination(PushError):
    """A field will not do. ``field``: its path, as ``config.retry_policy.max_attempts``; ``reason``: why, in
    words that follow the name ("must be ...")."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field} {reason}")
        self.field = field
        self.reason = reason


class TargetRefused(InvalidDestination):
    """The URL is well formed and leads where this server may not connect (``queues.push.egress``)."""


class DestinationDisabled(PushError):
    """It gets nothing while it is disabled."""


class DeliveryNotFound(PushError):
    """The destination's log has no such entry (any more)."""
