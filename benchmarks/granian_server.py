"""This server under granian's WSGI interface, with what it does under gunicorn: the worker, the log of
requests, the garbage collector's settings. Only for measuring: clients that hung up are not noticed. For
``servers.py``.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "okmq_site.settings")


def application() -> Callable[..., Iterable[bytes]]:
    """What each web process serves. granian calls it there."""
    from okmq_site import access, process
    from okmq_site.wsgi import application as serve
    from queues.broker.shutdown import begin
    from queues.worker.crew import Crew
    from queues.worker.elected import WORKER
    from queues.worker.services import services_of_each_web_process

    process._settle_memory()
    Crew(services_of_each_web_process()).start()
    WORKER.stand()
    _on_stop(begin, WORKER.begin_stop)

    def logged(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        began = time.perf_counter()
        answered = 500

        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            nonlocal answered
            answered = int(status[:3])
            return start_response(status, headers, *error)

        body = serve(environ, start)
        sent = sum(map(len, body)) if isinstance(body, (list, tuple)) else 0
        note = environ.get(access.NOTE, (access.NO_ROUTE, {}))
        seconds = time.perf_counter() - began
        access.record(environ["REQUEST_METHOD"], answered, seconds, note, "127.0.0.1", None, sent)
        return body

    return logged


def _on_stop(*actions: Callable[[], None]) -> None:
    """granian sets its own handlers after this; each signal they get is also written here."""
    told, tell = os.pipe()
    os.set_blocking(tell, False)
    signal.set_wakeup_fd(tell)

    def wait() -> None:
        os.read(told, 1)
        for action in actions:
            action()

    threading.Thread(target=wait, name="stop", daemon=True).start()


def main() -> None:
    import django

    django.setup()
    from django.conf import settings
    from granian import Granian
    from granian.constants import Interfaces

    from okmq_site import bootstrap, process
    from queues.worker.elected import WORKER

    settings.OKMQ_MAX_PARKED = settings.OKMQ_THREADS - settings.OKMQ_RESERVED_THREADS
    bootstrap.prepare()
    bootstrap.leave_database()
    process.raise_open_files_limit()
    WORKER.open()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = Granian(
        f"{__file__}:application",
        factory=True,
        port=port,
        interface=Interfaces.WSGI,
        workers=settings.OKMQ_PROCESSES,
        blocking_threads=settings.OKMQ_THREADS,
        backpressure=settings.OKMQ_THREADS,
        workers_kill_timeout=30,
        log_enabled=True,
    )
    print(f"OKMQ is listening on http://127.0.0.1:{port}", flush=True)
    server.serve()


if __name__ == "__main__":
    main()
