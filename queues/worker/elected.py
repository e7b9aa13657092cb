"""One worker for all web processes of a server: whichever gets the server's lock runs it.

The kernel holds the election: it frees the lock when a process ends, however it ends, and the next one goes
on at once. Workers of other servers need no election, their services share the work through the database.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
import threading

from queues.worker.crew import Worker


class ElectedWorker:
    """``open`` in the process that forks, the rest in those it forked."""

    def __init__(self) -> None:
        self._lock_file = -1
        self._worker: Worker | None = None
        self._stopping = False
        self._changing = threading.Lock()

    def open(self) -> None:
        """A nameless file: record locks belong to a process, so that each forked one contends for itself."""
        self._lock_file, name = tempfile.mkstemp(prefix="okmq-worker-")
        os.unlink(name)  # noqa: PTH108

    def stand(self) -> None:
        """Run the worker as soon as no other process does. Returns at once."""
        threading.Thread(target=self._wait_for_lock, name="okmq-election", daemon=True).start()

    def begin_stop(self) -> None:
        """May be called from a signal handler."""
        threading.Thread(target=self._begin_stop, name="okmq-worker-stop", daemon=True).start()

    def stop(self) -> None:
        self._begin_stop()
        if self._worker is not None:
            self._worker.stop()

    def _wait_for_lock(self) -> None:
        if self._lock_file < 0:
            self.open()
        fcntl.lockf(self._lock_file, fcntl.LOCK_EX)
        with self._changing:
            if not self._stopping:
                self._worker = Worker()
                self._worker.start()

    def _begin_stop(self) -> None:
        with self._changing:
            self._stopping = True
        if self._worker is not None:
            self._worker.begin_stop()


WORKER = ElectedWorker()
