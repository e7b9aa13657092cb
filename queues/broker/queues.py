"""Making, changing and removing queues. Control plane: through the ORM, in the bulk lane's transactions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from queues.broker import (
    audit,
    events,
    listeners,
    names,
    observe,
    quotas,
    settings_rules,
    settings_versions,
    sql,
)
from queues.broker.audit import Act
from queues.broker.db import ERRORS, Connection, unavailable
from queues.broker.errors import InvalidSettings, QueueExists, QueueNotFound
from queues.broker.lanes import in_transaction
from queues.broker.outage import OUTAGE
from queues.broker.types import QueueInfo, QueueSettings
from queues.broker.wakes import of_account, of_push
from queues.fields import to_datetime, to_micros
from queues.models import Queue, Subscription

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from queues.broker.lanes import Transaction


PURGED_AT_ONCE = 2_000
"""Messages that are removed before ``delete_queue`` returns."""


@contextmanager
def reading() -> Iterator[Connection]:
    """A connection to look with, given back afterwards: a parked or slow client never keeps one."""
    db = Connection()
    try:
        db.open()
        yield db
    except ERRORS as error:
        away = unavailable(error)
        if away is not None:
            OUTAGE.notice(error)
        if observe.watcher is not None:
            observe.watcher.failed(observe.Trouble.UNAVAILABLE if away else observe.Trouble.REFUSED)
        raise away or error from error
    finally:
        if not db.django.in_atomic_block:
            db.discard()


@contextmanager
def looking() -> Iterator[Connection]:
    """The same for several looks that are to see one instant, without the ORM."""
    with reading() as db, db.snapshot():
        yield db


def create_queue(
    account_id: int,
    name: str,
    *,
    settings: QueueSettings,
    topics: Sequence[str] = (),
    kind: str = "worker",
    description: str = "",
    internal: bool = False,
) -> QueueInfo:
    """Make a queue. ``kind``: worker or pubsub. Raises QueueExists (whatever its settings; it is left as it
    is), QuotaExceeded, Unavailable."""

    act = _made(account_id, name)

    def create(tx: Transaction) -> QueueInfo:
        check_room = quotas.lock_channels(tx, account_id)
        if _living(account_id, name).exists():
            raise QueueExists(name)
        check_room()
        about = {"kind": kind, "description": description, "internal": internal}
        queue, made = _get_or_make(tx, account_id, name, settings, act, **about)
        if not made:
            raise QueueExists(name)
        _subscribe(queue, topics)
        return _info(queue, topics, settings)

    info: QueueInfo = in_transaction(create)
    return info


def ensure_queues(account_id: int, wanted: Mapping[str, QueueSettings], *, kind: str = "worker") -> None:
    """Make those of the queues that do not exist, all or none; those that do are left as they are. For
    dialects in which a queue comes into being by its use. Raises QuotaExceeded, Unavailable."""

    acts = {name: _made(account_id, name) for name in wanted}

    def ensure(tx: Transaction) -> None:
        check_room = quotas.lock_channels(tx, account_id)
        for name, settings in wanted.items():
            if not _living(account_id, name).exists():
                check_room()
                _get_or_make(tx, account_id, name, settings, acts[name], kind=kind)

    in_transaction(ensure)


def _made(account_id: int, name: str) -> Act:
    return Act(account_id, "queue.create", f"queue {name}")


def _get_or_make(
    tx: Transaction, account_id: int, name: str, settings: QueueSettings, act: Act, **about: Any
) -> tuple[Queue, bool]:
    """The queue, and whether it is new: ``act`` is its making. ``about``: its columns that are no
    settings."""
    now = to_datetime(tx.now)
    version = settings_versions.store(tx.db, settings, tx.now)
    queue, made = Queue.objects.get_or_create(
        account_id=account_id,
        name=name,
        deleted_at=None,
        defaults={**about, "settings_id": version, "created_at": now, "updated_at": now},
    )
    if made:
        act.record(tx)
    tx.wakes.everyone(of_account(account_id))
    return queue, made


def get_queue(account_id: int, name: str) -> QueueInfo:
    """Raises QueueNotFound, Unavailable."""
    with reading():
        return infos(_living(account_id, name)[:1], name)[0]


def list_queues(account_id: int) -> list[QueueInfo]:
    """The account's queues in order of creation. Raises Unavailable."""
    with reading():
        return infos(Queue.objects.filter(account_id=account_id, deleted_at=None).order_by("id"))


