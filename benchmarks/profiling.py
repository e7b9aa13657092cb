"""Where a server's time goes: load on one hot path, a sampling profiler on one web process, sums by group.

    python benchmarks/profiling.py                            every path on both databases, about 4 minutes
    python benchmarks/profiling.py --only enqueue-1 --databases sqlite --top 25

Each path is sampled twice. "holding the GIL": what the interpreter, which runs one thread at a time, was
busy with; a share is what a faster piece of Python would save. "wall of lane": what an engine's database
thread was doing at any moment, waiting included; a lane that never waits for work is the limit.

The profiler is py-spy, from PyPI into the scratch environment. It stops the process for each sample, so
figures taken under it are 10-40 % too low; the shares hold.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import generator
import processes
from server import POSTGRESQL, SQLITE, Server, Site

PATHS = {
    "enqueue-1": {"mode": "publish", "c": 32, "batch": 1},
    "life-1": {"mode": "lifecycle", "c": 32, "batch": 1},
    "life-100": {"mode": "lifecycle", "c": 8, "batch": 100},
    "enqueue-100": {"mode": "publish", "c": 8, "batch": 100},
}
MOST_MESSAGES = 5_000_000
RATE = 200
"""Samples a second."""

# A frame of these anywhere in the stack decides.
PHASES = [
    (r"Lane\._take ", "lane: waiting for work"),
    (r"(Lane\.submit|Operation\.finish) ", "hand-over to the lane and back"),
    (r"(Atomic\.__enter__|Atomic\.__exit__|Connection\.transaction) ", "BEGIN and COMMIT"),
]
# Else the frame nearest to the leaf that matches one of these; what matches nothing counts for its caller.
GROUPS = [
    (r"(psycopg|django/db/|broker/db\.py)", "SQL statements (driver)"),
    (r"broker/(neighbours|wakes)\.py", "wake-ups"),
    (r"queues/broker/", "engine's Python"),
    (r"(okmq/schemas|strict_json|negotiation|msgspec)", "JSON and schemas"),
    (r"api/body\.py", "reading the body"),
    (r"accounts/", "authentication"),
    (r"(rest_framework|queues/api/)", "DRF and views"),
    (r"django/", "Django"),
    (r"okmq_site/wsgi", "our WSGI door"),
    (r"gunicorn/http/(message|parser|unreader|body)", "gunicorn: parsing"),
    (r"gunicorn/http/wsgi", "gunicorn: environ and answer"),
    (r"gunicorn", "gunicorn: event loop and queueing"),
    (r"concurrent/futures", "thread pool"),
]
COMPILED = [[(re.compile(pattern), name) for pattern, name in rules] for rules in (PHASES, GROUPS)]


class Sample(NamedTuple):
    """A stack, root first, and how often it was seen."""

    frames: list[str]
    seen: int


def record(pid: int, seconds: int, file: Path, *flags: str) -> list[Sample]:
    """What py-spy saw of process ``pid``."""
    py_spy = str(generator.tool("py-spy", "py-spy"))
    options = ["--format", "raw", "--function", "--full-filenames", "--threads", f"--rate={RATE}"]
    subprocess.run(
        [py_spy, "record", f"--pid={pid}", f"--duration={seconds}", f"--output={file}", *options, *flags],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    samples = []
    for line in file.read_text().splitlines():
        stack, _, count = line.rpartition(" ")
        samples.append(Sample(stack.split(";"), int(count)))
    return samples


def group(frames: list[str]) -> str:
    for rules in COMPILED:
        for frame in reversed(frames):
            for pattern, name in rules:
                if pattern.search(frame):
                    return name
    return "other"


def by_group(samples: list[Sample]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for sample in samples:
        counts[group(sample.frames)] += sample.seen
    return counts


def by_function(samples: list[Sample]) -> Counter[str]:
    """Seen at the top of the stack: time in the function itself and the C code it calls."""
    counts: Counter[str] = Counter()
    for sample in samples:
        name, _, file = sample.frames[-1].partition(" (")
        counts[f"{name} ({'/'.join(Path(file.rstrip(')')).parts[-2:])})"] += sample.seen
    return counts


def lanes(samples: list[Sample]) -> dict[str, list[Sample]]:
    """What each of the engine's database threads was seen doing, by the lane's name."""
    found: dict[str, list[Sample]] = {}
    for sample in samples:
        if thread := re.search(r"okmq-(writer|publish|receive|settle|bulk)", sample.frames[0]):
            found.setdefault(thread[1], []).append(sample)
    return found


def table(counts: Counter[str], top: int) -> list[str]:
    total = sum(counts.values()) or 1
    return [f"| {name} | {count * 100 / total:.1f} % |" for name, count in counts.most_common(top)]


def profile(server: Server, path: str, seconds: int, top: int, folder: Path) -> list[str]:
    """A Markdown section on one hot path."""
    pids = processes.tree(server.pid)[1:] or [server.pid]
    load = generator.command(server.url, server.key, server.pids, n=MOST_MESSAGES, max="120s", **PATHS[path])
    running = subprocess.Popen(load, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(3)
        busiest = max(pids, key=processes.cpu_seconds)
        before, began = processes.cpu_seconds(busiest), time.monotonic()
        holding = record(busiest, seconds, folder / "gil.txt", "--gil")
        used = (processes.cpu_seconds(busiest) - before) / (time.monotonic() - began)
        wall = record(busiest, seconds, folder / "wall.txt", "--idle")
    finally:
        running.terminate()
        running.wait()
    gil = sum(s.seen for s in holding) / (seconds * RATE)
    lines = [f"GIL held {gil:.0%} of the time; the process used {used:.2f} cores.", ""]
    lines += ["| holding the GIL | share |", "|---|---|", *table(by_group(holding), 20), ""]
    lines += ["| function holding the GIL | share |", "|---|---|", *table(by_function(holding), top), ""]
    for name, seen in sorted(lanes(wall).items()):
        lines += [f"| wall of lane {name} | share |", "|---|---|", *table(by_group(seen), 12), ""]
        lines += [
            f"| function, wall of lane {name} | share |",
            "|---|---|",
            *table(by_function(seen), 10),
            "",
        ]
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default=",".join(PATHS), help="paths: %(default)s")
    parser.add_argument("--databases", default=f"{SQLITE},{POSTGRESQL}", help="default: %(default)s")
    parser.add_argument("--seconds", type=int, default=10, help="of each recording (default: %(default)s)")
    parser.add_argument("--top", type=int, default=15, help="functions shown (default: %(default)s)")
    chosen = parser.parse_args()
    databases = chosen.databases.split(",")
    site = Site(databases, os.environ.get("DATABASE_URL"))
    for database in databases:
        for path in chosen.only.split(","):
            with site.server(database) as server:
                print(f"## {path} on {database}\n", flush=True)
                print("\n".join(profile(server, path, chosen.seconds, chosen.top, server.folder)), flush=True)


if __name__ == "__main__":
    main()
