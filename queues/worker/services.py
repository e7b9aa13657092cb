"""All that a worker does."""

from __future__ import annotations

import threading
from typing import Any

from django.conf import settings
from django.db import connection

from accounts import services
from queues.broker import housekeeping
from queues.push.pusher import Pusher
from queues.tasks.runner import TaskRunner
from queues.tasks.scheduler import Scheduler
from queues.worker.dead_letter_jobs import DeadLetterJobs
from queues.worker.heartbeat import WebHeartbeat
from queues.worker.sampling import Sampling
from queues.worker.service import Service


def all_services() -> list[Service]:
    """A fresh set: services keep state, and each crew needs its own."""
    return [Housekeeping(), Pusher(), DeadLetterJobs(), TaskRunner(), Scheduler(), Sampling()]


def services_of_each_web_process() -> list[Service]:
    """What no other process can do for it, worker or not."""
    several = connection.vendor == "postgresql" or settings.OKMQ_PROCESSES > 1
    return [KeyUse(), WebHeartbeat()] if several else [KeyUse()]


class Housekeeping:
    """Keeping the tables small (``queues.broker.housekeeping``)."""

    name = "housekeeping"

    def run(self, stop: threading.Event) -> None:
        housekeeping.run(stop)

    def detail(self) -> dict[str, Any]:
        return {}


class KeyUse:
    """Writing down when the keys that this process was shown were used last."""

    name = "key-use"

    def run(self, stop: threading.Event) -> None:
        while not stop.wait(settings.OKMQ_HOUSEKEEPING_SECONDS):
            services.flush_last_used()

    def detail(self) -> dict[str, Any]:
        return {}
