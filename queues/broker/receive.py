"""Handing messages out."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

from django.conf import settings as django_settings

from queues.broker import (
    claim,
    clock,
    concurrency,
    due,
    names,
    observe,
    settings_versions,
    sql,
)
from queues.broker.clock import micros
from queues.broker.errors import QueueNotFound, QuotaExceeded
from queues.broker.floors import FLOORS
from queues.broker.lanes import LANES, Operation
from queues.broker.queues import id_of, reading
from queues.broker.types import Micros, Received
from queues.broker.wakes import HUB, Waiter, is_queue, of_account, of_room
from queues.broker.watchers import Ear, Pattern
from queues.models import PULL_LANE

if TYPE_CHECKING:
    from queues.broker.lanes import Transaction


LOOK_FOR_CLIENT_SECONDS = 5.0
"""How often somebody who waits looks whether its client is still there."""


def receive(
    account_id: int,
    queue: str,
    *,
    limit: int = 1,
    tag: str = "",
    wait_seconds: float = 0,
    auto_ack: bool = False,
    lease_seconds: float | None = None,
    consumer: str = "",
    gone: Callable[[], bool] | None = None,
    await_queue: bool = False,
    hears: bool = False,
) -> list[Received]:
    """Lease up to ``limit`` ready messages, oldest first, to the caller; at once if there are any, else as
    soon as there is one within ``wait_seconds``. Each counts as an attempt. Fewer come, too, when they are
    large (``claim.MAX_BYTES`` together, and the last one).

    ``lease_seconds`` and ``auto_ack`` override the messages' own settings. ``gone``: asked after waiting,
    before anything is handed out; True means that the client has hung up. ``await_queue``: a queue that does
    not exist may be made meanwhile, and counts as an empty one. ``consumer``: who holds them; where settings
    say ``max_in_flight`` he gets no more than that together. ``hears``: while it waits it takes broadcasts,
    too (``broadcast``), of which nothing is stored. While it waits the call holds no database connection.
    Raises QueueNotFound, QuotaExceeded (too many calls like this one are open), Unavailable."""

    def look() -> Look:
        operation = Receive(
            account_id,
            (queue,),
            limit,
            (tag,) if tag else (),
            auto_ack=auto_ack,
            lease_seconds=lease_seconds,
            consumer=consumer,
        )
        try:
            found: Look = LANES.of("receive").submit(operation)
        except QueueNotFound:
            if not await_queue:
                raise
            return Look({of_account(account_id): ()}, [], {})
        return found

    try:
        with concurrency.open_call(account_id):
            return look_until(time.monotonic() + wait_seconds, look, limit, gone, hears=hears)
    except QuotaExceeded:
        if not await_queue:
            with reading() as db:
                id_of(db, account_id, queue)  # a missing queue is told first
        raise


def look_until(
    deadline: float,
    take: Callable[[], Look],
    limit: int,
    gone: Callable[[], bool] | None,
    *,
    hears: bool = False,
    told: Callable[[int | None], None] | None = None,
) -> list[Received]:
    """Look now, and again whenever there may be something new, until there is, or ``deadline`` (monotonic
    seconds) has come, or ``gone`` says so. ``hears``: or until it is given a broadcast. ``told``, before it
    looks again: for which of its pattern's queues it was woken."""
    woken_on: set[int] = set()
    with _Hearing(hears, gone) as hearing:
        while True:
            stamp = HUB.stamp()
            look = take()
            for channel in woken_on - look.waits.keys() if look.messages or look.pattern is None else ():
                # Now his hands are full, or he found something elsewhere: the signal was for somebody else.
                HUB.signal(channel)
            look.tell_due()
            if look.messages:
                _hand_over(look, limit)
                return look.messages
            if deadline <= time.monotonic():
                return hearing.heard
            place = _wait(look, stamp, deadline, gone, hearing.begin(look))
            if told is not None and place is not None:
                told(place.woken_by)
            woken_on = _woken_on(look, place)
            if place is None or hearing.heard or _is_to_leave(gone):
                for channel in woken_on:
                    # For a message, it may be, if only in the last moment: let the next one look.
                    HUB.signal(channel)
                return hearing.heard


