"""What happens in a web process besides requests: its birth, the worker, its end.

The functions up to ``end_server`` are for whichever server there is; below are gunicorn's hooks
(``gunicorn.conf.py``).
"""

from __future__ import annotations

import gc
import logging
import resource
import signal
from collections.abc import Iterable
from types import FrameType
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter

    from okmq_site.gunicorn_worker import Worker
    from queues.worker.crew import Crew

logger = logging.getLogger("okmq.process")

OPEN_FILES = 65_536
"""File descriptors wanted: one a connection, a few a thread. The usual soft limit is 1024."""

LEAVING_SECONDS = 2
"""For the services of a web process to end, when all requests have."""

_crew: Crew | None = None
"""The services of this web process."""

runs_worker = True
"""Whether one of the web processes runs the worker. ``serve --no-worker`` turns it off before they fork."""


def raise_open_files_limit() -> None:
    """Set the soft limit to what is wanted, or to as much as the hard limit allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def most_connections() -> int:
    """That a web process may keep open: the rest of its file descriptors is for what it does with them."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted: int = settings.OKMQ_MAX_CONNECTIONS
    return wanted if soft == resource.RLIM_INFINITY else min(wanted, soft * 3 // 4)


def begin_server() -> None:
    """The master begins, before it forks."""
    if runs_worker:
        from queues.worker.elected import WORKER

        WORKER.open()
    if settings.OKMQ_METRICS_ENABLED:
        from okmq_site.metrics import shared

        shared.create(settings.OKMQ_DATA_DIR / "metrics")


def announce(addresses: Iterable[tuple[Any, ...]]) -> None:
    """Say where the server listens, by its sockets' names: the port may have been 0."""
    told = ", ".join(f"http://{_host_port(name)}" for name in addresses)
    print(f"OKMQ is listening on {told}  (stop with Ctrl-C)", flush=True)  # noqa: T201


def _host_port(name: tuple[Any, ...]) -> str:
    host, port = name[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def begin(worker: Worker | None = None) -> None:
    """A web process begins, before its first request. ``worker``: gunicorn's, which knows how many threads
    are busy."""
    from queues.broker.neighbours import NEIGHBOURS
    from queues.worker.crew import Crew
    from queues.worker.elected import WORKER
    from queues.worker.services import services_of_each_web_process

    global _crew
    _settle_memory()
    if connection.vendor == "postgresql":
        # Also where nobody waits: others tell at what they look on, and what time it is.
        NEIGHBOURS.listen()
    if settings.OKMQ_METRICS_ENABLED:
        _measure(worker)
    _crew = Crew(services_of_each_web_process())
    _crew.start()
    if runs_worker:
        WORKER.stand()
    _log("web process started", "process_start")


def _settle_memory() -> None:
    """What is loaded by now stays for good: the garbage collector need not walk through it again and again,
    which also keeps its pages shared between processes. The rest is mostly freed by reference count, so
    cycles are looked for less often than Python's default of every 700 allocations."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _measure(worker: Worker | None) -> None:
    """Have the engine and the requests of this process measured."""
    from okmq_site import access
    from okmq_site.metrics import instruments, sampler
    from queues.broker import observe

    observe.watcher = instruments.Watch()
    access.measure = instruments.request
    sampler.start(worker)


def _log(message: str, event: str) -> None:
    logger.info(message, extra={"fields": {"event": event}})


def begin_stop() -> None:
    """On SIGTERM, have waiting receives answer at once and the worker finish. Not for signal handlers: it
    imports."""
    from queues.broker import shutdown
    from queues.worker.elected import WORKER

    shutdown.begin()
    WORKER.begin_stop()


def end() -> None:
    """A web process ends, and all its requests have."""
    from okmq_site import access
    from queues.worker.elected import WORKER

    WORKER.stop()
    if _crew is not None:
        _crew.stop(LEAVING_SECONDS)
    access.WRITER.close()
    _log("web process stopped", "process_stop")


def forget(pid: int) -> None:
    """A web process has ended, in whatever way; for the master."""
    if settings.OKMQ_METRICS_ENABLED:
        from okmq_site.metrics import shared

        shared.process_ended(pid)


def end_server() -> None:
    """The master ends."""
    if settings.OKMQ_METRICS_ENABLED:
        from okmq_site.metrics import shared

        shared.remove()
    _log("server stopped", "server_stop")


def on_starting(arbiter: Arbiter) -> None:
    begin_server()


def when_ready(arbiter: Arbiter) -> None:
    announce(listener.sock.getsockname() for listener in arbiter.LISTENERS)


def post_worker_init(worker: Worker) -> None:
    _end_waits_on_stop(worker)
    begin(worker)


def _end_waits_on_stop(worker: Worker) -> None:
    """gunicorn itself waits for requests in flight. SIGINT comes from a Ctrl-C in the terminal, to the master
    as well: the master decides, and tells the workers by SIGTERM."""

    # Now, not in the handler: a second signal would find what the first one's is importing half made.
    from queues.broker import shutdown
    from queues.worker.elected import WORKER

    def stop(signum: int, frame: FrameType | None) -> None:
        shutdown.begin()
        WORKER.begin_stop()
        worker.handle_exit(signum, frame)

    signal.signal(signal.SIGTERM, stop)
    signal.siginterrupt(signal.SIGTERM, False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def worker_exit(arbiter: Arbiter, worker: Worker) -> None:
    """Told in the process that ends."""
    end()


def child_exit(arbiter: Arbiter, worker: Worker) -> None:
    """A web process has ended, in whatever way (told in the master)."""
    forget(worker.pid)


def on_exit(arbiter: Arbiter) -> None:
    end_server()
