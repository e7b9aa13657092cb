"""The engine alone: publish, receive and settle straight on the broker, no HTTP. Where does the time go?

    python benchmarks/engine.py                                     both databases, about a minute and a half
    python benchmarks/engine.py --databases sqlite --threads 32 --batch 1
    python benchmarks/engine.py --databases sqlite --threads 8 --batch 100 --profile

Compared with ``run.py`` under the same load, the difference is what HTTP, Django and JSON cost. Each figure
is messages a second; ``per call`` is the writer's time for one call, ``merged`` how many calls went into
one transaction. ``--profile`` runs cProfile inside the database threads and prints where they were.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from generator import BODY_BYTES
from server import POSTGRESQL, SQLITE, Site

CALLS = {1: 3_000, 100: 300}
"""Calls of each kind, by messages a call."""

BODY = '"' + "x" * BODY_BYTES + '"'
PROFILED_LINES = 25


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--databases", default=f"{SQLITE},{POSTGRESQL}", help="default: %(default)s")
    parser.add_argument("--threads", default="1,8,32", help="callers at once (default: %(default)s)")
    parser.add_argument("--batch", default="1,100", help="messages a call (default: %(default)s)")
    parser.add_argument("--profile", action="store_true", help="cProfile of the database threads")
    chosen = parser.parse_args()
    databases = chosen.databases.split(",")
    site = Site(databases, os.environ.get("DATABASE_URL"))
    print("| database | batch | threads | publish | receive | settle | life | merged p/r/s |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for database in databases:
        # A process for each: Django's settings are read once in a process.
        url = site.postgres.make_database() if database == POSTGRESQL and site.postgres else None
        environment = {**os.environ, "OKMQ_DATA_DIR": str(site.folder / database), "DATABASE_URL": url or ""}
        options = {"threads": chosen.threads, "batch": chosen.batch, "profile": chosen.profile}
        try:
            subprocess.run(
                [sys.executable, __file__, "--databases", database],
                env=environment | {"OKMQ_ENGINE_BENCHMARK": json.dumps(options)},
                check=True,
            )
        finally:
            if url is not None and site.postgres is not None:
                site.postgres.drop_database(url)


def measure(database: str, threads: list[int], batches: list[int], *, profiled: bool) -> None:
    """All figures of one database, in the process that has its settings."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    os.environ["DJANGO_SETTINGS_MODULE"] = "okmq_site.settings"
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    profiles = _watch_lanes() if profiled else []
    account = _account()
    for size in batches:
        for count in threads:
            print(f"| {database} | {size} | {count} | {_row(account, size, count)} |", flush=True)
    if profiled:
        _print_profiles(profiles)


def _account() -> int:
    from accounts.services import create_account

    return int(create_account("engine@example.com").pk)


def _row(account: int, size: int, count: int) -> str:
    from queues import broker
    from queues.broker.types import Ack, NewMessage, QueueSettings

    calls = max(CALLS[size] // (3 if count == 1 else 1), count)
    name = f"engine-{size}-{count}"
    settings = QueueSettings(lease_seconds=3600, max_attempts=5, ttl_seconds=None, auto_delete=True)
    broker.create_queue(account, name, settings=settings)
    received: list[list[Any]] = []

    def publish() -> None:
        broker.publish(
            account, name, [NewMessage(BODY, BODY_BYTES, public_id=str(uuid.uuid4())) for _ in range(size)]
        )

    def receive() -> None:
        received.append(broker.receive(account, name, limit=size))

    def settle() -> None:
        broker.settle(account, name, [Ack(message.public_id) for message in received.pop()])

    def life() -> None:
        publish()
        messages = broker.receive(account, name, limit=size)
        broker.settle(account, name, [Ack(message.public_id) for message in messages])

    rates, merged = [], []
    for work in (publish, receive, settle, life):
        transactions = _Transactions()
        seconds = _spread(work, calls, count)
        rates.append(f"{calls * size / seconds:,.0f}")
        merged.append(f"{transactions.calls_each(calls):.1f}")
    return " | ".join([*rates, " / ".join(merged[:3])])


def _spread(work: Callable[[], None], calls: int, count: int) -> float:
    """Seconds that ``count`` threads take for ``calls`` calls of ``work``."""
    begin = threading.Barrier(count + 1)

    def caller() -> None:
        begin.wait()
        for _ in range(calls // count):
            work()

    callers = [threading.Thread(target=caller) for _ in range(count)]
    for thread in callers:
        thread.start()
    begin.wait()
    began = time.perf_counter()
    for thread in callers:
        thread.join()
    return time.perf_counter() - began


class _Transactions:
    """Counts the engine's transactions from now on."""

    def __init__(self) -> None:
        from queues.broker.lanes import Lane

        self.count = 0
        if not hasattr(Lane, "_uncounted"):
            Lane._uncounted = Lane._commit_all  # type: ignore[attr-defined]
        uncounted = Lane._uncounted  # type: ignore[attr-defined]

        def commit_all(lane: Any, *arguments: Any) -> None:
            self.count += 1
            uncounted(lane, *arguments)

        Lane._commit_all = commit_all  # type: ignore[assignment]

    def calls_each(self, calls: int) -> float:
        return calls / max(self.count, 1)


def _watch_lanes() -> list[tuple[str, cProfile.Profile]]:
    """Have every database thread that is started from now on profile itself."""
    from queues.broker.lanes import Lane

    profiles: list[tuple[str, cProfile.Profile]] = []
    work = Lane._work

    def watched(lane: Lane) -> None:
        profile = cProfile.Profile()
        profiles.append((lane.name, profile))
        profile.runcall(work, lane)

    Lane._work = watched  # type: ignore[assignment]
    return profiles


def _print_profiles(profiles: list[tuple[str, cProfile.Profile]]) -> None:
    from queues.broker.lanes import LANES

    LANES.close()
    for name, profile in profiles:
        print(f"\nThe thread of lane {name}, by own time:")
        pstats.Stats(profile).strip_dirs().sort_stats("tottime").print_stats(PROFILED_LINES)


if __name__ == "__main__":
    if options := os.environ.get("OKMQ_ENGINE_BENCHMARK"):
        given = json.loads(options)
        measure(
            sys.argv[-1],
            [int(n) for n in given["threads"].split(",")],
            [int(n) for n in given["batch"].split(",")],
            profiled=given["profile"],
        )
    else:
        main()
