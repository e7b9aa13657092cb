"""Destinations: made, changed, removed, looked at. What dialects and the console call.

    create(account_id, queue, *, name, kind, config, description=None, enabled=True, form=MESSAGE)
        -> DestinationInfo      QueueNotFound, DestinationExists, InvalidDestination, TargetRefused
    get(account_id, queue, public_id) -> DestinationInfo
    list_all(account_id, queue) -> list[DestinationInfo]           in order of creation
    update(account_id, queue, public_id, *, name=None, description=UNSET, config=None, enabled=None)
    delete(account_id, queue, public_id)
    set_enabled(account_id, queue, public_id, enabled) -> DestinationInfo
    rotate_secret(account_id, queue, public_id, secret=None) -> DestinationInfo    with ``new_secret``

    deliveries(account_id, queue, public_id, *, status=None, limit=100, offset=0) -> list[Attempt]
        newest first
    delivery(account_id, queue, public_id, log_id) -> Attempt      DeliveryNotFound
    send_test(account_id, queue, public_id) -> Attempt             waits for the answer, ten seconds at most
    resend(account_id, queue, public_id, *, log_id=None, message_id=None) -> None
        DestinationDisabled, DeliveryNotFound, MessageNotFound

All raise QueueNotFound, Unavailable, and all that name a destination DestinationNotFound. As with the
broker's functions: from any thread, not inside a transaction.
"""

from __future__ import annotations

import hashlib
import secrets as random_source
import string
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from queues.broker import audit, push_lanes
from queues.broker.audit import Act
from queues.broker.clock import micros
from queues.broker.lanes import in_transaction
from queues.broker.queues import reading
from queues.broker.wakes import of_push
from queues.fields import to_datetime
from queues.models import Destination, Queue
from queues.push import config as configuration
from queues.push import rows, secrets, sql
from queues.push.deliveries import deliveries, delivery, resend
from queues.push.errors import DestinationExists, InvalidDestination
from queues.push.testing import send_test
from queues.push.types import UNSET, Config, DestinationInfo, Form, Kind, Unset

if TYPE_CHECKING:
    from queues.broker.lanes import Transaction

__all__ = [
    "create",
    "delete",
    "deliveries",
    "delivery",
    "get",
    "list_all",
    "resend",
    "rotate_secret",
    "send_test",
    "set_enabled",
    "update",
]

ID_PREFIX = "qdest_"
ID_LENGTH = 24
MAX_NAME = 256
MAX_DESCRIPTION = 1024
UNTOLD = ("headers", "secret")
"""Of which the audit log says that they changed, and no more."""
OLD_SECRET_SECONDS = 24 * 3600
"""How long requests are signed with both the new secret and the one before."""


def create(
    account_id: int,
    queue: str,
    *,
    name: str,
    kind: Kind,
    config: Mapping[str, Any],
    description: str | None = None,
    enabled: bool = True,
    form: Form = Form.MESSAGE,
) -> DestinationInfo:
    """A new destination for messages published from now on. ``config`` as agentuity.md §5 has it; a secret
    that is wanted (``signing.enabled``) and not given is made, and told in ``new_secret``. Raises
    QueueNotFound, DestinationExists, InvalidDestination, TargetRefused, Unavailable."""
    _check_words(name, description)
    settled = configuration.read(kind, config)
    secret = settled.secret or (secrets.generate() if settled.config.signed else "")
    act = Act(account_id, "destination.create", "")

    def make(tx: Transaction) -> DestinationInfo:
        found = rows.find_queue(account_id, queue, lock=True)
        _check_free(found, kind, settled.target)
        now = to_datetime(tx.now)
        row = Destination(
            account_id=account_id,
            queue=found,
            public_id=_new_id(),
            name=name,
            description=description,
            kind=kind,
            form=form,
            target=settled.target,
            target_digest=_digest(settled.target),
            config=_stored(settled.config),
            secret=secrets.encrypt(secret),
            enabled=enabled,
            lane=push_lanes.new_lane(found, opened=enabled),
            created_at=now,
            updated_at=now,
        )
        row.save()
        _record(tx, act, row, found, to=row.target)
        made = secret if settled.secret is None and secret else None
        return rows.info(row, found.name, made)

    info: DestinationInfo = in_transaction(make)
    return info


