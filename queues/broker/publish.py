"""Putting messages into queues."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from queues.broker import due, ids, names, partition_keys, quotas, settings_versions, sql
from queues.broker.clock import micros
from queues.broker.errors import QueueNotFound, QuotaExceeded, TopicNotFound
from queues.broker.lanes import LANES, Operation
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


def publish(account_id: int, queue: str, messages: Sequence[NewMessage]) -> list[Published]:
    """Store ``messages`` in order, all or none. An id that is stored already, in whatever state, is left as
    it is and answered as a duplicate. Returns after the commit. Raises QueueNotFound, QuotaExceeded,
    Unavailable."""
    operation = Publish(account_id, messages, queue=queue)
    result: list[Published] = LANES.of("publish").submit(operation)
    return result


def publish_topic(account_id: int, topic: str, messages: Sequence[NewMessage]) -> None:
    """Store an own copy of ``messages`` in every queue of the account that subscribes to ``topic``, in one
    transaction. Raises TopicNotFound when no queue does, QuotaExceeded, Unavailable."""
    LANES.of("publish").submit(Publish(account_id, messages, topic=topic))


class Publish(Operation):
    stores = True
    __slots__ = ("account_id", "messages", "queue", "topic")

    def __init__(
        self, account_id: int, messages: Sequence[NewMessage], *, queue: str = "", topic: str | None = None
    ) -> None:
        super().__init__(weight=max(len(messages), 1))
        self.account_id = account_id
        self.messages = messages
        self.queue = queue
        self.topic = topic

    @property
    def target(self) -> tuple[int, str]:
        """Account and what was named. A topic may share its name with a queue: NUL, which no name has,
        keeps the two apart."""
        return self.account_id, self.queue if self.topic is None else f"\0{self.topic}"

    @classmethod
    def run(cls, tx: Transaction, operations: list[Publish]) -> None:
        queues, subscribers, wanted = _lock_targets(tx, operations)
        by_queue: dict[int, list[Publish]] = defaultdict(list)
        for operation in operations:
            targets = subscribers.get(operation.target, [])
            targets = [queue_id for queue_id in targets if queue_id in queues]
            if not targets:
                topic = operation.topic
                operation.error = QueueNotFound(operation.queue) if topic is None else TopicNotFound(topic)
            for queue_id in targets:
                by_queue[queue_id].append(operation)
        tight = tx.budget.check(wanted)
        stored, expired = _stored(tx, by_queue)
        if expired:
            for queue_id in sorted(expired):
                due.expire(tx, queue_id, expired[queue_id])
            # One of them may have been dead-lettered into a queue of this batch and have its next offset.
            rows = tx.db.rows(sql.QUEUES_BY_ID, ids=sorted(by_queue))
            queues = {row[0]: (row[3], row[4]) for row in rows}
            stored, _ = _stored(tx, by_queue)
        if tight:
            by_queue = _refuse_too_much(tx, tight, operations, by_queue, stored)
        for queue_id in sorted(by_queue):
            _append(tx, queue_id, *queues[queue_id], by_queue[queue_id], stored[queue_id])


Targets = dict[tuple[int, str], list[int]]
Stored = tuple[str, int, int]
"""Id, offset and time of publication."""


def _lock_targets(
    tx: Transaction, operations: list[Publish]
) -> tuple[dict[int, tuple[int, int]], Targets, dict[int, quotas.Addition]]:
    """Lock every queue the operations publish to, in id order. Returns {queue id: (next offset, settings)},
    which queues each (account, topic or queue name) means, and what each account would have more if nothing
    was a duplicate."""
    direct = {(o.account_id, o.queue) for o in operations if o.topic is None and names.storable(o.queue)}
    topics = {(o.account_id, o.topic) for o in operations if o.topic is not None and names.storable(o.topic)}
    targets: Targets = defaultdict(list)
    if topics:
        for account_id, topic, queue_id in tx.db.rows(
            sql.QUEUE_IDS_BY_TOPIC, accounts=_accounts(topics), topics=_texts(topics)
        ):
            targets[account_id, f"\0{topic}"].append(queue_id)
        for queue_id, account_id, name in tx.db.rows(
            sql.QUEUE_IDS_BY_NAME, accounts=_accounts(direct), names=_texts(direct)
        ):
            targets[account_id, name].append(queue_id)
        wanted = _additions(operations, targets)
        tx.budget.ask(wanted)
        locked = sorted({queue_id for found in targets.values() for queue_id in found})
        rows = tx.db.rows(sql.QUEUES_BY_ID, ids=locked)
    else:
        wanted = _additions(operations, None)
        tx.budget.ask(wanted)
        rows = tx.db.rows(sql.QUEUES_BY_NAME, accounts=_accounts(direct), names=_texts(direct))
        for queue_id, account_id, name, _, _ in rows:
            targets[account_id, name].append(queue_id)
    return {row[0]: (row[3], row[4]) for row in rows}, targets, wanted


def _additions(operations: list[Publish], targets: Targets | None) -> dict[int, quotas.Addition]:
    """``targets`` None: each names one queue."""
    wanted: dict[int, quotas.Addition] = {}
    for operation in operations:
        copies = 1 if targets is None else len(targets.get(operation.target, ()))
        count, size = quotas.total(operation.messages)
        before = wanted.get(operation.account_id, (0, 0))
        wanted[operation.account_id] = before[0] + copies * count, before[1] + copies * size
    return wanted


def _refuse_too_much(
    tx: Transaction,
    tight: set[int],
    operations: list[Publish],
    by_queue: dict[int, list[Publish]],
    stored: dict[int, dict[str, Stored]],
) -> dict[int, list[Publish]]:
    """Judge the calls of accounts that are near a quota, in order: those that do not fit, whole, get it as
    their error. Returns ``by_queue`` without them."""
    seen = {queue_id: set(known) for queue_id, known in stored.items()}
    accepted: dict[int, quotas.Addition] = defaultdict(lambda: (0, 0))
    queues_of: dict[Publish, list[int]] = defaultdict(list)
    for queue_id, publications in by_queue.items():
        for operation in publications:
            queues_of[operation].append(queue_id)
    for operation in operations:
        account_id = operation.account_id
        if account_id not in tight or operation not in queues_of:
            continue
        count, size = accepted[account_id]
        new_ids: list[tuple[int, set[str]]] = []
        for queue_id in queues_of[operation]:
            (more, bigger), found = quotas.new_ones(operation.messages, seen[queue_id], _names)
            count, size = count + more, size + bigger
            new_ids.append((queue_id, found))
        try:
            # Only what this call adds is held against it: one that adds nothing is never too much.
            if (count, size) != accepted[account_id]:
                tx.budget.demand(account_id, count, size)
        except QuotaExceeded as error:
            operation.error = error
            continue
        accepted[account_id] = count, size
        for queue_id, found in new_ids:
            seen[queue_id] |= found
    return {q: kept for q, found in by_queue.items() if (kept := [o for o in found if o.error is None])}


def _accounts(pairs: set[tuple[int, str]]) -> list[int]:
    return sorted({account_id for account_id, _ in pairs})


def _texts(pairs: set[tuple[int, str]]) -> list[str]:
    return sorted({text for _, text in pairs})


def _names(message: NewMessage) -> tuple[str, ...]:
    """What the message is known by in its queue: its id and its idempotency key, if it has them. NUL, which
    no id has, keeps the two apart."""
    if message.idempotency_key is None:
        return quotas.own_id(message)
    return *quotas.own_id(message), f"\0{message.idempotency_key}"


def _append(
    tx: Transaction,
    queue_id: int,
    next_offset: int,
    version: int,
    operations: list[Publish],
    stored: dict[str, Stored],
) -> None:
    """Write what the operations bring to one locked queue."""
    settings = settings_versions.load(tx.db, [version])[version]
    own = {m.settings for o in operations for m in o.messages if m.settings is not None}
    versions = settings_versions.ids_of(tx.db, own, tx.now) if own else {}
    messages: list[Row] = []
    deliveries: list[Row] = []
    size = 0
    for operation in operations:
        results: list[Published] = []
        for message in operation.messages:
            known_by = _names(message)
            known = next((stored[name] for name in known_by if name in stored), None)
            if known is not None:
                results.append(Published(known[0], known[1], known[2], duplicate=True, queue_id=queue_id))
                continue
            offset = next_offset + len(messages)
            public_id = message.public_id or ids.new_message_id()
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
            size += message.size
        operation.result = results
    if not messages:
        return
    tx.db.bulk(sql.INSERT_MESSAGES, messages)
    tx.db.bulk(sql.INSERT_DELIVERIES, deliveries)
    tx.db.run(sql.SET_NEXT_OFFSET, queue=queue_id, next=next_offset + len(messages))
    tx.tally.add(queue_id, messages=len(messages), bytes=size, published_total=len(messages))
    tx.budget.add(operations[0].account_id, len(messages), size)
    keys = {row[6] for row in deliveries if row[3] == BLOCKED}
    if keys:
        partition_keys.put_in_order(tx, queue_id, keys)
    for tag, count in Counter(row[5] for row in deliveries if row[3] == READY).items():
        tx.wakes.ready(queue_id, tag, count)
    first = min((row[8] for row in deliveries if row[3] == SCHEDULED), default=None)
    if first is not None:
        tx.wakes.due(queue_id, first)


def _stored(
    tx: Transaction, by_queue: dict[int, list[Publish]]
) -> tuple[dict[int, dict[str, Stored]], dict[int, list[int]]]:
    """Which of the operations' ids and idempotency keys each queue holds, as ``_names`` has them, and the
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
    sweep_at = None if settings.preserve_pending else expires_at
    due_state = BLOCKED if message.partition_key else READY
    state = SCHEDULED if deliver_at > now else due_state
    row = (
        queue_id, offset, public_id, version, message.body, int(message.encoding), message.size, message.tag,
        message.partition_key, message.priority, message.metadata, message.headers, now, now, deliver_at,
        expires_at, sweep_at, 0, 0, "", message.idempotency_key,
    )  # fmt: skip
    delivery = (
        queue_id, PULL_LANE, offset, state, -message.priority, message.tag, message.partition_key, deliver_at,
        deliver_at, sweep_at, now, 0, settings.max_attempts, 0, "", None,
    )  # fmt: skip
    return row, delivery
