"""What a stream refuses, in dialect-free terms, beside what any call to the engine may raise."""

from __future__ import annotations

from queues.broker.errors import BrokerError


class StreamNotFound(BrokerError):
    """The account has no stream of that name (or it was deleted while the caller waited)."""


class StreamExists(BrokerError):
    """The account already has a stream of that name."""


class OffsetNotAssigned(BrokerError):
    """No message has had that offset yet; ``last`` is the highest one assigned."""

    def __init__(self, last: int) -> None:
        super().__init__(f"offset: is beyond the end of the stream, whose last offset is {last}")
        self.last = last
