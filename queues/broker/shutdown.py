"""Ending a process without losing or holding up anything."""

from __future__ import annotations

import threading

from queues.broker.wakes import HUB


def begin() -> None:
    """Parked receivers answer empty at once and nobody parks any more; everything else goes on. May be
    called from a signal handler: the work is done by a thread, since the handler may have interrupted a
    holder of the very lock it needs."""
    HUB.closing = True
    threading.Thread(target=HUB.close, name="okmq-shutdown", daemon=True).start()
