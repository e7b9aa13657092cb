"""Doing the ordered replays and purges of many dead letters (``queues.broker.letters``)."""

from __future__ import annotations

import logging
import threading
from typing import Any

from queues.broker.errors import BrokerError, ShuttingDown
from queues.broker.housekeeping import own_name
from queues.broker.letters import jobs

log = logging.getLogger("okmq.worker")

PAUSE_SECONDS = 0.5
"""Between two looks for jobs while there is nothing to do."""


class DeadLetterJobs:
    """All open jobs in turn, a chunk each. Several workers share them: each keeps what it has begun."""

    name = "dead-letter-jobs"

    def __init__(self) -> None:
        self._in_hand: list[int] = []

    def run(self, stop: threading.Event) -> None:
        holder = own_name()
        try:
            while not stop.is_set():
                if not self._round(holder, stop):
                    stop.wait(PAUSE_SECONDS)
        finally:
            self._in_hand = []
            jobs.give_back(holder)

    def detail(self) -> dict[str, Any]:
        return {"jobs": self._in_hand} if self._in_hand else {}

    def _round(self, holder: str, stop: threading.Event) -> bool:
        """Whether there was anything to do."""
        self._in_hand = jobs.open_jobs(holder)
        for job_id in self._in_hand:
            if stop.is_set():
                return True
            try:
                jobs.step(job_id, holder)
            except ShuttingDown:
                raise
            except BrokerError as error:
                log.warning("dead-letter job %d waits: %s", job_id, error)
                return False
            except Exception as error:
                log.exception("dead-letter job %d failed", job_id)
                jobs.fail(job_id, f"{type(error).__name__}: {error}")
        return bool(self._in_hand)
