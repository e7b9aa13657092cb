"""Receivers that wait for a message of any queue whose name begins in a certain way. A part of the hub
(``wakes``), used under its lock."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from queues.broker import identities

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

    def of(self, queue_id: int, *, surely: bool = False) -> list[Waiter]:
        """Who waits for a message of this queue, among others, and is not woken yet. ``surely``: not those of
        whom that is not known."""
        if surely and identities.known(queue_id) is None:
            return []
        return [w for pattern, w in self._waiters if not w.woken and pattern.may_match(queue_id)]
