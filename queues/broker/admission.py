"""Which of the calls that publish to some locked queues are taken: those that are no repeats, within the
account's quota, and for which there is room in the queue."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from queues.broker import backlog, quotas, seen_keys, settings_versions
from queues.broker.errors import QueueFull, QuotaExceeded
from queues.broker.targets import Queues
from queues.broker.types import Micros, NewMessage, Published, QueueSettings, WhenFull

if TYPE_CHECKING:
    from queues.broker.lanes import Transaction
    from queues.broker.publish import Publish

Stored = tuple[str, int, int]
"""Id, offset and time of publication."""


def without_repeats(tx: Transaction, by_queue: dict[int, list[Publish]]) -> dict[int, list[Publish]]:
    """Answer the calls whose key was seen a while ago; the rest."""
    kept: dict[int, list[Publish]] = {}
    for queue_id, operations in by_queue.items():
        seen = seen_keys.seen(tx, queue_id, [o.once for o in operations if o.once is not None])
        for operation in operations:
            if operation.once is not None and operation.once.digest in seen:
                operation.result = ignored(operation, tx.now)
            else:
                kept.setdefault(queue_id, []).append(operation)
    return kept


def ignored(operation: Publish, now: Micros) -> list[Published]:
    return [Published(m.public_id or "", 0, now, duplicate=True) for m in operation.messages]


def refuse_too_much(
    tx: Transaction,
    tight: set[int],
    operations: list[Publish],
    by_queue: dict[int, list[Publish]],
    stored: dict[int, dict[str, Stored]],
    queues: Queues,
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
            (more, bigger), found = quotas.new_ones(operation.messages, seen[queue_id], names_of)
            copies = 1 + len(queues[queue_id].followers)
            count, size = count + copies * more, size + copies * bigger
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


def refuse_overflow(
    tx: Transaction, queues: Queues, by_queue: dict[int, list[Publish]], stored: dict[int, dict[str, Stored]]
) -> dict[int, list[Publish]]:
    """Where only so many messages may wait, refuse the calls that find no room: they get it as their error.
    Then, where the oldest are to make room, have them make it for the others: what is refused drops nothing.
    A queue that follows one of these counts as much. Returns ``by_queue`` without those refused."""
    versions = settings_versions.load(tx.db, {target.version for target in queues.values()})
    bounds = {queue_id: list(_bounds(queues, versions, queue_id)) for queue_id in by_queue}
    for queue_id, operations in by_queue.items():
        for one, most, when_full in bounds[queue_id]:
            if when_full is WhenFull.REJECT:
                _refuse_beyond(tx, one, most, [o for o in operations if o.error is None], stored[queue_id])
    kept = {q: taken for q, found in by_queue.items() if (taken := [o for o in found if o.error is None])}
    for queue_id, operations in kept.items():
        for one, most, when_full in bounds[queue_id]:
            if when_full is WhenFull.DROP_OLDEST:
                wanted = sum(_new(operation, stored[queue_id]) for operation in operations)
                backlog.drop_oldest(tx, one, wanted - backlog.room(tx, one, most, wanted))
    return kept


def _bounds(
    queues: Queues, versions: Mapping[int, QueueSettings], queue_id: int
) -> Iterator[tuple[int, int, WhenFull]]:
    """The queue and those that follow it, as far as they have a bound, with that and what is to happen
    there."""
    for one in (queue_id, *queues[queue_id].followers):
        settings = versions[queues[one].version] if one in queues else None
        if settings is not None and settings.max_backlog is not None:
            yield one, settings.max_backlog, settings.when_full


def _refuse_beyond(
    tx: Transaction, queue_id: int, most: int, operations: list[Publish], stored: dict[str, Stored]
) -> None:
    counts = [_new(operation, stored) for operation in operations]
    room = backlog.room(tx, queue_id, most, sum(counts))
    for operation, count in zip(operations, counts, strict=True):
        if count > room:
            operation.error = QueueFull(most)
        else:
            room -= count


def _new(operation: Publish, stored: dict[str, Stored]) -> int:
    """How many messages the call adds to a queue that holds those stored."""
    return quotas.new_ones(operation.messages, stored, names_of)[0][0]


def names_of(message: NewMessage) -> tuple[str, ...]:
    """What the message is known by in its queue: its id and its idempotency key, if it has them. NUL, which
    no id has, keeps the two apart."""
    if message.idempotency_key is None:
        return quotas.own_id(message)
    return *quotas.own_id(message), f"\0{message.idempotency_key}"
