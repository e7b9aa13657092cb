"""Slowing down those who try keys: after too many wrong ones within a minute an address waits for another.

The counts lie in memory that all web processes of a server share, because the master maps it before it
forks them. It is a table of fixed size: an address that nobody counts any more, or when all places are taken
the one that has waited longest, makes room for a new one. Two processes that count the same address in the
same microsecond may lose one of two counts; a lock that a killed process could leave locked would be worse.

A right key always passes: only the answer to a wrong one changes.
"""

from __future__ import annotations

import hashlib
import ipaddress
import mmap
import secrets
import struct
import time
from collections.abc import Mapping
from math import ceil
from typing import Any

from django.conf import settings

WINDOW_SECONDS = 60.0
ROWS = 2_048
PLACES = 4
"""Places in a row; an address always belongs to the same row."""

_PLACE = struct.Struct("=QdI4x")
"""Digest of the address, start of its minute (or, once blocked, of its wait), wrong keys since."""


class WrongKeys:
    """How many wrong keys came from which address lately."""

    def __init__(self, rows: int = ROWS) -> None:
        self._rows = rows
        self._memory = mmap.mmap(-1, rows * PLACES * _PLACE.size)
        # Nobody can choose addresses that fall into one row.
        self._salt = secrets.token_bytes(16)

    def note(self, address: str, limit: int, now: float | None = None) -> int:
        """Count a wrong key; the seconds for which ``address`` is to wait, 0 while it has not had more than
        ``limit`` within a minute. What comes while it waits does not prolong the wait."""
        now = time.monotonic() if now is None else now
        digest = self._digest(address)
        place, since, count = self._find(digest, now)
        if count > limit:
            return max(ceil(since + WINDOW_SECONDS - now), 1)
        count += 1
        if count > limit:
            since = now
        _PLACE.pack_into(self._memory, place, digest, since, count)
        return ceil(WINDOW_SECONDS) if count > limit else 0

    def _digest(self, address: str) -> int:
        digest = hashlib.blake2b(_network(address).encode(), digest_size=8, key=self._salt).digest()
        return int.from_bytes(digest, "big") or 1

    def _find(self, digest: int, now: float) -> tuple[int, float, int]:
        """Where the address is counted, since when, and how far; a new minute begins at 0."""
        first = digest % self._rows * PLACES
        oldest = first * _PLACE.size, now
        for number in range(first, first + PLACES):
            place = number * _PLACE.size
            known, since, count = _PLACE.unpack_from(self._memory, place)
            if known == digest:
                return (place, since, count) if now - since < WINDOW_SECONDS else (place, now, 0)
            if not known or since < oldest[1]:
                oldest = place, since if known else -1.0
        return oldest[0], now, 0


def _network(address: str) -> str:
    """What counts as one address: of IPv6 the network of 64 bits, which a single client has for itself."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))


def client_address(meta: Mapping[str, Any]) -> str:
    """Whose request this is: the address the connection comes from, or, behind a proxy that is trusted
    (``OKMQ_TRUST_PROXY_HEADERS``), the one the proxy added last to ``X-Forwarded-For``. What stands before it
    there came from the client, who can write what it likes."""
    if settings.OKMQ_TRUST_PROXY_HEADERS:
        last = str(meta.get("HTTP_X_FORWARDED_FOR", "")).rpartition(",")[2].strip()
        if last:
            return _without_port(last)
    return str(meta.get("REMOTE_ADDR", ""))


def _without_port(text: str) -> str:
    if text.startswith("["):
        return text[1:].partition("]")[0]
    host, colon, _ = text.partition(":")
    return host if colon and text.count(":") == 1 else text


def seconds_to_wait(meta: Mapping[str, Any]) -> int:
    """Count a wrong key that came with this request: how long its sender is to wait; 0 = not at all."""
    limit: int = settings.OKMQ_WRONG_KEYS_PER_MINUTE
    return _counts.note(client_address(meta), limit) if limit else 0


_counts = WrongKeys()