class _Hearing:
    """Broadcasts, for one who has begun to wait."""

    def __init__(self, hears: bool, gone: Callable[[], bool] | None) -> None:
        self._hears = hears
        self._gone = gone
        self._ear: Ear | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._ear is not None:
            HUB.unlisten(self._ear)

    def begin(self, look: Look) -> Ear | None:
        """From its first look in vain on it hears."""
        if self._hears and self._ear is None:
            self._ear = Ear(next(iter(look.waits)), look.pattern, self._gone)
            HUB.listen(self._ear)
        return self._ear

    @property
    def heard(self) -> list[Received]:
        return [self._ear.given] if self._ear is not None and self._ear.given is not None else []


def _wait(
    look: Look, stamp: int, deadline: float, gone: Callable[[], bool] | None, ear: Ear | None
) -> Waiter | None:
    """Until it is woken, the time is up or the client has hung up. A client that is gone gives its place back
    within seconds, however long it wanted to wait. None: no place is left."""
    most = django_settings.OKMQ_MAX_PARKED
    with HUB.park(look.waits, stamp, most, pattern=look.pattern, ear=ear) as place:
        if place is not None:
            look.tell_due()
            while not place.wait(min(deadline - time.monotonic(), LOOK_FOR_CLIENT_SECONDS)):
                if deadline <= time.monotonic() or _is_to_leave(gone):
                    break
        return place


def _is_to_leave(gone: Callable[[], bool] | None) -> bool:
    return HUB.closing or (gone is not None and gone())


def _woken_on(look: Look, place: Waiter | None) -> set[int]:
    if place is None or not place.woken:
        return set()
    return set(look.waits) if place.woken_by is None else {place.woken_by}


def _hand_over(look: Look, limit: int) -> None:
    if observe.watcher is not None:
        observe.watcher.handed_out(look.messages, clock.now())
    if len(look.messages) == limit:
        # There may be more, and others waiting for them.
        look.call_next()


@dataclass(slots=True)
class Look:
    """What one look into queues brought. ``waits``: the channels to wait on for more, and of each the tags
    that matter, none for any; ``pattern``: which other queues. ``next_due``: of a channel when more becomes
    ready by the clock alone."""

    waits: dict[int, tuple[str, ...]]
    messages: list[Received]
    next_due: dict[int, Micros]
    pattern: Pattern | None = None

    def tell_due(self) -> None:
        for channel, at in self.next_due.items():
            HUB.due(channel, at)

    def call_next(self) -> None:
        for channel in self.waits:
            HUB.signal(channel)

    def look_again(self, now: Micros) -> None:
        """Some time soon, if this look began at a floor."""
        for channel in filter(is_queue, self.waits):
            at = FLOORS.look_again_at(channel, now)
            if at is not None:
                self.next_due[channel] = min(at, self.next_due.get(channel, at))

    def wait_for_room(self, queue_id: int, consumer: str) -> None:
        """Its consumer's hands are full: what comes into the queue is for others."""
        room = of_room(queue_id)
        self.waits.pop(queue_id, None)
        self.waits[room] = (consumer,)
        at = self.next_due.pop(queue_id, None)
        if at is not None:
            self.next_due[room] = at


class Receive(Operation):
    """One look: the queues are emptied in the order given; those that do not exist are passed over if another
    one does. No ``tags``: any."""

    __slots__ = ("account_id", "allowed", "auto_ack", "bytes", "consumer", "lease", "limit", "queues", "tags")

    def __init__(
        self,
        account_id: int,
        queues: tuple[str, ...],
        limit: int,
        tags: tuple[str, ...],
        *,
        auto_ack: bool = False,
        lease_seconds: float | None = None,
        consumer: str = "",
    ) -> None:
        super().__init__(weight=limit)
        self.account_id = account_id
        self.queues = queues
        self.limit = self.allowed = limit
        self.bytes = 0
        self.tags = tags
        self.auto_ack = auto_ack
        self.lease = None if lease_seconds is None else micros(lease_seconds)
        self.consumer = consumer

    @classmethod
    def run(cls, tx: Transaction, operations: list[Receive]) -> None:
        found = _find(tx, operations)
        keyed = sorted({queue.id for queues in found for queue in queues if queue.keyed})
        if keyed:
            # In the order of all others who take them: before any delivery.
            tx.db.rows(sql.LOCK_QUEUES, ids=keyed)
        promoted: dict[int, Micros | None] = {}
        for turn in range(max((len(queues) for queues in found), default=0)):
            together: dict[tuple[_Queue, tuple[str, ...]], list[Receive]] = defaultdict(list)
            for operation, queues in zip(operations, found, strict=True):
                if turn < len(queues) and not operation.is_full:
                    together[queues[turn], operation.tags].append(operation)
            for (queue, tags), group in sorted(together.items(), key=lambda item: item[0]):
                _promote(tx, queue.id, group, promoted)
                _share_room(tx, queue, group)
                claiming = [receiver for receiver in group if receiver.has_room]
                tx.push_lanes[queue.id] = queue.push_lanes
                claim.Claim(tx, queue.id, tags, claiming, keyed=queue.keyed).run()
        for operation in operations:
            if operation.error is None:
                operation.result.look_again(tx.now)

    @property
    def is_full(self) -> bool:
        return len(self.result.messages) >= self.limit or self.bytes >= claim.MAX_BYTES

    @property
    def has_room(self) -> bool:
        return len(self.result.messages) < self.allowed and self.bytes < claim.MAX_BYTES

    def take(self, message: Received) -> None:
        self.result.messages.append(message)
        self.bytes += message.size


