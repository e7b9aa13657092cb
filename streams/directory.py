"""Making, changing and removing streams. Control plane: through the ORM, in the bulk lane's transactions."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from queues.broker import audit, names, quotas
from queues.broker.audit import Act
from queues.broker.lanes import in_transaction
from queues.broker.queues import PURGED_AT_ONCE, reading
from queues.broker.wakes import of_stream
from queues.fields import to_datetime, to_micros
from streams import sql
from streams.counting import count
from streams.errors import StreamExists, StreamNotFound
from streams.models import Stream
from streams.types import StreamInfo

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from queues.broker.lanes import Transaction


def create_stream(
    account_id: int, name: str, *, auto_delete: bool = False, ttl_seconds: int = 0
) -> StreamInfo:
    """Make a stream; ``ttl_seconds`` 0: its messages live for ever. Raises StreamExists (whatever its
    settings; it is left as it is), QuotaExceeded, Unavailable."""

    act = Act(account_id, "stream.create", f"stream {name}")

    def create(tx: Transaction) -> StreamInfo:
        check_room = quotas.lock_channels(tx, account_id)
        if _living(account_id, name).exists():
            raise StreamExists(name)
        check_room()
        now = to_datetime(tx.now)
        settings = {"auto_delete": auto_delete, "ttl_seconds": ttl_seconds}
        stream, made = Stream.objects.get_or_create(
            account_id=account_id,
            name=name,
            deleted_at=None,
            defaults={**settings, "created_at": now, "updated_at": now},
        )
        if not made:
            raise StreamExists(name)
        act.record(tx)
        return _info(stream)

    info: StreamInfo = in_transaction(create)
    return info


def get_stream(account_id: int, name: str) -> StreamInfo:
    """Raises StreamNotFound, Unavailable."""
    with reading():
        stream = _living(account_id, name).first()
    if stream is None:
        raise StreamNotFound(name)
    return _info(stream)


def list_streams(account_id: int) -> list[StreamInfo]:
    """The account's streams in order of creation. Raises Unavailable."""
    with reading():
        streams = Stream.objects.filter(account_id=account_id, deleted_at=None).order_by("id")
        return [_info(stream) for stream in streams]


def update_stream(
    account_id: int, name: str, *, auto_delete: bool | None = None, ttl_seconds: int | None = None
) -> StreamInfo:
    """Change settings, None leaving one as it is, for messages produced from now on. Raises StreamNotFound,
    Unavailable."""

    act = Act(account_id, "stream.change", f"stream {name}")

    def update(tx: Transaction) -> StreamInfo:
        stream = _locked(account_id, name)
        before = _told(stream)
        if auto_delete is not None:
            stream.auto_delete = auto_delete
        if ttl_seconds is not None:
            stream.ttl_seconds = ttl_seconds
        stream.updated_at = to_datetime(tx.now)
        stream.save(update_fields=["auto_delete", "ttl_seconds", "updated_at"])
        act.detail = audit.changes(before, _told(stream))
        if act.detail:
            act.record(tx)
        return _info(stream)

    info: StreamInfo = in_transaction(update)
    return info


def _told(stream: Stream) -> dict[str, object]:
    return {"auto_delete": stream.auto_delete, "ttl_seconds": stream.ttl_seconds}


def delete_stream(account_id: int, name: str) -> None:
    """Remove the stream with its messages. It is gone for everyone at once and its name is free; so is its
    share of the quota, or, of a large stream, soon: the rows of its messages beyond the first
    ``PURGED_AT_ONCE`` follow in the background. Raises StreamNotFound, Unavailable."""

    act = Act(account_id, "stream.delete", f"stream {name}")

    def delete(tx: Transaction) -> int:
        stream = _locked(account_id, name)
        stream.deleted_at = to_datetime(tx.now)
        stream.save(update_fields=["deleted_at"])
        tx.wakes.everyone(of_stream(stream.pk))
        act.record(tx)
        return stream.pk

    stream_id: int = in_transaction(delete)
    in_transaction(partial(_purge, stream_id=stream_id, limit=PURGED_AT_ONCE))


def purge_deleted(tx: Transaction, limit: int) -> int:
    """Remove up to ``limit`` messages of a deleted stream, then the stream's own row. How many rows went."""
    gone = tx.db.rows(sql.DELETED_STREAMS)
    if not gone:
        return 0
    stream_id = gone[0][0]
    found = _purge(tx, stream_id, limit)
    if not found:
        tx.db.run(sql.DELETE_STREAM, stream=stream_id)
    return found or 1


def _purge(tx: Transaction, stream_id: int, limit: int) -> int:
    """Remove up to ``limit`` messages of a deleted stream; how many those were."""
    # Locked against a sweep that counts what it removes: two would wait for each other.
    locked = tx.db.rows(sql.LOCK_BY_ID, ids=[stream_id])
    found, size, last = tx.db.rows(sql.HEAD, stream=stream_id, after=0, until=2**63 - 1, limit=limit)[0]
    if found:
        tx.db.run(sql.DELETE_RANGE, stream=stream_id, after=0, until=last)
        count(tx, stream_id, locked[0][1], messages=-found, bytes=-int(size))
    return int(found)


def _living(account_id: int, name: str) -> QuerySet[Stream]:
    if not names.storable(name):
        return Stream.objects.none()
    return Stream.objects.filter(account_id=account_id, name=name, deleted_at=None)


def _locked(account_id: int, name: str) -> Stream:
    stream = _living(account_id, name).select_for_update().first()
    if stream is None:
        raise StreamNotFound(name)
    return stream


def _info(stream: Stream) -> StreamInfo:
    return StreamInfo(
        id=stream.pk,
        name=stream.name,
        auto_delete=stream.auto_delete,
        ttl_seconds=stream.ttl_seconds,
        committed=stream.committed,
        next_offset=stream.next_offset,
        message_count=stream.message_count,
        bytes=stream.bytes,
        created_at=to_micros(stream.created_at),
    )
