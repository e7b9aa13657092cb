"""Measures the server and compares it with its targets.

    python benchmarks/run.py                                  everything, about three quarters of an hour
    python benchmarks/run.py --quick                          everything with small counts: does it work?
    python benchmarks/run.py --only batch,single --databases sqlite
    python benchmarks/run.py --docs                           and write docs/benchmarks.md and its chart

Results go to ``benchmarks/results/`` as JSON and to standard output as Markdown. ``DATABASE_URL`` names a
PostgreSQL to measure on (databases of its own are made there and removed); otherwise one is started with
PostgreSQL's default, durable settings. Only one benchmark may run on a machine at a time.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import generator
import machine
import page
from claims import claims
from comparison import OWN, peers
from figures import Figure
from growth import growth
from logs import streams
from parked import parked
from peer_servers import PEERS
from push import push
from report import Report
from retention import retention
from scenarios import Effort, Scenario, batch, latency, lives_of, single, tinymq
from server import IN_MEMORY, POSTGRESQL, SQLITE, Site
from servers import servers
from snapshot import snapshot
from tasks import tasks

SCENARIOS: dict[str, Scenario] = {
    "batch": batch,
    "single": single,
    "forq": lives_of("forq", "Forq"),
    "tinymq": tinymq,
    "latency": latency,
    "parked": parked,
    "claims": claims,
    "streams": streams,
    "push": push,
    "tasks": tasks,
    "growth": growth,
    "retention": retention,
    "snapshot": snapshot,
    "servers": servers,
}
ALL_AT_ONCE = "peers"
"""The scenario that is not run once a database."""

FULL = Effort(repetitions=3, scale=1.0)
QUICK = Effort(repetitions=1, scale=0.1)
LONGEST_REASON = 900
"""Characters of a failure that the report repeats: the end, where an exception's own text is."""


def main() -> int:
    chosen = _arguments()
    signal.signal(
        signal.SIGTERM, lambda *_: sys.exit("stopped")
    )  # by way of what ends the processes it started
    effort = QUICK if chosen.quick else FULL
    if chosen.repetitions:
        effort = Effort(chosen.repetitions, effort.scale)
    generator.CACHE.mkdir(exist_ok=True)
    with (generator.CACHE / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit("another benchmark is running in this checkout")
        generator.build()
        site = Site(chosen.databases, os.environ.get("DATABASE_URL"))
        report = Report(_about(site, effort), chosen.databases)
        for scenario in chosen.only:
            if scenario == ALL_AT_ONCE:
                report.absent = [name for name, peer in PEERS.items() if peer.missing()]
                _measure(report, scenario, "all servers", peers(site, effort))
                continue
            for database in chosen.databases:
                _measure(report, scenario, database, SCENARIOS[scenario](site, database, effort))
    report.about["took"] = _durations(report)
    kind = "quick-" if chosen.quick else ""
    path = report.save(f"{kind}{datetime.now(UTC):%Y%m%d-%H%M%S}")
    if chosen.docs:
        page.write(report)
    print(report.markdown())
    print(f"Written to {path.relative_to(generator.HERE.parent)}", file=sys.stderr)
    return 1 if report.failures else 0


def _measure(report: Report, scenario: str, where: str, figures: Iterator[Figure]) -> None:
    """Run one scenario and add its figures; a failure is noted, and the others still run."""
    began = time.monotonic()
    print(f"{scenario} on {where} (load {machine.load():.1f})", file=sys.stderr, flush=True)
    try:
        for figure in figures:
            print(f"    {figure.name}: {figure.text()} {figure.unit}", file=sys.stderr, flush=True)
            report.figures.append(figure)
    except Exception as error:
        traceback.print_exc()
        reason = " ".join(str(error).split())
        report.failures.append(f"{scenario} on {where} failed: {reason[-LONGEST_REASON:]}")
    report.seconds.setdefault(scenario, {})[where] = round(time.monotonic() - began, 1)


def _about(site: Site, effort: Effort) -> dict[str, str]:
    kind, _ = machine.filesystem(site.folder)
    if kind in IN_MEMORY:
        sys.exit(f"{site.folder} is on {kind}: figures without a disk mean nothing")
    about = {"date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"} | machine.describe(site.folder)
    about["load before the run"] = f"{machine.load():.1f}"
    about["SQLite settings"] = "journal_mode=WAL, synchronous=FULL"
    if site.postgres is not None:
        about["PostgreSQL settings"] = ", ".join(f"{k}={v}" for k, v in site.postgres.settings().items())
    about["peers"] = ", ".join(filter(None, (peer.version() for peer in PEERS.values()))) or "none installed"
    runs = f"{effort.repetitions} runs" if effort.repetitions > 1 else "one run"
    about["figures"] = f"median (least–most) of {runs}, bodies of {generator.BODY_BYTES} bytes"
    return about


def _durations(report: Report) -> str:
    total = sum(sum(times.values()) for times in report.seconds.values())
    each = ", ".join(
        f"{scenario} {' + '.join(f'{seconds:.0f}' for seconds in times.values())} s"
        for scenario, times in report.seconds.items()
    )
    return f"{total / 60:.1f} minutes: {each} ({' + '.join(report.databases)})"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    known = [*SCENARIOS, ALL_AT_ONCE]
    parser.add_argument("--only", type=_some_of(known), default=known,
                        help=f"scenarios, out of {','.join(known)}")  # fmt: skip
    parser.add_argument("--databases", type=_some_of([SQLITE, POSTGRESQL]), default=[SQLITE, POSTGRESQL],
                        help=f"out of {SQLITE},{POSTGRESQL}")  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="a tenth of the counts, once")
    parser.add_argument("--repetitions", type=int, help="of each figure")
    parser.add_argument("--docs", action="store_true", help="write docs/benchmarks.md and its chart")
    chosen = parser.parse_args()
    if chosen.docs and chosen.quick:
        parser.error("figures of --quick do not belong into the documents")
    if ALL_AT_ONCE in chosen.only and set(chosen.databases) != set(OWN):
        chosen.only = [scenario for scenario in chosen.only if scenario != ALL_AT_ONCE]
    return chosen


def _some_of(known: list[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        wanted = text.split(",")
        if unknown := set(wanted) - set(known):
            raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: not one of {', '.join(known)}")
        return wanted

    return parse


if __name__ == "__main__":
    sys.exit(main())
