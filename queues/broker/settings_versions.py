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
_ids: dict[QueueSettings, int] = {}
"""The other way round."""


def load(db: Connection, ids: Iterable[int]) -> dict[int, QueueSettings]:
    """The settings of every version asked for."""
    global _cache, _ids
    if len(_cache) > _MAX_CACHED:
        _cache, _ids = {}, {}  # and not cleared: other threads hold the old ones
    cache = _cache
    missing = set(ids) - cache.keys()
    if missing:
        for version, document in db.rows(sql.LOAD_SETTINGS, ids=sorted(missing)):
            settings = msgspec.json.decode(document, type=QueueSettings)
            cache[version] = settings
            _ids[settings] = version
    return cache


def ids_of(db: Connection, wanted: Iterable[QueueSettings], now: Micros) -> dict[QueueSettings, int]:
    """The version of each of the settings; those that are new are stored. They are known without a look once
    somebody has loaded them: not before their transaction is committed."""
    known = _ids
    found = {settings: known[settings] for settings in wanted if settings in known}
    for settings in set(wanted) - found.keys():
        found[settings] = store(db, settings, now)
    return found


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
