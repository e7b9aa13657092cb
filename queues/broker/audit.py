"""Who destroyed, replayed or changed something: a row each, in the transaction of the act itself.

Who acts is noted where a caller is recognised (``acting``, ``set_actor``: the API's views, the console's
middleware, the worker for whoever ordered its job), so that no call can forget to say it. An ``Act`` takes it
down in the caller's own thread; the engine's threads act for everybody.

    act = Act(account_id, "queue.delete", "queue orders")
    in_transaction(lambda tx: ...; act.record(tx))

An act that goes on in chunks adds each chunk's count to its one row, so that the row says what was committed
even if the rest never happens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
from django.conf import settings

from queues.broker import clock
from queues.broker.db import Statement
from queues.fields import to_datetime
from queues.models import AuditEntry

if TYPE_CHECKING:
    from queues.broker.lanes import Transaction

SYSTEM = "system"
"""Who acts where nobody was recognised: management commands, the server itself."""

ANONYMOUS = "anonymous"
"""A caller without a key, where the operator lets such in."""

MAX_ACTOR, MAX_TARGET = 256, 512
SOME = 20

_actor: ContextVar[str] = ContextVar("okmq_actor", default=SYSTEM)


def set_actor(actor: str) -> None:
    """What this thread does from now on is done by ``actor``."""
    _actor.set(actor[:MAX_ACTOR])


def actor() -> str:
    """Who acts in this thread: ``key <public part>``, ``user <name>``, ``anonymous``, ``system``."""
    return _actor.get()


@contextmanager
def acting(name: str) -> Iterator[None]:
    """What is done within is done by ``name``."""
    token = _actor.set(name[:MAX_ACTOR])
    try:
        yield
    finally:
        _actor.reset(token)


INSERT = Statement(
    """
    INSERT INTO queues_auditentry (at, account_id, actor, action, target, detail, count)
    VALUES (:now, :account, :actor, :action, :target, :detail, :count) RETURNING id
    """
)
ADD = Statement("UPDATE queues_auditentry SET count = count + :count WHERE id = :id")
PRUNE = Statement(
    """
    DELETE FROM queues_auditentry WHERE id IN (
        SELECT id FROM queues_auditentry WHERE at < :before ORDER BY at LIMIT :limit) RETURNING id
    """
)


@dataclass(slots=True)
class Act:
    """One act of whoever acts in the thread that makes it. ``action``: a noun and a verb (``queue.delete``);
    ``target``: what it is done to, in words (``queue orders``); ``detail``: the filter, and what else tells
    it from others. ``row``: of the part that is committed, to be set after the commit."""

    account_id: int | None
    action: str
    target: str
    detail: dict[str, Any] = field(default_factory=dict)
    by: str = field(default_factory=actor)
    row: int | None = None

    def record(self, tx: Transaction, count: int | None = None) -> int:
        """Write the act's row, or add ``count`` to the one there is. Its id."""
        if self.row is not None:
            tx.db.run(ADD, id=self.row, count=count or 0)
            return self.row
        row: int = tx.db.rows(
            INSERT,
            now=tx.now,
            account=self.account_id,
            actor=self.by,
            action=self.action,
            target=self.target[:MAX_TARGET],
            detail=self._detail(),
            count=count,
        )[0][0]
        return row

    def save(self, count: int | None = None) -> None:
        """The same through the ORM, for what is done through it: within the caller's transaction."""
        AuditEntry.objects.create(
            at=to_datetime(clock.now()),
            account_id=self.account_id,
            actor=self.by,
            action=self.action,
            target=self.target[:MAX_TARGET],
            detail=self._detail(),
            count=count,
        )

    def _detail(self) -> str:
        return msgspec.json.encode({key: value for key, value in self.detail.items() if value}).decode()


def some(ids: Sequence[str] | None) -> list[str] | None:
    """The first of many ids, for an act's detail: its count says how many it met."""
    return None if ids is None else [*ids[:SOME], "..."] if len(ids) > SOME else list(ids)


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, str]:
    """What a change of settings changed, for an act's detail: ``{"max_attempts": "3 to 5"}``."""
    return {
        name: f"{_shown(before.get(name))} to {_shown(value)}"
        for name, value in after.items()
        if before.get(name) != value
    }


def _shown(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "none" if value is None else msgspec.json.encode(value).decode()


def prune(tx: Transaction, limit: int) -> int:
    """Remove up to ``limit`` of the acts older than OKMQ_AUDIT_DAYS; how many."""
    before = tx.now - settings.OKMQ_AUDIT_DAYS * 86_400 * clock.SECOND
    return len(tx.db.rows(PRUNE, before=before, limit=limit))
