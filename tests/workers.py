"""Worker processes beside a test's server."""

from __future__ import annotations

import subprocess
from typing import Self

from tests.server import Server

PATIENCE = 60


class Workers:
    """Those a test starts; all of them end with ``end``, or with the block."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._running: list[subprocess.Popen[str]] = []

    def start(self) -> subprocess.Popen[str]:
        """A worker that is running."""
        worker = self.server.run_python("manage.py", "runworker")
        self._running.append(worker)
        assert worker.stdout is not None
        assert "worker is running" in worker.stdout.readline()
        return worker

    def end(self) -> None:
        for worker in self._running:
            worker.terminate()
        for worker in self._running:
            worker.communicate(timeout=PATIENCE)
            assert worker.returncode in (0, -9)
        self._running.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
