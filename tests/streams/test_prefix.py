"""A consumer never sees offset N+1 before N, whoever produces: threads, transactions, processes."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial

import pytest
from django.db import connection

from queues.broker.db import Row, Statement
from queues.broker.lanes import Lane, Transaction, in_transaction
from streams import sql
from streams.produce import Produce
from tests.broker.at_once import eventually, in_background, parked

from .conftest import NewStream
from .handle import Handle, entry

LONG = 30.0
SETTINGS = (
    "import django; django.setup();"
    "from django.conf import settings; from django.db import connection;"
    "settings.DATABASES['default']['NAME'] = connection.settings_dict['NAME'] = {database!r};"
)
PRODUCING = SETTINGS + (
    "from concurrent.futures import ThreadPoolExecutor;"
    "from streams import log; from streams.types import NewEntry;"
    "pool = ThreadPoolExecutor({threads});"
    "make = lambda at: [NewEntry('b', 1, public_id='{who}-%d-%d' % (at, n)) for n in range({size})];"
    "list(pool.map(lambda at: log.produce({account}, {stream!r}, make(at)), range({batches})));"
    "import time; time.sleep(0.2)"  # its notifier is a daemon thread
)

COMMITTING = SETTINGS + (
    "from concurrent.futures import ThreadPoolExecutor;"
    "from streams import log; from streams.types import NewEntry;"
    "pool = ThreadPoolExecutor(8);"
    "produce = lambda name, at: log.produce({account}, name, [NewEntry('b', 1, public_id='{who}-%d' % at)]);"
    "turn = lambda n: log.commit({account}, names[n % 4], produce(names[n % 4], n)[0].offset);"
    "names = {names!r};"
    "list(pool.map(turn, range(480)))"
)


def elsewhere(
    s: Handle, who: str, *, batches: int = 1, size: int = 1, threads: int = 1
) -> subprocess.Popen[bytes]:
    """Another process produces: one with a Python, and so an engine, of its own."""
    script = PRODUCING.format(
        database=connection.settings_dict["NAME"], account=s.account_id, stream=s.name, who=who,
        batches=batches, size=size, threads=threads,
    )  # fmt: skip
    return subprocess.Popen([sys.executable, "-c", script])


def ended(process: subprocess.Popen[bytes]) -> None:
    assert process.wait(60) == 0


class Reader:
    """Follows the stream in a thread of its own and holds every look against the rule."""

    def __init__(self, stream: Handle) -> None:
        self.stream = stream
        self.seen: list[str] = []
        self.enough = threading.Event()
        self.done = in_background(self._follow)

    def _follow(self) -> None:
        while not self.enough.is_set():
            found = self.stream.read(after=len(self.seen), limit=1_000, wait_seconds=0.05)
            offsets = [one.offset for one in found]
            assert offsets == list(range(len(self.seen) + 1, len(self.seen) + len(found) + 1)), offsets
            self.seen += [one.public_id for one in found]

    def finish(self, count: int) -> list[str]:
        eventually(lambda: len(self.seen) >= count or self.done.done(), 60)
        self.enough.set()
        self.done.result(LONG)
        return self.seen


@pytest.fixture
def readers(s: Handle) -> Iterator[list[Reader]]:
    made = [Reader(s) for _ in range(3)]
    yield made
    for reader in made:
        reader.enough.set()


def test_transactions_side_by_side_keep_the_log_a_prefix(s: Handle, readers: list[Reader]) -> None:
    """Lanes of their own: on PostgreSQL their transactions overlap, as those of several processes do."""
    batches, size = 40, 5
    with ExitStack() as stack:
        lanes = [stack.enter_context(closing(Lane(f"test-{n}"))) for n in range(4)]

        def produce(n: int, lane: Lane) -> None:
            for batch in range(batches):
                entries = [entry(f"{n}-{batch}-{at}") for at in range(size)]
                lane.submit(Produce(s.account_id, s.name, entries))

        with ThreadPoolExecutor(4) as pool:
            for done in [pool.submit(produce, n, lane) for n, lane in enumerate(lanes)]:
                done.result(60)
    total = 4 * batches * size
    logs = [reader.finish(total) for reader in readers]
    assert logs[0] == logs[1] == logs[2] == s.ids()
    assert len(set(logs[0])) == total
    for n in range(4):
        mine = [one for one in logs[0] if one.startswith(f"{n}-")]
        assert mine == [f"{n}-{batch}-{at}" for batch in range(batches) for at in range(size)]
    s.assert_counted()


def test_processes_side_by_side_keep_the_log_a_prefix(s: Handle, readers: list[Reader]) -> None:
    processes = [elsewhere(s, who, batches=30, size=10, threads=4) for who in ("one", "two")]
    for batch in range(30):
        s.produce(*(f"here-{batch}-{at}" for at in range(10)))
    for process in processes:
        ended(process)
    logs = [reader.finish(900) for reader in readers]
    assert logs[0] == logs[1] == logs[2] == s.ids()
    assert len(set(logs[0])) == 900
    s.assert_counted()


def test_equal_ids_from_two_processes_are_stored_once(s: Handle) -> None:
    for process in [elsewhere(s, "same", batches=20, size=10, threads=4) for _ in range(2)]:
        ended(process)
    assert s.offsets() == list(range(1, 201))
    assert len(set(s.ids())) == 200
    s.assert_counted()


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer, which waits for nobody")
def test_producers_and_consumers_of_several_streams_never_deadlock(new_stream: NewStream) -> None:
    """A deadlock would not show: its victim is tried again, a second later."""
    streams = [new_stream() for _ in range(4)]
    before = _deadlocks()
    processes = [
        subprocess.Popen([sys.executable, "-c", COMMITTING.format(
            database=connection.settings_dict["NAME"], account=streams[0].account_id, who=who,
            names=[stream.name for stream in streams],
        )])
        for who in ("one", "two")
    ]  # fmt: skip
    for process in processes:
        ended(process)
    assert _deadlocks() == before
    for stream in streams:
        assert stream.offsets() == list(range(1, 241))
        stream.assert_counted()


def _deadlocks() -> int:
    with connection.cursor() as cursor:
        # Sessions report them when they end, or once a second.
        cursor.execute("SELECT pg_sleep(1.2), pg_stat_clear_snapshot()")
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        found: int = cursor.fetchone()[0]
        return found


def test_those_who_are_parked_here_hear_of_a_message_elsewhere(s: Handle) -> None:
    waiting = [in_background(s.consume, wait_seconds=LONG) for _ in range(3)]
    parked(s.channel, 3)
    ended(elsewhere(s, "other"))
    assert [[one.public_id for one in each.result(LONG)] for each in waiting] == [["other-0-0"]] * 3


def test_the_last_message_is_read_like_the_first(s: Handle) -> None:
    """Not by the clock, which proves nothing on a busy machine: by the work the database does."""
    for batch in range(10):
        s.produce(*(f"{batch}-{at}" for at in range(1_000)))
    work = _pages_read if connection.vendor == "postgresql" else _steps
    found = [in_transaction(partial(work, stream_id=s.id, after=after)) for after in (0, 5_000, 9_980)]
    assert max(found) < 2 * min(found), found


def _look(tx: Transaction, statement: Statement, stream_id: int, after: int) -> list[Row]:
    return tx.db.rows(statement, stream=stream_id, after=after, now=tx.now, limit=10, bytes=10**9)


def _steps(tx: Transaction, stream_id: int, after: int) -> int:
    """Instructions SQLite runs for a look at ten messages."""
    taken: list[int] = []
    raw = connection.connection
    raw.set_progress_handler(lambda: taken.append(1), 1)
    _look(tx, sql.READ, stream_id, after)
    raw.set_progress_handler(None, 1)
    return len(taken)


def _pages_read(tx: Transaction, stream_id: int, after: int) -> int:
    """Pages PostgreSQL touches for it."""
    explained = Statement("")
    explained.postgresql = f"EXPLAIN (ANALYZE, BUFFERS) {sql.READ.postgresql}"
    plan = "\n".join(row[0] for row in _look(tx, explained, stream_id, after))
    touched = re.search(r"Buffers: shared hit=(\d+)(?: read=(\d+))?", plan)
    assert touched is not None and "Seq Scan" not in plan, plan
    return int(touched[1]) + int(touched[2] or 0)
