"""Putting messages into queues."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from queues.broker import (
    due,
    followers,
    ids,
    partition_keys,
    passing,
    push_lanes,
    seen_keys,
    settings_versions,
    sql,
)
from queues.broker.admission import (
    Stored,
    ignored,
    names_of,
    refuse_overflow,
    refuse_too_much,
    without_repeats,
)
from queues.broker.clock import micros
from queues.broker.errors import QueueNotFound, TopicNotFound
from queues.broker.lanes import LANES, Operation
from queues.broker.seen_keys import Once
from queues.broker.targets import Queues, lock_followers, lock_targets, target
from queues.broker.types import MAX_INSTANT, NewMessage, Published, QueueSettings
from queues.models import PULL_LANE, DeliveryState

if TYPE_CHECKING:
    from queues.broker.db import Row
    from queues.broker.lanes import Transaction

EXPIRES_AT = list(sql.MESSAGE_COLUMNS).index("expires_at")
"""Its place in a row."""

SCHEDULED, READY, BLOCKED = (
    int(state) for state in (DeliveryState.SCHEDULED, DeliveryState.READY, DeliveryState.BLOCKED)
)


def publish(
    account_id: int, queue: str, messages: Sequence[NewMessage], *, once: Once | None = None
) -> list[Published]:
    """Store ``messages`` in order, all or none. An id that is stored already, in whatever state, is left as
    it is and answered as a duplicate; so are all of them if a call with the same key as ``once`` took effect
    on this queue a while ago. Returns after the commit. Raises QueueNotFound, QuotaExceeded, QueueFull,
    Unavailable."""
    operation = Publish(account_id, messages, queue=queue, once=once)
    result: list[Published] = LANES.of("publish").submit(operation)
    return result


def publish_topic(account_id: int, topic: str, messages: Sequence[NewMessage]) -> None:
    """Store an own copy of ``messages`` in every queue of the account that subscribes to ``topic``, in one
    transaction. Raises TopicNotFound when no queue does, QuotaExceeded, Unavailable."""
    LANES.of("publish").submit(Publish(account_id, messages, topic=topic))


class Publish(Operation):
    stores = True
    __slots__ = ("account_id", "messages", "once", "queue", "topic")

    def __init__(
        self,
        account_id: int,
        messages: Sequence[NewMessage],
        *,
        queue: str = "",
        topic: str | None = None,
        once: Once | None = None,
    ) -> None:
        super().__init__(weight=max(len(messages), 1))
        self.account_id = account_id
        self.messages = messages
        self.queue = queue
        self.topic = topic
        self.once = once

    @property
    def target(self) -> tuple[int, str]:
        """Account and what was named. A topic may share its name with a queue: NUL, which no name has,
        keeps the two apart."""
        return self.account_id, self.queue if self.topic is None else f"\0{self.topic}"

    @classmethod
    def run(cls, tx: Transaction, operations: list[Publish]) -> None:
        queues, subscribers, wanted = lock_targets(tx, operations)
        by_queue: dict[int, list[Publish]] = defaultdict(list)
        for operation in operations:
            targets = subscribers.get(operation.target, [])
            targets = [queue_id for queue_id in targets if queue_id in queues]
            if not targets:
                topic = operation.topic
                operation.error = QueueNotFound(operation.queue) if topic is None else TopicNotFound(topic)
            for queue_id in targets:
                by_queue[queue_id].append(operation)
        by_queue = without_repeats(tx, by_queue)
        lock_followers(tx, queues, by_queue, wanted)
        tight = tx.budget.check(wanted)
        stored, expired = _stored(tx, by_queue)
        if expired:
            for queue_id in sorted(expired):
                due.expire(tx, queue_id, expired[queue_id])
            # One of them may have been dead-lettered into a queue of this batch and have its next offset.
            rows = tx.db.rows(sql.QUEUES_BY_ID, ids=sorted(queues))
            queues = {row[0]: target(row) for row in rows}
            stored, _ = _stored(tx, by_queue)
        if tight:
            by_queue = refuse_too_much(tx, tight, operations, by_queue, stored, queues)
        by_queue = refuse_overflow(tx, queues, by_queue, stored)
        for queue_id in sorted(by_queue):
            new = append(tx, queue_id, queues, by_queue[queue_id], stored[queue_id])
            passing.show_published(tx, queue_id, by_queue[queue_id])
            for follower in queues[queue_id].followers if new else ():
                if follower in queues:
                    copy = Publish(by_queue[queue_id][0].account_id, followers.copies(new))
                    append(tx, follower, queues, [copy], {})
                    passing.show_published(tx, follower, [copy])


def append(
    tx: Transaction, queue_id: int, queues: Queues, operations: list[Publish], stored: dict[str, Stored]
) -> list[NewMessage]:
    """Write what the operations bring to one locked queue; returns what was new."""
    next_offset, version, _, lanes = queues[queue_id]
    settings = settings_versions.load(tx.db, [version])[version]
    own = {m.settings for o in operations for m in o.messages if m.settings is not None}
    versions = settings_versions.ids_of(tx.db, own, tx.now) if own else {}
    messages: list[Row] = []
    deliveries: list[Row] = []
    size = 0
    new: list[NewMessage] = []
    for operation in _not_twice(tx, queue_id, operations):
        results: list[Published] = []
        for message in operation.messages:
            known_by = names_of(message)
            known = next((stored[name] for name in known_by if name in stored), None)
            if known is not None:
                results.append(Published(known[0], known[1], known[2], duplicate=True, queue_id=queue_id))
                continue
            offset = next_offset + len(messages)
            public_id = message.public_id or _new_id(message)
            for name in known_by:
                stored[name] = (public_id, offset, tx.now)
            under = message.settings
            kept = (version, settings) if under is None else (versions[under], under)
            row, delivery = _rows(tx, queue_id, offset, public_id, *kept, message)
            results.append(
                Published(public_id, offset, tx.now, False, queue_id, row[EXPIRES_AT], kept[1].max_attempts)
            )
            messages.append(row)
            deliveries.append(delivery)
            new.append(message)
            size += message.size
        operation.result = results
    if not messages:
        return new
    tx.db.bulk(sql.INSERT_MESSAGES, messages)
    tx.db.bulk(sql.INSERT_DELIVERIES, deliveries)
    if lanes:
        push_lanes.add(tx, queue_id, push_lanes.parse(lanes), deliveries)
    given_back = [(m.retries, queue_id, next_offset + at) for at, m in enumerate(new) if m.retries]
    tx.db.bulk(sql.SET_RETRIES, given_back)
    queues[queue_id] = queues[queue_id]._replace(next_offset=next_offset + len(messages))
    tx.db.run(sql.SET_NEXT_OFFSET, queue=queue_id, next=next_offset + len(messages))
    tx.tally.add(queue_id, messages=len(messages), bytes=size, published_total=len(messages))
    tx.budget.add(operations[0].account_id, len(messages), size)
    keys = {row[6] for row in deliveries if row[3] == BLOCKED}
    if keys:
        partition_keys.put_in_order(tx, queue_id, keys)
    last = all(row[4] >= 0 for row in deliveries)
    for tag, count in Counter(row[5] for row in deliveries if row[3] == READY).items():
        tx.wakes.ready(queue_id, tag, count, last=last)
    first = min((row[8] for row in deliveries if row[3] == SCHEDULED), default=None)
    if first is not None:
        tx.wakes.due(queue_id, first)
    return new


def _not_twice(tx: Transaction, queue_id: int, operations: list[Publish]) -> Iterator[Publish]:
    """Without those that have the key of another one before them; the keys of the others count from now
    on."""
    noted: set[str] = set()
    for operation in operations:
        once = operation.once
        if once is not None:
            if once.digest in noted:
                operation.result = ignored(operation, tx.now)
                continue
            noted.add(once.digest)
            seen_keys.note(tx, queue_id, once)
        yield operation


def _stored(
    tx: Transaction, by_queue: dict[int, list[Publish]]
) -> tuple[dict[int, dict[str, Stored]], dict[int, list[int]]]:
    """Which of the operations' ids and idempotency keys each queue holds, as ``names_of`` has them, and the
    offsets of those whose time to live is over: their ids are free, whether or not a sweep has come by."""
    stored: dict[int, dict[str, Stored]] = {}
    expired: dict[int, list[int]] = {}
    for queue_id, operations in by_queue.items():
        wanted = sorted({m.public_id for o in operations for m in o.messages if m.public_id is not None})
        rows = tx.db.rows(sql.STORED_IDS, queue=queue_id, ids=wanted) if wanted else []
        stored[queue_id] = {row[0]: (row[0], row[1], row[2]) for row in rows}
        keys = {m.idempotency_key for o in operations for m in o.messages} - {None}
        if keys:
            keyed = tx.db.rows(sql.STORED_KEYS, queue=queue_id, keys=sorted(keys))
            stored[queue_id] |= {f"\0{key}": (row[0], row[1], row[2]) for key, *row in keyed}
            rows += [row[1:] for row in keyed]
        over = [row[1] for row in rows if row[3] is not None and row[3] <= tx.now]
        if over:
            expired[queue_id] = over
    return stored, expired


def _new_id(message: NewMessage) -> str:
    return ids.new_random_id() if message.random_id else ids.new_message_id()


def _rows(
    tx: Transaction,
    queue_id: int,
    offset: int,
    public_id: str,
    version: int,
    settings: QueueSettings,
    message: NewMessage,
) -> tuple[Row, Row]:
    now = tx.now
    ttl = settings.ttl_seconds if message.ttl_seconds is None else message.ttl_seconds or None
    deliver_at = now if message.deliver_at is None else message.deliver_at
    born = max(now, deliver_at) if settings.ttl_from_delivery else now
    expires_at = None if ttl is None else min(born + micros(ttl), MAX_INSTANT)
    if message.expires_at is not None:
        expires_at = message.expires_at
    created_at = now if message.created_at is None else message.created_at
    sweep_at = None if settings.preserve_pending else expires_at
    due_state = BLOCKED if message.partition_key else READY
    state = SCHEDULED if deliver_at > now else due_state
    row = (
        queue_id, offset, public_id, version, message.body, int(message.encoding), message.size, message.tag,
        message.partition_key, message.priority, message.metadata, message.headers, created_at, now,
        deliver_at, expires_at, sweep_at, 0, 0, "", message.idempotency_key,
    )  # fmt: skip
    delivery = (
        queue_id, PULL_LANE, offset, state, -message.priority, message.tag, message.partition_key, deliver_at,
        deliver_at, sweep_at, now, 0, settings.max_attempts, 0, "", None,
    )  # fmt: skip
    return row, delivery
