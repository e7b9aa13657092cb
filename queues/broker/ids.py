"""Ids the broker makes for messages that come without one."""

from __future__ import annotations

import os
import threading
import time
import uuid

_lock = threading.Lock()
_last = 0


def new_message_id() -> str:
    """A UUIDv7 (RFC 9562) whose sub-millisecond bits rise within a process, so ids sort as they were made."""
    global _last
    with _lock:
        # 48 bits of milliseconds and 12 of the fraction, as one rising number.
        ticks = max((time.time_ns() << 12) // 1_000_000, _last + 1)
        _last = ticks
    tail = int.from_bytes(os.urandom(8)) & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
    text = f"{ticks >> 12:012x}7{ticks & 0xFFF:03x}{tail:016x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def new_random_id() -> str:
    """A UUIDv4, for clients that take no other."""
    return str(uuid.uuid4())