def get(account_id: int, queue: str, public_id: str) -> DestinationInfo:
    """Raises QueueNotFound, DestinationNotFound, Unavailable."""
    with reading():
        return rows.info(rows.find(rows.find_queue(account_id, queue), public_id), queue)


def list_all(account_id: int, queue: str) -> list[DestinationInfo]:
    """The queue's destinations in order of creation. Raises QueueNotFound, Unavailable."""
    with reading():
        found = rows.find_queue(account_id, queue)
        return [rows.info(row, queue) for row in Destination.objects.filter(queue=found).order_by("id")]


def update(
    account_id: int,
    queue: str,
    public_id: str,
    *,
    name: str | None = None,
    description: str | Unset | None = UNSET,
    config: Mapping[str, Any] | None = None,
    enabled: bool | None = None,
) -> DestinationInfo:
    """Change what is given. ``config`` is merged into what is stored (RFC 7396: null removes a member); a new
    ``signing.secret_key`` replaces the old one as ``rotate_secret`` does. Messages already waiting go by what
    holds when they are sent. Disabled, a destination forgets those that wait; enabled again it gets what is
    published from then on. Raises QueueNotFound, DestinationNotFound, DestinationExists, InvalidDestination,
    TargetRefused, Unavailable."""
    _check_words(name, None if isinstance(description, Unset) else description)
    act = Act(account_id, "destination.change", "")

    def change(tx: Transaction, row: Destination, found: Queue) -> str | None:
        if name is not None:
            row.name = name
        if not isinstance(description, Unset):
            row.description = description
        made = None if config is None else _merge(tx, row, found, config)
        if enabled is not None:
            _set_enabled(row, found, enabled)
        return made

    return _change(act, account_id, queue, public_id, change)


def set_enabled(account_id: int, queue: str, public_id: str, enabled: bool) -> DestinationInfo:
    """``update`` of that alone."""
    act = Act(account_id, "destination.enable" if enabled else "destination.disable", "")

    def change(tx: Transaction, row: Destination, found: Queue) -> None:
        _set_enabled(row, found, enabled)

    return _change(act, account_id, queue, public_id, change)


def rotate_secret(account_id: int, queue: str, public_id: str, secret: str | None = None) -> DestinationInfo:
    """Sign with a new secret (None: one made here) and for 24 hours with the old one as well; it is told in
    ``new_secret``. Signing is enabled. Raises QueueNotFound, DestinationNotFound, InvalidDestination,
    Unavailable."""
    wanted = secret or secrets.generate()
    act = Act(account_id, "destination.rotate_secret", "")

    def change(tx: Transaction, row: Destination, found: Queue) -> str | None:
        _merge(tx, row, found, {"signing": {"enabled": True, "secret_key": wanted}})
        return wanted

    return _change(act, account_id, queue, public_id, change)


def delete(account_id: int, queue: str, public_id: str) -> None:
    """Remove it with its log. What waits for it is forgotten. Raises QueueNotFound, DestinationNotFound,
    Unavailable."""

    act = Act(account_id, "destination.delete", "")

    def remove(tx: Transaction) -> None:
        found = rows.find_queue(account_id, queue, lock=True)
        row = rows.find(found, public_id, lock=True)
        if row.enabled:
            push_lanes.close_lane(found, row.lane)
        # Without its log, which may be long: nobody finds that any more, and housekeeping removes it in time.
        tx.db.run(sql.DELETE_DESTINATION, destination=row.pk)
        _record(tx, act, row, found, to=row.target)

    in_transaction(remove)


