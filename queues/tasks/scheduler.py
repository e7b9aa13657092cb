"""The worker's service that makes what schedules say."""

from __future__ import annotations

import logging
import threading
from typing import Any

from queues.broker import clock
from queues.broker.errors import BrokerError, ShuttingDown
from queues.tasks import schedules

log = logging.getLogger("okmq.schedules")

LOOK_EVERY_SECONDS = 1.0
"""A schedule that is made or changed is heard of no later."""


class Scheduler:
    """A ``queues.worker.service.Service``."""

    name = "schedules"

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            seconds = LOOK_EVERY_SECONDS
            try:
                at = schedules.next_due()
                if at is not None and at <= clock.now():
                    # More may be due than fire at once.
                    seconds = 0 if schedules.fire_due() else seconds
                elif at is not None:
                    seconds = min(seconds, (at - clock.now()) / clock.SECOND)
            except ShuttingDown:
                return
            except BrokerError as error:
                log.warning("schedules wait: %s", error)
            stop.wait(max(seconds, 0))

    def detail(self) -> dict[str, Any]:
        return {}
