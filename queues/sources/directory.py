"""Sources themselves: made, changed, removed, looked at, with the log of what was sent to them.

    create(account_id, queue, *, name, description=None, auth=NONE, auth_value="") -> SourceInfo
    list_all(account_id, queue) -> list[SourceInfo]                in order of creation
    get / delete(account_id, queue, public_id)
    update(account_id, queue, public_id, *, name=None, description=UNSET, auth=None, auth_value=None,
           enabled=None) -> SourceInfo
    events(account_id, queue, public_id, *, failed=None, limit, offset=0) -> list[SourceEvent]

All raise QueueNotFound, Unavailable; those that name a source SourceNotFound; create and update SourceExists,
InvalidSource.
"""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING

from accounts import keys
from queues.broker import audit, names
from queues.broker.audit import Act
from queues.broker.lanes import in_transaction
from queues.broker.queues import reading
from queues.fields import to_datetime
from queues.models import Queue, Source, SourceEvent
from queues.push.rows import find_queue
from queues.push.types import UNSET, Unset
from queues.sources.errors import InvalidSource, SourceExists, SourceNotFound

if TYPE_CHECKING:
    from queues.broker.lanes import Transaction

Auth = Source.Auth
MAX_NAME, MAX_DESCRIPTION, MAX_VALUE = 256, 1024, 4096
DEFAULT_HEADER = "Authorization"
_header_and_value = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}):[ \t]*(.+)", re.DOTALL)


def create(
    account_id: int,
    queue: str,
    *,
    name: str,
    description: str | None = None,
    auth: Source.Auth = Auth.NONE,
    auth_value: str = "",
) -> Source:
    """A new source. ``auth_value``: ``user:password`` for BASIC; for HEADER ``Name: value``, or the value
    alone, which then stands in ``Authorization``. It is kept as a keyed hash only."""
    _check_words(name, description)
    header, digest = _secret(auth, auth_value)

    act = Act(account_id, "source.create", "")

    def make(tx: Transaction) -> Source:
        found = find_queue(account_id, queue, lock=True)
        _check_free(found, name)
        now = to_datetime(tx.now)
        row = Source.objects.create(
            account_id=account_id,
            queue=found,
            public_id=f"qsrc_{secrets.token_hex(16)}",
            name=name,
            description=description,
            auth=auth,
            auth_header=header,
            auth_hash=digest,
            created_at=now,
            updated_at=now,
        )
        _record(tx, act, row)
        return row

    made: Source = in_transaction(make)
    return made


def list_all(account_id: int, queue: str) -> list[Source]:
    with reading():
        return list(Source.objects.filter(queue=find_queue(account_id, queue)).order_by("id"))


def get(account_id: int, queue: str, public_id: str) -> Source:
    with reading():
        return _find(find_queue(account_id, queue), public_id)


def update(
    account_id: int,
    queue: str,
    public_id: str,
    *,
    name: str | None = None,
    description: str | Unset | None = UNSET,
    auth: Source.Auth | None = None,
    auth_value: str | None = None,
    enabled: bool | None = None,
) -> Source:
    """Change what is given. Another kind of authentication needs its value with it."""
    _check_words(name, None if isinstance(description, Unset) else description)

    act = Act(account_id, "source.change", "")

    def change(tx: Transaction, row: Source) -> None:
        before = _told(row)
        if name is not None and name != row.name:
            _check_free(row.queue, name)
            row.name = name
        if not isinstance(description, Unset):
            row.description = description
        if enabled is not None:
            row.enabled = enabled
        wanted = Auth(row.auth) if auth is None else auth
        if auth_value is not None or wanted != row.auth:
            row.auth_header, row.auth_hash = _secret(wanted, auth_value or "")
            row.auth = wanted
        row.updated_at = to_datetime(tx.now)
        row.save(
            update_fields=[
                "name", "description", "enabled", "auth", "auth_header", "auth_hash", "updated_at"
            ]
        )  # fmt: skip
        if changes := audit.changes(before, _told(row)):
            _record(tx, act, row, **{n: "changed" if n == "auth_hash" else w for n, w in changes.items()})

    return _change(account_id, queue, public_id, change)


def delete(account_id: int, queue: str, public_id: str) -> None:
    """Remove it with its log; its address answers no more."""

    act = Act(account_id, "source.delete", "")

    def remove(tx: Transaction, row: Source) -> None:
        _record(tx, act, row)
        row.delete()

    _change(account_id, queue, public_id, remove)


def events(
    account_id: int, queue: str, public_id: str, *, failed: bool | None = None, limit: int, offset: int = 0
) -> list[SourceEvent]:
    """What was sent to the source, the newest first; ``failed``: only what was refused, or only the rest."""
    with reading():
        found = SourceEvent.objects.filter(source=_find(find_queue(account_id, queue), public_id))
        if failed is not None:
            found = found.exclude(error="") if failed else found.filter(error="")
        return list(found.order_by("-id")[offset : offset + limit])


def _change(
    account_id: int, queue: str, public_id: str, change: Callable[[Transaction, Source], None]
) -> Source:
    def run(tx: Transaction) -> Source:
        row = _find(find_queue(account_id, queue, lock=True), public_id, lock=True)
        change(tx, row)
        return row

    changed: Source = in_transaction(run)
    return changed


def _told(row: Source) -> dict[str, object]:
    """All that can be changed of it, for the audit log."""
    names = ("name", "description", "enabled", "auth", "auth_header", "auth_hash")
    return {name: getattr(row, name) for name in names}


def _record(tx: Transaction, act: Act, row: Source, **detail: str) -> None:
    act.target = f"source {row.name} of queue {row.queue.name}"
    act.detail = {"id": row.public_id, **detail}
    act.record(tx)


def _find(queue: Queue, public_id: str, *, lock: bool = False) -> Source:
    rows = Source.objects.filter(queue=queue, public_id=public_id)
    found = (rows.select_for_update() if lock else rows).first() if names.storable(public_id) else None
    if found is None:
        raise SourceNotFound(public_id)
    return found


def _check_free(queue: Queue, name: str) -> None:
    if Source.objects.filter(queue=queue, name=name).exists():
        raise SourceExists(name)


def _check_words(name: str | None, description: str | None) -> None:
    if name is not None and (not 1 <= len(name) <= MAX_NAME or "\0" in name):
        raise InvalidSource("name", f"must be text of 1 to {MAX_NAME} characters")
    if description is not None and (len(description) > MAX_DESCRIPTION or "\0" in description):
        raise InvalidSource("description", f"must be text of at most {MAX_DESCRIPTION} characters")


def _secret(auth: Source.Auth, value: str) -> tuple[str, str]:
    """The header that shows it, and the hash of what it must say."""
    if auth is Auth.NONE:
        return "", ""
    if not value.strip() or len(value) > MAX_VALUE or any(char in value for char in "\r\n\0"):
        raise InvalidSource("auth_value", f"must be one line of 1 to {MAX_VALUE} characters")
    if auth is Auth.BASIC:
        if ":" not in value:
            raise InvalidSource("auth_value", "must be user:password")
        return DEFAULT_HEADER, keys.hash_secret(f"Basic {base64.b64encode(value.encode()).decode()}")
    match = _header_and_value.fullmatch(value)
    header, shown = match.groups() if match else (DEFAULT_HEADER, value)
    if not shown.strip():
        # A request without that header would show as much.
        raise InvalidSource("auth_value", "must say what the header is to say")
    return header, keys.hash_secret(shown.strip())
