"""Receiving from any queue whose name begins in a certain way.

One look is one statement for each queue that is tried: an index look-up for every queue of the account that
matches, and no more, however many messages wait in them. Whoever waits is told in which queue a message has
become ready and looks there first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from queues.broker import concurrency, identities, names, sql
from queues.broker.errors import QueueNotFound
from queues.broker.lanes import LANES, Operation
from queues.broker.receive import Look, Receive, look_until
from queues.broker.types import Micros, Received
from queues.broker.watchers import Pattern

if TYPE_CHECKING:
    from queues.broker.lanes import Transaction

MAX_TURNS = 10_000

_turns: dict[Pattern, str] = {}
"""The queue each pattern was served from last: the next one in order is tried first, so that a full queue
does not keep the others waiting."""


def receive_matching(
    account_id: int,
    prefix: str,
    place: str,
    *,
    limit: int = 1,
    wait_seconds: float = 0,
    auto_ack: bool = False,
    lease_seconds: float | None = None,
    consumer: str = "",
    gone: Callable[[], bool] | None = None,
    hears: bool = False,
) -> tuple[str, list[Received]]:
    """Like ``receive``, from one of the queues whose names begin with ``prefix``: the name of that queue, and
    messages of it alone. ``place``: the queue that stands for the pattern; who finds nothing waits there. A
    message goes to one who waits under a pattern before it goes to those who wait for its queue. Raises
    QueueNotFound when there is nothing and no queue ``place``, QuotaExceeded, Unavailable."""
    search = Match(
        Pattern(account_id, prefix), place, wait_seconds > 0, limit, auto_ack, lease_seconds, consumer
    )
    deadline = time.monotonic() + wait_seconds
    with concurrency.open_call(account_id):
        messages = look_until(deadline, search.look, limit, gone, hears=hears, told=search.note_waker)
    if messages and not search.served:  # a broadcast
        identity = identities.known(messages[0].queue_id)
        search.served = identity.name if identity is not None else ""
    return search.served, messages


class Match(Operation):
    """``waits``: it wants to know when something falls due. ``served``: the queue whose messages it
    brings."""

    __slots__ = (
        "auto_ack", "consumer", "lease_seconds", "limit", "pattern", "place", "served", "waits", "woken_by",
    )  # fmt: skip

    def __init__(
        self,
        pattern: Pattern,
        place: str,
        waits: bool,
        limit: int,
        auto_ack: bool,
        lease_seconds: float | None,
        consumer: str,
    ) -> None:
        super().__init__(weight=limit)
        self.pattern = pattern
        self.place = place
        self.waits = waits
        self.woken_by: int | None = None
        self.limit = limit
        self.auto_ack = auto_ack
        self.lease_seconds = lease_seconds
        self.consumer = consumer
        self.served = ""

    def look(self) -> Look:
        found: Look = LANES.of("receive").submit(self)
        return found

    def note_waker(self, queue_id: int | None) -> None:
        self.woken_by = queue_id

    @classmethod
    def run(cls, tx: Transaction, operations: list[Match]) -> None:
        for operation in operations:
            operation.served = ""
            operation.result = _first_that_has_some(tx, operation) or _nothing(tx, operation)


def _first_that_has_some(tx: Transaction, wanted: Match) -> Look | None:
    for name in _candidates(tx, wanted):
        one = Receive(
            wanted.pattern.account_id,
            (name,),
            wanted.limit,
            (),
            auto_ack=wanted.auto_ack,
            lease_seconds=wanted.lease_seconds,
            consumer=wanted.consumer,
        )
        Receive.run(tx, [one])
        # It may be empty after all: what was ready is another's by now, or its time is over.
        if one.error is None and one.result.messages:
            wanted.served = name
            _note_turn(wanted.pattern, name)
            found: Look = one.result
            return found
    return None


def _nothing(tx: Transaction, wanted: Match) -> Look | None:
    account_id, prefix = wanted.pattern
    rows = tx.db.rows(sql.QUEUE_IDS_BY_NAME, accounts=[account_id], names=[wanted.place])
    if not rows:
        wanted.error = QueueNotFound(wanted.place)
        return None
    at: Micros | None = None
    if wanted.waits:
        at = tx.db.rows(sql.NEXT_DUE_MATCHING, account=account_id, prefix=prefix, length=len(prefix))[0][0]
    channel = rows[0][0]
    return Look({channel: ()}, [], {} if at is None else {channel: at}, wanted.pattern)


def _candidates(tx: Transaction, wanted: Match) -> Iterator[str]:
    """Names of queues that match and have something ready or due: the one it was woken for, then all,
    beginning after the one that was served last."""
    woken_by = None if wanted.woken_by is None else identities.known(wanted.woken_by)
    if woken_by is not None and wanted.woken_by is not None and wanted.pattern.may_match(wanted.woken_by):
        yield woken_by.name
    account_id, prefix = wanted.pattern
    if not names.storable(prefix):
        return
    turn = _turns.get(wanted.pattern, "")
    for begin, end in ((turn, ""), ("", turn)) if turn else (("", ""),):
        after = begin
        while rows := tx.db.rows(
            sql.NEXT_MATCHING,
            account=account_id, prefix=prefix, length=len(prefix), after=after, until=end, now=tx.now,
        ):  # fmt: skip
            after = rows[0][0]
            yield after


def _note_turn(pattern: Pattern, name: str) -> None:
    if len(_turns) >= MAX_TURNS:
        _turns.clear()
    _turns[pattern] = name
