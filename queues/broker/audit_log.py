"""Reading who did what (``audit``)."""

from __future__ import annotations

from typing import Any

import msgspec
from django.db.models import Q

from queues.broker.queues import reading
from queues.broker.types import Micros
from queues.fields import to_datetime, to_micros
from queues.models import AuditEntry


class Entry(msgspec.Struct, frozen=True):
    """One act. ``cursor``: hand it to ``entries`` for what was before it."""

    id: int
    at: Micros
    account_id: int | None
    actor: str
    action: str
    target: str
    detail: dict[str, Any]
    count: int | None

    @property
    def cursor(self) -> tuple[Micros, int]:
        return self.at, self.id


def entries(
    account_id: int | None = None,
    *,
    actor: str = "",
    action: str = "",
    text: str = "",
    since: Micros | None = None,
    until: Micros | None = None,
    before: tuple[Micros, int] | None = None,
    limit: int = 50,
) -> list[Entry]:
    """Up to ``limit`` acts, the newest first, that are older than the one whose cursor is ``before``: of one
    account or (None) of all. ``actor``: exactly, or without the word before it; ``action``: it, or all of
    its noun (``queue``); ``text``: somewhere in the target; ``since`` and ``until`` bound the time. Raises
    Unavailable."""
    found = AuditEntry.objects.order_by("-at", "-id")
    if account_id is not None:
        found = found.filter(account_id=account_id)
    if actor:
        found = found.filter(actor__in=[actor, f"user {actor}", f"key {actor}"])
    if action:
        found = found.filter(Q(action=action) | Q(action__startswith=action + "."))
    if text:
        found = found.filter(target__icontains=text)
    if since is not None:
        found = found.filter(at__gte=to_datetime(since))
    if until is not None:
        found = found.filter(at__lt=to_datetime(until))
    if before is not None:
        at = to_datetime(before[0])
        found = found.filter(Q(at__lt=at) | Q(at=at, id__lt=before[1]))
    with reading():
        return [
            Entry(
                row.pk, to_micros(row.at), row.account_id, row.actor, row.action, row.target,
                msgspec.json.decode(row.detail, type=dict[str, Any]), row.count,
            )
            for row in found[:limit]
        ]  # fmt: skip