def _change(
    act: Act,
    account_id: int,
    queue: str,
    public_id: str,
    change: Callable[[Transaction, Destination, Queue], str | None],
) -> DestinationInfo:
    def run(tx: Transaction) -> DestinationInfo:
        found = rows.find_queue(account_id, queue, lock=True)
        row = rows.find(found, public_id, lock=True)
        before = _told(row)
        made = change(tx, row, found)
        if changes := audit.changes(before, _told(row)):
            _record(tx, act, row, found, **{n: "changed" if n in UNTOLD else w for n, w in changes.items()})
        row.updated_at = max(to_datetime(tx.now), row.updated_at)
        row.save()
        # What it could not take a moment ago it may take now.
        tx.wakes.ready(of_push(found.pk))
        return rows.info(row, found.name, made)

    info: DestinationInfo = in_transaction(run)
    return info


def _told(row: Destination) -> dict[str, Any]:
    """All that can be changed of it."""
    config: dict[str, Any] = msgspec.json.decode(row.config)
    names = ("name", "description", "target", "secret", "enabled")
    return config | {name: getattr(row, name) for name in names}


def _record(tx: Transaction, act: Act, row: Destination, queue: Queue, **detail: str) -> None:
    act.target, act.detail = rows.in_words(row, queue.name), {"id": row.public_id, **detail}
    act.record(tx)


def _merge(tx: Transaction, row: Destination, queue: Queue, changes: Mapping[str, Any]) -> str | None:
    """Merge ``changes`` into the row's configuration; a secret that was made for it."""
    kind = Kind(row.kind)
    raw = configuration.merged(rows.shown_config(row), changes)
    settled = configuration.read(kind, raw)
    if settled.target != row.target:
        _check_free(queue, kind, settled.target)
        row.target, row.target_digest = settled.target, _digest(settled.target)
        row.failures_in_row, row.parked_at, row.probe_at = 0, None, None
    row.config = _stored(settled.config)
    made = secrets.generate() if settled.config.signed and not (row.secret or settled.secret) else None
    secret = made or settled.secret
    if secret is not None and (not row.secret or secrets.decrypt(row.secret) != secret):
        if row.secret:
            row.old_secret = row.secret
            row.old_secret_until = to_datetime(tx.now + micros(OLD_SECRET_SECONDS))
        row.secret = secrets.encrypt(secret)
    return made


def _set_enabled(row: Destination, queue: Queue, enabled: bool) -> None:
    if enabled == row.enabled:
        return
    row.enabled, row.disabled_reason = enabled, ""
    row.failures_in_row, row.parked_at, row.probe_at = 0, None, None
    if enabled:
        # Not the lane it had: what is left there belongs to before.
        row.lane = push_lanes.new_lane(queue, opened=True)
    else:
        push_lanes.close_lane(queue, row.lane)


def _check_free(queue: Queue, kind: Kind, target: str) -> None:
    if Destination.objects.filter(queue=queue, kind=kind, target_digest=_digest(target)).exists():
        raise DestinationExists(target)


def _check_words(name: str | None, description: str | None) -> None:
    if name is not None and (not 1 <= len(name) <= MAX_NAME or "\0" in name):
        raise InvalidDestination("name", f"must be text of 1 to {MAX_NAME} characters")
    if description is not None and (len(description) > MAX_DESCRIPTION or "\0" in description):
        raise InvalidDestination("description", f"must be text of at most {MAX_DESCRIPTION} characters")


def _new_id() -> str:
    alphabet = string.ascii_lowercase + string.digits
    return ID_PREFIX + "".join(random_source.choice(alphabet) for _ in range(ID_LENGTH))


def _digest(target: str) -> str:
    return hashlib.sha256(target.encode()).hexdigest()


def _stored(config: Config) -> str:
    return msgspec.json.encode(config).decode()
