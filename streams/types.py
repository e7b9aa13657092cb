"""The vocabulary of streams. Instants are microseconds since 1970 UTC, as everywhere in the engine."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from queues.broker.types import Encoding, Micros


@dataclass(slots=True, frozen=True)
class StreamInfo:
    """A stream as its owner sees it. ``ttl_seconds`` 0: messages live for ever. ``committed``: the last
    offset the consumer has finished, 0 = none. ``next_offset``: what the next new message will get."""

    id: int
    name: str
    auto_delete: bool
    ttl_seconds: int
    committed: int
    next_offset: int
    message_count: int
    bytes: int
    created_at: Micros


class NewEntry(msgspec.Struct, frozen=True, gc=False):
    """One message to produce. ``body`` is text, read by ``encoding``; ``size`` its length in bytes as quotas
    count it. ``public_id`` None lets the engine make a UUIDv7."""

    body: str
    size: int
    encoding: Encoding = Encoding.JSON
    public_id: str | None = None


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One stored message, as a consumer gets it."""

    offset: int
    public_id: str
    body: str
    encoding: Encoding
    created_at: Micros
