"""Running services: a thread each, run again when one fails, ended together."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db import connection

from queues.broker.db import unavailable
from queues.broker.errors import ShuttingDown, Unavailable
from queues.broker.housekeeping import own_name
from queues.worker.heartbeat import Heartbeat
from queues.worker.service import Service
from queues.worker.services import all_services

log = logging.getLogger("okmq.worker")

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0

WRITING_SECONDS = 5
"""What services need beyond ``OKMQ_STOP_SECONDS`` to write down what became of what they had in hand."""


class Crew:
    """The services of one process. Make and start it after any fork."""

    def __init__(self, services: Iterable[Service]) -> None:
        self.services = list(services)
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(service,), name=f"okmq-{service.name}", daemon=True)
            for service in self.services
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def begin_stop(self) -> None:
        """Tell all services to finish. Not from a signal handler: that may have interrupted a holder of the
        lock this takes."""
        self._stopping.set()

    def stop(self, seconds: float) -> bool:
        """Have all services finish within ``seconds`` from now; whether they did."""
        self.begin_stop()
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0))
        left = [thread.name for thread in self._threads if thread.is_alive()]
        if left:
            log.warning("stopped without waiting for %s any longer", ", ".join(left))
        return not left

    def detail(self) -> dict[str, Any]:
        """What each service that has anything in hand says of it, by its name."""
        return {service.name: found for service in self.services if (found := service.detail())}

    def _run(self, service: Service) -> None:
        pause = FIRST_PAUSE_SECONDS
        while not self._stopping.is_set():
            begin = time.monotonic()
            try:
                service.run(self._stopping)
            except ShuttingDown:
                return
            except Exception as error:
                if isinstance(error, Unavailable) or unavailable(error):
                    log.warning("%s waits: the database is away: %s", service.name, str(error).strip())
                else:
                    log.exception("%s failed", service.name)
            finally:
                # A connection that broke must not be met again.
                connection.close()
            if time.monotonic() - begin > LONGEST_PAUSE_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            self._stopping.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


class Worker(Crew):
    """A crew for all the worker's duties, whose beginning and end are logged."""

    def __init__(self) -> None:
        super().__init__([*all_services(), Heartbeat(self.detail)])

    def start(self) -> None:
        super().start()
        _log("worker started", "worker_start")

    def stop(self, seconds: float | None = None) -> bool:
        """``seconds`` None: as long as services may take."""
        allowed = settings.OKMQ_STOP_SECONDS + WRITING_SECONDS
        done = super().stop(allowed if seconds is None else seconds)
        _log("worker stopped", "worker_stop")
        return done


def _log(message: str, event: str) -> None:
    log.info(message, extra={"fields": {"event": event, "holder": own_name()}})
