"""Which queues a publish goes to: found, and locked, since the lock hands out offsets."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from queues.broker import names, quotas, sql
from queues.broker.followers import ids_in

if TYPE_CHECKING:
    from queues.broker.db import Row
    from queues.broker.lanes import Transaction
    from queues.broker.publish import Publish


class Target(NamedTuple):
    """A locked queue: its next offset, its settings' version, the ids of those that follow it, the lanes of
    its destinations."""

    next_offset: int
    version: int
    followers: tuple[int, ...] = ()
    push_lanes: str = ""


def target(row: Row) -> Target:
    return Target(row[3], row[4], ids_in(row[5]), row[6])


Queues = dict[int, Target]
Targets = dict[tuple[int, str], list[int]]


def lock_targets(
    tx: Transaction, operations: list[Publish]
) -> tuple[Queues, Targets, dict[int, quotas.Addition]]:
    """Lock every queue the operations publish to, in id order. Returns these queues, which of them each
    (account, topic or queue name) means, and what each account would have more if nothing was a duplicate."""
    direct = {(o.account_id, o.queue) for o in operations if o.topic is None and names.storable(o.queue)}
    topics = {(o.account_id, o.topic) for o in operations if o.topic is not None and names.storable(o.topic)}
    targets: Targets = defaultdict(list)
    if topics:
        for account_id, topic, queue_id in tx.db.rows(
            sql.QUEUE_IDS_BY_TOPIC, accounts=_accounts(topics), topics=_texts(topics)
        ):
            targets[account_id, f"\0{topic}"].append(queue_id)
        for queue_id, account_id, name, _ in tx.db.rows(
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
        for queue_id, account_id, name, *_ in rows:
            targets[account_id, name].append(queue_id)
    return {row[0]: target(row) for row in rows}, targets, wanted


def lock_followers(
    tx: Transaction,
    queues: Queues,
    by_queue: dict[int, list[Publish]],
    wanted: dict[int, quotas.Addition],
) -> None:
    """Add the queues that follow these to ``queues``, and what their copies need to ``wanted``."""
    missing = {follower for target in queues.values() for follower in target.followers} - queues.keys()
    for row in tx.db.rows(sql.QUEUES_BY_ID, ids=sorted(missing)) if missing else ():
        queues[row[0]] = target(row)
    for queue_id, operations in by_queue.items():
        copies = len(queues[queue_id].followers)
        for operation in operations if copies else ():
            count, size = quotas.total(operation.messages)
            before = wanted[operation.account_id]
            wanted[operation.account_id] = before[0] + copies * count, before[1] + copies * size


def _additions(operations: list[Publish], targets: Targets | None) -> dict[int, quotas.Addition]:
    """``targets`` None: each names one queue."""
    wanted: dict[int, quotas.Addition] = {}
    for operation in operations:
        copies = 1 if targets is None else len(targets.get(operation.target, ()))
        count, size = quotas.total(operation.messages)
        before = wanted.get(operation.account_id, (0, 0))
        wanted[operation.account_id] = before[0] + copies * count, before[1] + copies * size
    return wanted


def _accounts(pairs: set[tuple[int, str]]) -> list[int]:
    return sorted({account_id for account_id, _ in pairs})


def _texts(pairs: set[tuple[int, str]]) -> list[str]:
    return sorted({text for _, text in pairs})
