"""Ends what a test run started, however the run itself ends: done, Ctrl-C, killed.

The run tells a process beside it what to end, over a pipe. When the pipe closes, the run is gone.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

_process: subprocess.Popen[str] | None = None


def end_with_run(pid: int) -> None:
    """Kill the process group ``pid`` leads when this process ends."""
    _tell(f"kill {pid}")


def forget(pid: int) -> None:
    """``pid`` has ended: the number may soon be another process's."""
    _tell(f"forget {pid}")


def remove_with_run(folder: Path | str) -> None:
    """Remove ``folder`` when this process ends, after everything was killed."""
    _tell(f"remove {folder}")


def _tell(order: str) -> None:
    global _process
    if _process is None:
        # A session of its own: the terminal's Ctrl-C is for the run.
        _process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, text=True, start_new_session=True
        )
        # Registered before anything it ends could be, so it runs after their own orderly end.
        atexit.register(_finish, _process)
    assert _process.stdin is not None
    _process.stdin.write(order + "\n")
    _process.stdin.flush()


def _finish(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        assert process.stdin is not None
        process.stdin.close()
        process.wait(20)


def main() -> None:
    groups: set[int] = set()
    folders: list[str] = []
    for line in sys.stdin:
        order, _, operand = line.strip().partition(" ")
        if order == "kill":
            groups.add(int(operand))
        elif order == "forget":
            groups.discard(int(operand))
        elif order == "remove":
            folders.append(operand)
    for group in groups:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
