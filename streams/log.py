"""Streams: append-only logs with dense offsets from 1 and one committed offset. What a stream does, in
dialect-free terms; the only code that changes a stream or its messages.

Dialects call the functions below and translate. Like the broker's they may be called from any thread, must
not be called inside a database transaction of the caller's, and pass through the broker's group commit.

    create_stream(account_id, name, *, auto_delete=False, ttl_seconds=0) -> StreamInfo    StreamExists
    get_stream(account_id, name) -> StreamInfo                                            StreamNotFound
    list_streams(account_id) -> list[StreamInfo]                       in order of creation
    update_stream(account_id, name, *, auto_delete=None, ttl_seconds=None) -> StreamInfo  StreamNotFound
    delete_stream(account_id, name) -> None                                               StreamNotFound

    produce(account_id, stream, entries) -> list[Published]                               StreamNotFound
    consume(account_id, stream, *, limit=10, wait_seconds=0, gone=None) -> list[Entry]    StreamNotFound
    read(account_id, stream, *, after, limit=10, wait_seconds=0, gone=None) -> list[Entry]
        after: an offset of the caller's own, instead of the committed one
    commit(account_id, stream, offset) -> None                         StreamNotFound, OffsetNotAssigned
    delete_messages(account_id, stream, *, before=None) -> int                            StreamNotFound

Any of them may raise Unavailable.
"""

from streams.commit import commit, delete_messages
from streams.consume import consume, read
from streams.directory import create_stream, delete_stream, get_stream, list_streams, update_stream
from streams.errors import OffsetNotAssigned, StreamExists, StreamNotFound
from streams.produce import produce

__all__ = [
    "OffsetNotAssigned",
    "StreamExists",
    "StreamNotFound",
    "commit",
    "consume",
    "create_stream",
    "delete_messages",
    "delete_stream",
    "get_stream",
    "list_streams",
    "produce",
    "read",
    "update_stream",
]
