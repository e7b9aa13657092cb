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
    if len(_cache) > _MAX_CACHED:
        _cache.clear()
    missing = set(ids) - _cache.keys()
    if missing:
        for version, document in db.rows(sql.LOAD_SETTINGS, ids=sorted(missing)):
            _cache[version] = msgspec.json.decode(document, type=QueueSettings)
    return _cache


def store(db: Connection, settings: QueueSettings, now: Micros) -> int:
    """The id of the version that says exactly this; made if it is new."""
    document = msgspec.json.encode(settings).decode()
    digest = hashlib.sha256(document.encode()).hexdigest()
    db.run(sql.STORE_SETTINGS, digest=digest, document=document, now=now)
    version: int = db.rows(sql.FIND_SETTINGS, digest=digest)[0][0]
    return version


def get(version: int) -> QueueSettings:
    """A version that ``load`` has brought in this transaction."""
    return _cache[version]


def read(version: SettingsVersion) -> QueueSettings:
    """The settings an ORM row says."""
    return msgspec.json.decode(version.document, type=QueueSettings)
