"""Telling those who keep rows of their own beside messages what becomes of these, in the same transaction.

A message names its listener in its settings; all others cost one comparison. Whoever ends, fails or removes a
message, be it a receiver, an operator or the clock, passes through here, so what a listener writes is never
missing and never there without the change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from queues.broker.types import Micros

if TYPE_CHECKING:
    from queues.broker.lanes import Transaction


class Change(StrEnum):
    EXTENDED = "extended"
    """Its lease was, and the receiver said something with it; without that it is not told."""
    FAILED = "failed"
    """A delivery failed, and there will be another one."""
    ACKED = "acked"
    DEAD = "dead"
    """Out of attempts, rejected, or expired."""
    KILLED = "killed"
    """Dead because somebody gave it up, leased or not."""
    REVIVED = "revived"
    """Dead no more."""
    REMOVED = "removed"
    """Deleted, or moved to another queue."""


class Happening(NamedTuple):
    """One change of one message. ``error``: its last error, if it failed or died; ``note``: what
    its receiver said with an ack or extension."""

    queue_id: int
    offset: int
    public_id: str
    change: Change
    at: Micros
    error: str = ""
    note: object = None


Listener = Callable[["Transaction", list[Happening]], None]
"""Called inside the transaction, after its changes of messages, with the happenings of one queue in order. It
holds the locks of these messages and may take no queue's."""

LISTENERS: dict[str, Listener] = {}
"""By the name that settings give."""

Purged = Callable[["Transaction", int, int], None]
"""Called with a deleted queue's id and the last offset of those whose rows are removed now."""

PURGED: list[Purged] = []


def tell(tx: Transaction, happenings: Iterable[tuple[str, Happening]]) -> None:
    """Tell each happening to the listener named with it. A name nobody listens to is one of an app that is
    gone: its messages live on."""
    by_name: dict[str, list[Happening]] = {}
    for name, happening in happenings:
        by_name.setdefault(name, []).append(happening)
    for name, found in by_name.items():
        listener = LISTENERS.get(name)
        if listener is not None:
            listener(tx, found)