def names_beginning(account_id: int, prefix: str) -> list[str]:
    """Names of the account's queues that begin so, in order of creation. Raises Unavailable."""
    if not names.storable(prefix):
        return []
    with reading():
        found = Queue.objects.filter(account_id=account_id, deleted_at=None, name__startswith=prefix)
        # SQLite takes an A for an a there.
        return [n for n in found.order_by("id").values_list("name", flat=True) if n.startswith(prefix)]


def update_queue(
    account_id: int,
    name: str,
    *,
    settings: Callable[[QueueSettings], QueueSettings] | None = None,
    topics: Sequence[str] | None = None,
    description: str | None = None,
) -> QueueInfo:
    """Change settings (a function of the old ones), for messages published from now on, and replace topics
    and description; what is None stays.
    Raises QueueNotFound, InvalidSettings, Unavailable, and whatever ``settings`` raises; then nothing is
    changed."""

    act = Act(account_id, "queue.change", f"queue {name}")

    def update(tx: Transaction) -> QueueInfo:
        queue = _locked(account_id, name)
        current = settings_versions.load(tx.db, [queue.settings_id])[queue.settings_id]
        before = _told(current, _topics(queue), queue.description)
        if settings is not None:
            # Not loaded again: what this transaction stored must not be cached before it is committed.
            old, current = current, settings(current)
            if wrong := settings_rules.problems(old, current, queue=name):
                raise InvalidSettings(wrong)
            queue.settings_id = settings_versions.store(tx.db, current, tx.now)
        if topics is not None:
            queue.subscriptions.all().delete()
            _subscribe(queue, topics)
        if description is not None:
            queue.description = description
        if (settings, topics, description) != (None, None, None):
            queue.updated_at = to_datetime(tx.now)
            queue.save(update_fields=["settings_id", "description", "updated_at"])
        told = topics if topics is not None else _topics(queue)
        act.detail = audit.changes(before, _told(current, told, queue.description))
        if act.detail:
            act.record(tx)
        return _info(queue, told, current)

    info: QueueInfo = in_transaction(update)
    return info


def _told(settings: QueueSettings, topics: Sequence[str], description: str) -> dict[str, Any]:
    """All that can be changed of a queue, for the audit log."""
    told: dict[str, Any] = msgspec.to_builtins(settings)
    return told | {"topics": list(topics), "description": description}


def pause_queue(account_id: int, name: str) -> QueueInfo:
    """Hand out nothing until resumed; publishing and settling go on. Raises QueueNotFound, Unavailable."""
    return _set_paused(account_id, name, paused=True)


def resume_queue(account_id: int, name: str) -> QueueInfo:
    """Raises QueueNotFound, Unavailable."""
    return _set_paused(account_id, name, paused=False)


def _set_paused(account_id: int, name: str, *, paused: bool) -> QueueInfo:
    act = Act(account_id, "queue.pause" if paused else "queue.resume", f"queue {name}")

    def change(tx: Transaction) -> QueueInfo:
        queue = _locked(account_id, name)
        if paused != (queue.paused_at is not None):
            queue.paused_at = to_datetime(tx.now) if paused else None
            queue.updated_at = to_datetime(tx.now)
            queue.save(update_fields=["paused_at", "updated_at"])
            act.record(tx)
        if not paused:
            # One is enough: who takes as much as it may calls the next.
            tx.wakes.ready(queue.pk)
            tx.wakes.ready(of_push(queue.pk))
        current = settings_versions.load(tx.db, [queue.settings_id])[queue.settings_id]
        return _info(queue, _topics(queue), current)

    info: QueueInfo = in_transaction(change)
    return info


def delete_queue(account_id: int, name: str) -> None:
    """Remove the queue with its messages and subscriptions. It is gone for everyone at once and its name is
    free; so is its share of the quota, or, of a large queue, soon: the rows of its messages beyond the first
    ``PURGED_AT_ONCE`` follow in the background. Raises QueueNotFound, Unavailable."""

    act = Act(account_id, "queue.delete", f"queue {name}")

    def delete(tx: Transaction) -> int:
        queue = _locked(account_id, name)
        queue.subscriptions.all().delete()
        queue.sources.all().delete()
        queue.deleted_at = to_datetime(tx.now)
        queue.save(update_fields=["deleted_at"])
        tx.wakes.everyone(queue.pk)
        act.record(tx, _stored(tx, queue.pk))
        return queue.pk

    queue_id: int = in_transaction(delete)
    # Not in the same transaction: it holds the queue's lock, which settlements may want after their own.
    in_transaction(partial(_purge, queue_id=queue_id, limit=PURGED_AT_ONCE))


def purge_deleted(tx: Transaction, limit: int) -> int:
    """Remove up to ``limit`` messages of a deleted queue, then the queue's own row. How many rows went."""
    gone = tx.db.rows(sql.DELETED_QUEUES)
    if not gone:
        return 0
    queue_id = gone[0][0]
    found = _purge(tx, queue_id, limit)
    if found:
        return found
    tx.db.run(sql.DELETE_COUNTERS, queue=queue_id)
    tx.db.run(sql.DELETE_SAMPLES, queue=queue_id)
    tx.db.run(sql.DELETE_DESTINATIONS, queue=queue_id)
    tx.db.run(sql.DELETE_CLOSED_LANES, queue=queue_id)
    tx.db.run(sql.DELETE_QUEUE, queue=queue_id)
    return 1


def _purge(tx: Transaction, queue_id: int, limit: int) -> int:
    """Remove up to ``limit`` messages of a deleted queue; how many were found."""
    offsets = tx.db.rows(sql.REST_OF_QUEUE, queue=queue_id, limit=limit)
    if offsets:
        last = offsets[-1][0]
        tx.db.run(sql.DELETE_DELIVERY_RANGE, queue=queue_id, last=last)
        tx.db.run(events.DELETE_RANGE, queue=queue_id, last=last)
        # Counted as they go: others may be removing some of them at this moment.
        removed = tx.db.rows(sql.DELETE_MESSAGE_RANGE, queue=queue_id, last=last)
        tx.tally.add(queue_id, messages=-len(removed), bytes=-sum(size for (size,) in removed))
        for purged in listeners.PURGED:
            purged(tx, queue_id, last)
    return len(offsets)


def _stored(tx: Transaction, queue_id: int) -> int:
    """How many messages the queue holds."""
    count: int = tx.db.rows(sql.COUNT_STORED, queue=queue_id)[0][0]
    return count


def id_of(db: Connection, account_id: int, name: str) -> int:
    """Raises QueueNotFound."""
    rows = db.rows(sql.QUEUE_IDS_BY_NAME, accounts=[account_id], names=[name]) if names.storable(name) else []
    if not rows:
        raise QueueNotFound(name)
    queue_id: int = rows[0][0]
    return queue_id


def names_of(db: Connection, queue_ids: Iterable[int]) -> dict[int, str]:
    """The names of these queues, but for those that are deleted."""
    return {row[0]: row[2] for row in db.rows(sql.QUEUES_NAMED, ids=sorted(queue_ids))}


def queue_name(account_id: int, queue_id: int) -> str:
    """The name of the account's queue with this id. Raises QueueNotFound, Unavailable."""
    with reading():
        rows = Queue.objects.filter(pk=queue_id, account_id=account_id, deleted_at=None)
        found = rows.values_list("name", flat=True).first()
    if found is None:
        raise QueueNotFound(str(queue_id))
    return found


def _living(account_id: int, name: str) -> QuerySet[Queue]:
    if not names.storable(name):
        return Queue.objects.none()
    return Queue.objects.filter(account_id=account_id, name=name, deleted_at=None)


def _locked(account_id: int, name: str) -> Queue:
    queue = _living(account_id, name).select_for_update().first()
    if queue is None:
        raise QueueNotFound(name)
    return queue


def _subscribe(queue: Queue, topics: Sequence[str]) -> None:
    Subscription.objects.bulk_create(
        Subscription(queue=queue, account_id=queue.account_id, topic=topic, position=position)
        for position, topic in enumerate(dict.fromkeys(topics))
    )


def _topics(queue: Queue) -> list[str]:
    return list(queue.subscriptions.order_by("position").values_list("topic", flat=True))


def infos(queues: QuerySet[Queue], name: str | None = None) -> list[QueueInfo]:
    """``name``: raises QueueNotFound when there is none."""
    rows = list(queues.prefetch_related("subscriptions").select_related("settings"))
    if name is not None and not rows:
        raise QueueNotFound(name)
    found = []
    for queue in rows:
        topics = [s.topic for s in sorted(queue.subscriptions.all(), key=lambda s: s.position)]
        found.append(_info(queue, topics, settings_versions.read(queue.settings)))
    return found


def _info(queue: Queue, topics: Sequence[str], settings: QueueSettings) -> QueueInfo:
    return QueueInfo(
        id=queue.pk,
        name=queue.name,
        kind=queue.kind,
        created_at=to_micros(queue.created_at),
        paused_at=None if queue.paused_at is None else to_micros(queue.paused_at),
        next_offset=queue.next_offset,
        settings=settings,
        topics=tuple(dict.fromkeys(topics)),
        description=queue.description,
        internal=queue.internal,
        updated_at=to_micros(queue.updated_at),
    )
