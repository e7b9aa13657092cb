"""Levels: what a web process has in hand at the moment. Looked at once a second, so that no request pays for
it, and once more in the process that is asked for the metrics."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from django.conf import settings

from okmq_site.metrics import instruments
from queues.broker.wakes import HUB

if TYPE_CHECKING:
    from okmq_site.gunicorn_worker import Worker

log = logging.getLogger("okmq.metrics")

EVERY_SECONDS = 1.0


class InFlight:
    """How many requests are being answered in this process."""

    def __init__(self) -> None:
        self.count = 0
        self._lock = threading.Lock()

    def begin(self) -> None:
        with self._lock:
            self.count += 1

    def end(self) -> None:
        with self._lock:
            self.count -= 1


IN_FLIGHT = InFlight()
_worker: Worker | None = None


def start(worker: Worker | None) -> None:
    """Look at this process from now on until it ends."""
    global _worker
    _worker = worker
    instruments.processes.set(1)
    instruments.threads.set(settings.OKMQ_THREADS)
    instruments.parked_limit.set(settings.OKMQ_MAX_PARKED)
    threading.Thread(target=_run, name="okmq-sampler", daemon=True).start()


def look() -> None:
    instruments.requests_in_flight.set(IN_FLIGHT.count)
    instruments.parked.set(HUB.parked)
    instruments.threads_busy.set(IN_FLIGHT.count if _worker is None else _worker.busy_threads())


def _run() -> None:
    while True:
        try:
            look()
        except Exception:
            log.exception("levels cannot be told")
        time.sleep(EVERY_SECONDS)
