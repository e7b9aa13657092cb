"""What the kernel says about a process and all its descendants."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")


class Memory(NamedTuple):
    """MiB over a whole tree. ``pss`` counts a page shared by n processes as 1/n in each."""

    rss: float
    pss: float


def tree(root: int) -> list[int]:
    """``root`` and its descendants."""
    children: dict[int, list[int]] = {}
    for status in PROC.glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            text = status.read_text()
            parent = int(text[text.rindex(")") + 1 :].split()[1])
            children.setdefault(parent, []).append(int(status.parent.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def memory(root: int) -> Memory:
    sums = {"Rss": 0, "Pss": 0}
    for pid in tree(root):
        with contextlib.suppress(OSError):
            for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
                name, _, rest = line.partition(":")
                if name in sums:
                    sums[name] += int(rest.split()[0])
    return Memory(sums["Rss"] / 1024, sums["Pss"] / 1024)


def threads(root: int) -> int:
    """How many threads the tree has."""
    count = 0
    for pid in tree(root):
        with contextlib.suppress(OSError):
            count += len(list((PROC / str(pid) / "task").iterdir()))
    return count


def cpu_seconds(pid: int) -> float:
    """Processor time one process has used so far, without its children."""
    text = (PROC / str(pid) / "stat").read_text()
    fields = text[text.rindex(")") + 1 :].split()
    return (int(fields[11]) + int(fields[12])) / 100
