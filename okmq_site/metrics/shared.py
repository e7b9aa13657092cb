"""The folder through which the web processes of one server add up what they count.

prometheus-client keeps each process's figures in files mapped into memory, and whichever process is asked for
the metrics reads those of all. The folder belongs to one running server: a new one is made at its start and
removed at its end. A server that was killed leaves its folder to the next start in that data folder.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from okmq_site import env

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""prometheus-client takes the folder from the environment, when it is imported: the master sets this."""
PREFIX = "server-"

_folder: Path | None = None
_lock: int | None = None


def folder() -> Path | None:
    """This server's folder; None where there is no server (a test, a shell)."""
    return _folder


def create(parent: Path) -> Path:
    """Make this server's folder in ``parent``, and remove those of servers that are no more. For the master,
    before it forks."""
    global _folder, _lock
    parent.mkdir(parents=True, exist_ok=True)
    with _locked(parent):
        for left in parent.glob(f"{PREFIX}*"):
            _remove_if_nobodys(left)
        _folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        _lock = _try_lock(_folder)
    env.hand_on(VARIABLE, str(_folder))
    return _folder


def remove() -> None:
    """The server ends."""
    if _folder is not None:
        shutil.rmtree(_folder, ignore_errors=True)


def process_ended(pid: int) -> None:
    """Forget a web process's levels (so many parked there); what it counted stays in the sums."""
    if _folder is not None:
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(pid, str(_folder))  # type: ignore[no-untyped-call]


def forget_ended() -> None:
    """``process_ended`` for all that have, where the master is not told."""
    for levels in _folder.glob("gauge_live*_*.db") if _folder is not None else ():
        pid = int(levels.stem.rpartition("_")[2])
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            process_ended(pid)


@contextlib.contextmanager
def _locked(parent: Path) -> Iterator[None]:
    with (parent / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _remove_if_nobodys(left: Path) -> None:
    """A lock ends with its holders, however they end; process ids would come again."""
    handle = _try_lock(left)
    if handle is not None:
        os.close(handle)
        shutil.rmtree(left, ignore_errors=True)


def _try_lock(path: Path) -> int | None:
    """The folder's lock as a file descriptor, which forked processes share; None while another holds it."""
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle
