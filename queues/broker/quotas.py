"""What an account may store: max_messages, max_mb and max_channels (okmq.md §8).

Whoever adds messages in a transaction, queues or streams, does it in these steps:

    wanted = {account_id: (messages, bytes)}    the most this transaction may add
    tx.budget.ask(wanted)                       before rows are locked: the answer travels with theirs
    ... lock queues or streams ...
    tight = tx.budget.check(wanted)             accounts for which that may be too much, mostly none
    ... of a tight account, for each call in its order: tx.budget.demand(account_id, messages, bytes)
    tx.budget.add(account_id, messages, bytes)  what was stored in the end

Far from its quota an account costs no lock. A transaction that comes near it locks the account's row, after
queues and streams, and reads the figures again, so that of several publishers each sees what those before it
stored.

"Far" leaves room for what other transactions may be storing unseen at that moment: with at most ``AT_ONCE``
of them, each adding no more than ``SMALL`` of the quota, they stay within the ``MARGIN`` that is kept free.
Only if the whole margin fills while such a transaction is under way can it end above the quota, by what it
adds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from queues.broker import account_sql
from queues.broker.errors import QuotaExceeded

if TYPE_CHECKING:
    from queues.broker.db import Connection, Row, Statement
    from queues.broker.lanes import Transaction

MIB = 1_048_576
MARGIN = 0.1
AT_ONCE = 16
SMALL = MARGIN / AT_ONCE

Addition = tuple[int, int]
"""Messages, and the bytes of their bodies."""


class Sized(Protocol):
    """A message to be stored."""

    @property
    def public_id(self) -> str | None: ...
    @property
    def size(self) -> int: ...


S = TypeVar("S", bound=Sized)


def total(messages: Collection[Sized]) -> Addition:
    """What storing all of them would add."""
    return len(messages), sum([message.size for message in messages])


def own_id(message: Sized) -> tuple[str, ...]:
    """What a message is known by, where that is its id alone."""
    return () if message.public_id is None else (message.public_id,)


def new_ones(
    messages: Iterable[S], stored: Collection[str], names: Callable[[S], tuple[str, ...]] = own_id
) -> tuple[Addition, set[str]]:
    """What storing them would add if those with a ``stored`` name are left out, and their names. Duplicates
    do not count."""
    count = size = 0
    found: set[str] = set()
    for message in messages:
        known_by = names(message)
        if any(name in stored or name in found for name in known_by):
            continue
        found.update(known_by)
        count += 1
        size += message.size
    return (count, size), found


class Room:
    """One account's quotas, and what it uses of them as far as this transaction sees."""

    __slots__ = ("added", "bytes", "locked", "max_bytes", "max_messages", "messages")
    added: Addition

    def __init__(self, max_messages: int, max_mb: int, messages: int, size: int) -> None:
        self.max_messages = max_messages
        self.max_bytes = max_mb * MIB
        self.messages = messages
        self.bytes = size
        self.added = 0, 0
        self.locked = False

    def is_far(self, messages: int, size: int) -> bool:
        return _is_far(self.messages, messages, self.max_messages) and _is_far(
            self.bytes, size, self.max_bytes
        )

    def exceeded(self, messages: int, size: int) -> str:
        """The quota that this would exceed, or "". What adds nothing exceeds nothing, however full it is."""
        if messages and self.messages + messages > self.max_messages:
            return "max_messages"
        return "max_mb" if size and self.bytes + size > self.max_bytes else ""

    def add(self, messages: int, size: int) -> None:
        self.messages += messages
        self.bytes += size
        self.added = self.added[0] + messages, self.added[1] + size


def _is_far(used: int, adding: int, quota: int) -> bool:
    return adding <= quota * SMALL and used + adding <= quota * (1 - MARGIN)


class Budget:
    """What the accounts a transaction stores for may still take. See the module for its use."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._rooms: dict[int, Room] = {}
        self._answers: list[Callable[[], list[Row]]] = []

    def ask(self, wanted: Mapping[int, Addition]) -> None:
        """Send for the figures of these accounts."""
        unknown = sorted(wanted.keys() - self._rooms.keys())
        if unknown:
            self._answers.append(self._db.later(account_sql.ROOM, accounts=unknown))

    def check(self, wanted: Mapping[int, Addition]) -> set[int]:
        """The accounts whose quotas may not allow all that is ``wanted``. Their rows are locked then."""
        answers, self._answers = self._answers, []
        for answer in answers:
            self._learn(answer())
        # An account without figures has just been deleted, and its queues with it.
        known = {account_id: self._rooms[account_id] for account_id in wanted if account_id in self._rooms}
        near = {a: room for a, room in known.items() if not room.is_far(*wanted[a])}
        if near:
            self._lock(sorted(near))
        return {account_id for account_id in near if self._rooms[account_id].exceeded(*wanted[account_id])}

    def demand(self, account_id: int, messages: int, size: int) -> None:
        """Raises QuotaExceeded if so much more does not fit."""
        quota = self._rooms[account_id].exceeded(messages, size)
        if quota:
            raise QuotaExceeded(quota)

    def add(self, account_id: int, messages: int, size: int) -> None:
        """So much was stored."""
        room = self._rooms.get(account_id)
        if room is not None:
            room.add(messages, size)

    def highest(self, account_id: int) -> int:
        """Bytes the account holds with what this transaction stored; 0 if it stored nothing."""
        room = self._rooms.get(account_id)
        return room.bytes if room is not None and room.added[1] else 0

    def _learn(self, rows: list[Row]) -> None:
        for account_id, *figures in rows:
            self._rooms[account_id] = Room(*figures)

    def _lock(self, accounts: list[int]) -> None:
        """Wait for others who are near the same quotas, and see what they stored."""
        unlocked = [a for a in accounts if not self._rooms[a].locked]
        if not unlocked:
            return
        if self._db.postgresql:
            added = {a: self._rooms[a].added for a in unlocked}
            self._db.rows(account_sql.LOCK_ACCOUNTS, accounts=unlocked)
            self._learn(self._db.rows(account_sql.ROOM, accounts=unlocked))
            for account_id in unlocked:
                self._rooms[account_id].add(*added[account_id])
        for account_id in unlocked:
            self._rooms[account_id].locked = True


# ---------------------------------------------------------------- queues and streams


class Channel(NamedTuple):
    """How to find one sort of channel: the names of an account's, in order of creation, and how many."""

    names: Statement
    number: Statement


CHANNELS: dict[str, Channel] = {
    "queues": Channel(account_sql.QUEUE_NAMES, account_sql.COUNT_QUEUES),
}
"""Whoever has channels of his own beside the engine's queues adds to these when his app is ready."""


def lock_channels(tx: Transaction, account_id: int) -> Callable[[], None]:
    """Let nobody else make a channel for the account meanwhile. Returns the check to make before making one:
    it raises QuotaExceeded when the account has as many as it may."""
    rows = tx.db.rows(account_sql.LOCK_ACCOUNT, account=account_id)

    def check() -> None:
        count = sum(tx.db.rows(channel.number, account=account_id)[0][0] for channel in CHANNELS.values())
        if rows and count >= rows[0][0]:
            raise QuotaExceeded("max_channels")

    return check
