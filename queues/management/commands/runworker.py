"""``manage.py runworker``: the worker without the web."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser


class Command(BaseCommand):
    help = "Do the worker's duties in the foreground until SIGTERM or Ctrl-C. Any number may run."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--task-concurrency",
            type=int,
            default=settings.OKMQ_TASK_CONCURRENCY,
            help="tasks to run at once (default: %(default)s, from OKMQ_TASK_CONCURRENCY; 0: none)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        from queues.worker.crew import Worker

        if options["task_concurrency"] < 0:
            raise CommandError("--task-concurrency must be at least 0")
        settings.OKMQ_TASK_CONCURRENCY = options["task_concurrency"]
        stop = threading.Event()

        def on_signal(signum: int, frame: FrameType | None) -> None:
            # By a thread: the handler may have interrupted a holder of the very lock that set() needs.
            threading.Thread(target=stop.set, daemon=True).start()

        signal.signal(signal.SIGTERM, on_signal)
        signal.signal(signal.SIGINT, on_signal)
        worker = Worker()
        self.stdout.write("OKMQ worker is running  (stop with Ctrl-C)")
        self.stdout.flush()
        worker.start()
        stop.wait()
        worker.stop()
