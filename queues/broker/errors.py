"""What the broker refuses, in dialect-free terms. A dialect turns each into its own answer."""


class BrokerError(Exception):
    """Base of everything the broker raises on purpose."""


class QueueNotFound(BrokerError):
    """The account has no queue of that name (or it was deleted while the caller waited)."""


class QueueExists(BrokerError):
    """The account already has a queue of that name."""


class TopicNotFound(BrokerError):
    """No queue of the account subscribes to that topic."""


class MessageNotFound(BrokerError):
    """The queue holds no message with that id."""


class QuotaExceeded(BrokerError):
    """The account's quota does not allow it; ``quota`` names which one."""

    def __init__(self, quota: str) -> None:
        super().__init__(f"the account's {quota} quota is used up")
        self.quota = quota


class QueueFull(BrokerError):
    """So many messages wait in the queue that it takes no more; ``limit`` is its ``max_backlog``."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the queue is full: {limit} messages wait in it")
        self.limit = limit


class PageTooLarge(BrokerError):
    """The messages that were asked for hold ``size`` bytes together, more than ``most``."""

    def __init__(self, size: int, most: int) -> None:
        super().__init__(
            f"limit: these messages hold {size:,} bytes, an answer holds at most {most:,}: ask for fewer"
        )
        self.size, self.most = size, most


class InvalidSettings(BrokerError):
    """A queue cannot have these settings; ``problems`` says why, by setting."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__("; ".join(f"{name} {text}" for name, text in problems.items()))
        self.problems = problems


class Unavailable(BrokerError):
    """The database cannot be reached or is busy. Nothing was stored unless the connection was
    lost during the commit itself; repeating the call with the same message ids is safe."""


class ShuttingDown(Unavailable):
    """This process is stopping and takes no new work."""
