"""A stream as the tests hold it: the log's calls with account and name filled in, and its tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Count, F, Sum

from queues.broker import clock
from queues.broker.lanes import in_transaction
from queues.broker.types import Published
from streams import directory, expiry, log
from streams.models import Stream, StreamMessage
from streams.types import Entry, NewEntry, StreamInfo

CHUNK = 1_000


def entry(public_id: str | None = None, body: str = '"b"', **fields: Any) -> NewEntry:
    return NewEntry(body=body, size=len(body), public_id=public_id, **fields)


@dataclass(frozen=True)
class Handle:
    account_id: int
    name: str
    id: int

    @property
    def channel(self) -> int:
        return -self.id

    def produce(self, *public_ids: str | None, **fields: Any) -> list[Published]:
        return self.send(*(entry(public_id, **fields) for public_id in public_ids))

    def send(self, *entries: NewEntry) -> list[Published]:
        return log.produce(self.account_id, self.name, entries)

    def consume(self, limit: int = 100, **options: Any) -> list[Entry]:
        return log.consume(self.account_id, self.name, limit=limit, **options)

    def read(self, after: int = 0, limit: int = 1_000, **options: Any) -> list[Entry]:
        return log.read(self.account_id, self.name, after=after, limit=limit, **options)

    def ids(self, after: int = 0) -> list[str]:
        return [found.public_id for found in self.read(after)]

    def offsets(self, after: int = 0) -> list[int]:
        return [found.offset for found in self.read(after)]

    def commit(self, offset: int) -> None:
        log.commit(self.account_id, self.name, offset)

    def clear(self, before: int | None = None) -> int:
        return log.delete_messages(self.account_id, self.name, before=before)

    def info(self) -> StreamInfo:
        return log.get_stream(self.account_id, self.name)

    def update(self, **settings: Any) -> StreamInfo:
        return log.update_stream(self.account_id, self.name, **settings)

    def delete(self) -> None:
        log.delete_stream(self.account_id, self.name)

    def age(self, seconds: float) -> None:
        """Make everything in the stream ``seconds`` older."""
        shift = clock.micros(seconds)
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE streams_streammessage SET created_at = created_at - %s, expires_at = expires_at - %s"
                " WHERE stream_id = %s",
                [shift, shift, self.id],
            )

    def assert_counted(self) -> None:
        """The running figures equal a recount."""
        stream = Stream.objects.get(pk=self.id)
        rows = StreamMessage.objects.filter(stream_id=self.id)
        found = rows.aggregate(count=Count("offset"), bytes=Sum("size"))
        assert (stream.message_count, stream.bytes) == (found["count"], found["bytes"] or 0)
        assert not rows.filter(offset__gte=F("stream__next_offset")).exists()


def sweep(chunk: int = CHUNK) -> None:
    """Housekeeping's duties, done now: expire everything whose time is over."""
    while in_transaction(lambda tx: expiry.sweep(tx, chunk)) == chunk:
        pass


def purge(chunk: int = CHUNK) -> None:
    """Remove all that is left of deleted streams."""
    while in_transaction(lambda tx: directory.purge_deleted(tx, chunk)):
        pass