class _Queue(NamedTuple):
    """One of those a receiver names."""

    id: int
    account_id: int
    name: str
    paused: bool
    next_due: Micros | None
    keyed: bool
    version: int
    push_lanes: str


def _find(tx: Transaction, operations: list[Receive]) -> list[list[_Queue]]:
    """For each operation the queues that may hand out something to it; its result is an empty look so far."""
    FLOORS.begin()
    rows = FLOORS.queues(
        tx,
        accounts=sorted({o.account_id for o in operations}),
        names=sorted({name for o in operations for name in o.queues if names.storable(name)}),
    )
    queues = {(row[1], row[2]): _Queue(*row) for row in rows}
    found: list[list[_Queue]] = []
    for operation in operations:
        named = [queues.get((operation.account_id, name)) for name in dict.fromkeys(operation.queues)]
        there = [queue for queue in named if queue is not None]
        if not there:
            operation.error = QueueNotFound(operation.queues[0])
        takes_any = all(names.storable(tag) for tag in operation.tags)
        active = [queue for queue in there if takes_any and not queue.paused]
        # Where nothing can come, nothing falls due: what is due already would have it look for ever.
        due_at = {queue.id: queue.next_due for queue in active if queue.next_due is not None}
        operation.result = Look({queue.id: operation.tags for queue in there}, [], due_at)
        operation.bytes = 0
        found.append(active)
    return found


def _promote(
    tx: Transaction, queue_id: int, group: list[Receive], promoted: dict[int, Micros | None]
) -> None:
    """Make ready what is due, once in the transaction, and have the receivers know what falls due next."""
    at = group[0].result.next_due.get(queue_id)
    if at is None or at > tx.now:
        return
    if queue_id not in promoted:
        due.promote(tx, queue_id)
        promoted[queue_id] = due.next_due(tx.db, queue_id)
    for operation in group:
        following = promoted[queue_id]
        if following is None:
            operation.result.next_due.pop(queue_id, None)
        else:
            operation.result.next_due[queue_id] = following


def _share_room(tx: Transaction, queue: _Queue, receivers: list[Receive]) -> None:
    """Set how many messages each receiver may be given. Those who may have none wait for room."""
    for receiver in receivers:
        receiver.allowed = receiver.limit
    holders = [receiver for receiver in receivers if receiver.consumer and not receiver.auto_ack]
    if not holders:
        return
    most = settings_versions.load(tx.db, [queue.version])[queue.version].max_in_flight
    if most is None:
        return
    if tx.db.postgresql:
        # Of two processes that count at the same time each would miss what the other hands out.
        tx.db.run(sql.LOCK_RECEIVERS, channel=of_room(queue.id))
    consumers = sorted({receiver.consumer for receiver in holders})
    held: dict[str, int] = dict(
        tx.db.rows(sql.HELD, queue=queue.id, lane=PULL_LANE, consumers=consumers, now=tx.now)
    )
    for receiver in holders:
        name, have = receiver.consumer, len(receiver.result.messages)
        granted = max(min(receiver.limit - have, most - held.get(name, 0)), 0)
        receiver.allowed = have + granted
        held[name] = held.get(name, 0) + granted
        if not granted:
            receiver.result.wait_for_room(queue.id, name)
