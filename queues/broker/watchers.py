"""Receivers that wait for a message of any queue whose name begins in a certain way, and those who hear
broadcasts. Parts of the hub (``wakes``), used under its lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from queues.broker import identities
from queues.broker.types import Received

if TYPE_CHECKING:
    from queues.broker.wakes import Waiter


class Pattern(NamedTuple):
    """All queues of an account whose names begin with ``prefix``."""

    account_id: int
    prefix: str

    def may_match(self, queue_id: int) -> bool:
        """True also for a queue this process knows nothing of: its receiver then looks in vain."""
        identity = identities.known(queue_id)
        return identity is None or (
            identity.account_id == self.account_id and identity.name.startswith(self.prefix)
        )

    def matches(self, queue_id: int) -> bool:
        """False for a queue this process knows nothing of."""
        return identities.known(queue_id) is not None and self.may_match(queue_id)


class Watchers:
    """Those of this process who are parked under a pattern, in the order in which they came."""

    def __init__(self) -> None:
        self._waiters: list[tuple[Pattern, Waiter]] = []

    def __bool__(self) -> bool:
        return bool(self._waiters)

    def add(self, waiter: Waiter) -> None:
        if waiter.pattern is not None:
            self._waiters.append((waiter.pattern, waiter))

    def discard(self, waiter: Waiter) -> None:
        if waiter.pattern is not None:
            self._waiters = [entry for entry in self._waiters if entry[1] is not waiter]

    def of(self, queue_id: int) -> list[Waiter]:
        """Who waits for a message of this queue, among others, and is not woken yet."""
        return [w for pattern, w in self._waiters if not w.woken and pattern.may_match(queue_id)]


class Ear:
    """One who takes broadcasts for as long as it waits: also in the moments in which it looks once more, and
    is parked nowhere. ``given``: the broadcast it is to hand out."""

    __slots__ = ("channel", "given", "gone", "pattern", "waiter")

    def __init__(self, channel: int, pattern: Pattern | None, gone: Callable[[], bool] | None) -> None:
        self.channel = channel
        self.pattern = pattern
        self.gone = gone
        self.given: Received | None = None
        self.waiter: Waiter | None = None

    def hears(self, queue_id: int) -> bool:
        if self.channel == queue_id:
            return True
        return self.pattern is not None and self.pattern.matches(queue_id)

    def give(self, message: Received) -> bool:
        """False if it has one already."""
        if self.given is not None:
            return False
        self.given = message
        if self.waiter is not None:
            self.waiter.wake()
        return True

    @property
    def has_client(self) -> bool:
        return self.gone is None or not self.gone()
