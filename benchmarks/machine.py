"""What a figure was measured on."""

from __future__ import annotations

import os
import platform
import sqlite3
import statistics
import time
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("Django", "djangorestframework", "gunicorn", "psycopg", "msgspec")


def describe(folder: Path) -> dict[str, str]:
    """Facts for the reader of a table, by name. ``folder`` is where the databases are."""
    return {
        "cores": str(os.cpu_count()),
        "CPU": _processor(),
        "memory": f"{_memory_gigabytes():.0f} GB",
        "disk": _disk(folder),
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        "packages": ", ".join(f"{name} {version(name)}" for name in PACKAGES),
    }


def load() -> float:
    """Processes that wanted a core, averaged over the last minute: what else the machine was doing."""
    return os.getloadavg()[0]


def filesystem(folder: Path) -> tuple[str, str]:
    """The kind of file system ``folder`` is on, and its device."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    path = folder.resolve()
    under = [m for m in mounts if path.is_relative_to(m[1].replace("\\040", " "))]
    device, _, kind, *_ = max(under, key=lambda m: len(m[1]))
    return kind, device


def _disk(folder: Path) -> str:
    kind, device = filesystem(folder)
    return f"{kind} on {os.path.realpath(device)}, a 4 KiB write and fsync takes {_fsync(folder):.2f} ms"


def _fsync(folder: Path, times: int = 50) -> float:
    """Milliseconds, the median: what every commit pays at the least."""
    path = folder / "fsync-probe"
    taken = []
    with path.open("wb", buffering=0) as file:
        for _ in range(times):
            began = time.perf_counter()
            file.write(bytes(4096))
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - began)
    path.unlink()
    return statistics.median(taken) * 1000


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory_gigabytes() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
