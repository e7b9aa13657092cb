"""Which types of task there are: those with a handler here, and those an account registered for workers
elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from queues.broker import names
from queues.broker.audit import Act
from queues.broker.lanes import in_transaction
from queues.broker.queues import reading
from queues.fields import to_datetime
from queues.models import TaskType
from queues.tasks import registry, sql
from queues.tasks.errors import TaskTypeBuiltin, TaskTypeNotFound

if TYPE_CHECKING:
    from queues.broker.db import Connection
    from queues.broker.lanes import Transaction


class KnownType(NamedTuple):
    name: str
    builtin: bool


def register(account_id: int, name: str) -> bool:
    """Let tasks of the type be made, for workers elsewhere. Whether it is new. Raises TaskTypeBuiltin,
    Unavailable."""
    if registry.find(name) is not None:
        raise TaskTypeBuiltin(name)

    act = Act(account_id, "task_type.create", f"task type {name}")

    def make(tx: Transaction) -> bool:
        _, made = TaskType.objects.get_or_create(
            account_id=account_id, name=name, defaults={"created_at": to_datetime(tx.now)}
        )
        if made:
            act.record(tx)
        return made

    made: bool = in_transaction(make)
    return made


def remove(account_id: int, name: str) -> None:
    """No more tasks of the type are made or claimed; those there are stay. Raises TaskTypeBuiltin,
    TaskTypeNotFound, Unavailable."""
    if registry.find(name) is not None:
        raise TaskTypeBuiltin(name)
    if not names.storable(name):
        raise TaskTypeNotFound(name)
    act = Act(account_id, "task_type.delete", f"task type {name}")

    def delete(tx: Transaction) -> None:
        found, _ = TaskType.objects.filter(account_id=account_id, name=name).delete()
        if not found:
            raise TaskTypeNotFound(name)
        act.record(tx)

    in_transaction(delete)


def known_types(account_id: int) -> list[KnownType]:
    """All of them, by name. Raises Unavailable."""
    with reading():
        registered = list(TaskType.objects.filter(account_id=account_id).values_list("name", flat=True))
    others = [name for name in registered if registry.find(name) is None]
    return sorted(
        [KnownType(name, True) for name in registry.types()] + [KnownType(name, False) for name in others]
    )


def is_known(account_id: int, name: str) -> bool:
    """Raises Unavailable."""
    with reading() as db:
        return not unknown(db, [(account_id, name)])


def unknown(db: Connection, wanted: Iterable[tuple[int, str]]) -> set[tuple[int, str]]:
    """Those of the (account id, type) that are not known."""
    others = {(account_id, name) for account_id, name in wanted if registry.find(name) is None}
    looked_up = {(account_id, name) for account_id, name in others if names.storable(name)}
    if not looked_up:
        return others
    rows = db.rows(
        sql.KNOWN_TYPES,
        accounts=sorted({account_id for account_id, _ in looked_up}),
        names=sorted({name for _, name in looked_up}),
    )
    return others - {(account_id, name) for account_id, name in rows}
