"""Settings as messages keep them: immutable rows, read once per process."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

from queues.broker import sql
from queues.broker.db import Connection
from queues.broker.types import Micros, QueueSettings
from queues.models import SettingsVersion

# Versions never change, so a cache of them never goes stale; it is dropped when it grows past this.
_MAX_CACHED = 10_000
_cache: dict[int, QueueSettings] = {}


def load(db: Connection, ids: Iterable[int]) -> dict[int, QueueSettings]:
    """The settings of every version asked for."""
    global _cache
    if len(_cache) > _MAX_CACHED:
        _cache = {}  # and not cleared: other threads hold the old one
    cache = _cache
    missing = set(ids) - cache.keys()
    if missing:
        for version, document in db.rows(sql.LOAD_SETTINGS, ids=sorted(missing)):
            cache[version] = msgspec.json.decode(document, type=QueueSettings)
    return cache


def store(db: Connection, settings: QueueSettings, now: Micros) -> int:
    """The id of the version that says exactly this; made if it is new."""
    document = msgspec.json.encode(settings).decode()
    digest = hashlib.sha256(document.encode()).hexdigest()
    db.run(sql.STORE_SETTINGS, digest=digest, document=document, now=now)
    version: int = db.rows(sql.FIND_SETTINGS, digest=digest)[0][0]
    return version


def read(version: SettingsVersion) -> QueueSettings:
    """The settings an ORM row says."""
    return msgspec.json.decode(version.document, type=QueueSettings)
