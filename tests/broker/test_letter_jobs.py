"""Replays and purges of many letters, done in chunks by workers that may die at any moment."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Self

import pytest
from django.conf import LazySettings
from django.db import connection

from accounts.models import Account
from queues.broker import audit, clock, letters
from queues.broker.audit_log import entries
from queues.broker.errors import QueueNotFound, Unavailable
from queues.broker.lanes import in_transaction
from queues.broker.letters import JobInfo, JobNotFound, Wanted, jobs, replaying, working
from queues.broker.types import State
from queues.fields import to_datetime
from queues.models import DeadLetterJob, MessageEvent
from queues.worker.dead_letter_jobs import DeadLetterJobs
from tests import database

from .at_once import eventually, in_background
from .conftest import NewQueue
from .handle import Handle
from .rows import assert_consistent

ME, OTHER = "me", "other"
NAMES = [str(n) for n in range(25)]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of ten; whatever has more than one letter is a job."""
    monkeypatch.setattr(replaying, "MOST_AT_ONCE", 1)
    monkeypatch.setattr(jobs, "CHUNK", 10)


@pytest.fixture
def dead(q: Handle) -> Handle:
    """A queue with 25 dead messages, every fifth of them tagged."""
    for name in NAMES:
        q.publish(name, tag="" if int(name) % 5 else "t")
    q.kill(*NAMES)
    return q


def order(q: Handle, wanted: Wanted | None = None, **options: object) -> JobInfo:
    answer = letters.replay(q.account_id, q.name, wanted, **options)  # type: ignore[arg-type]
    assert answer.job is not None
    return answer.job


def finish(job: JobInfo, holder: str = ME) -> JobInfo:
    while jobs.step(job.id, holder):
        pass
    return letters.get_job(job.id)


def later(job: JobInfo, seconds: float) -> None:
    """Let that much time pass for the job."""
    row = DeadLetterJob.objects.get(pk=job.id)
    for name in ("held_until", "next_at"):
        at = getattr(row, name)
        setattr(row, name, at and at - timedelta(seconds=seconds))
    row.save()


def replayed(q: Handle) -> Counter[int]:
    """How often each message was replayed, by offset."""
    rows = MessageEvent.objects.filter(queue_id=q.id, kind="replayed")
    return Counter(rows.values_list("offset", flat=True))


def test_a_job_is_done_in_chunks(account: Account, dead: Handle) -> None:
    with audit.acting("user root"):
        job = order(dead, keep_attempts=True)
    assert (job.state, job.expected, job.actor, job.open) == ("waiting", 25, "user root", True)
    assert dead.stats().failed == 25
    assert jobs.step(job.id, ME)
    running = letters.get_job(job.id)
    assert (running.state, running.done, running.held_by) == ("running", 10, ME)
    assert dead.stats().failed == 15
    ended = finish(job)
    assert (ended.state, ended.done, ended.skipped, ended.open) == ("done", 25, 0, False)
    assert ended.ended_at is not None
    assert replayed(dead) == Counter(range(25))
    (entry,) = entries(account.pk, action="dead_letters")
    assert (entry.actor, entry.action, entry.count, entry.detail) == (
        "user root",
        "dead_letters.replay",
        25,
        {"keep_attempts": True, "job": job.id, "ended": "done"},
    )
    assert not jobs.step(job.id, ME)
    assert_consistent(dead)


def test_a_job_treats_only_what_was_wanted_and_there(dead: Handle) -> None:
    job = order(dead, Wanted(tag="t"))
    dead.publish("young", tag="t")
    dead.kill("young")
    assert finish(job).done == 5
    assert dead.ids(State.PENDING) == ["0", "5", "10", "15", "20"]
    assert dead.state("young") is State.FAILED


def test_a_purge_is_a_job_too(dead: Handle) -> None:
    answer = letters.purge(dead.account_id, dead.name)
    assert answer.job is not None
    assert finish(answer.job).done == 25
    assert dead.ids() == []
    assert_consistent(dead)


def test_letters_by_id_are_a_job_too(dead: Handle) -> None:
    ids = tuple(NAMES[3:18])
    assert finish(order(dead, Wanted(ids=ids))).done == 15
    assert dead.ids(State.PENDING) == list(ids)


def test_a_job_moves_letters_back(new_queue: NewQueue) -> None:
    graves = new_queue()
    queue = new_queue(max_attempts=1, dead_letter_queue=graves.name)
    queue.publish(*NAMES)
    queue.kill(*NAMES)
    assert finish(order(graves)).done == 25
    assert (graves.ids(), queue.ids()) == ([], NAMES)
    assert_consistent(graves)
    assert_consistent(queue)


def test_a_message_that_dies_again_meanwhile_is_not_replayed_twice(dead: Handle) -> None:
    job = order(dead)
    jobs.step(job.id, ME)
    dead.kill(*NAMES[:10])
    assert finish(job).done == 25
    assert dead.ids(State.FAILED) == NAMES[:10]


def test_a_job_belongs_to_one_worker_until_that_is_gone(dead: Handle) -> None:
    job = order(dead)
    assert jobs.step(job.id, ME)
    assert not jobs.step(job.id, OTHER)
    assert job.id not in jobs.open_jobs(OTHER)
    later(job, 16)
    assert job.id in jobs.open_jobs(OTHER)
    assert jobs.step(job.id, OTHER)
    assert not jobs.step(job.id, ME)
    assert finish(job, OTHER).done == 25
    assert replayed(dead) == Counter(range(25))


def test_a_worker_that_stops_gives_its_jobs_back(dead: Handle) -> None:
    job = order(dead)
    jobs.step(job.id, ME)
    jobs.give_back(ME)
    assert jobs.step(job.id, OTHER)


def test_a_chunk_that_fails_leaves_no_trace(dead: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    job = order(dead)
    jobs.step(job.id, ME)
    with monkeypatch.context() as patch:
        patch.setattr(jobs, "_go_on", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            jobs.step(job.id, ME)
    assert (letters.get_job(job.id).done, dead.stats().failed) == (10, 15)
    assert finish(job).done == 25
    assert replayed(dead) == Counter(range(25))


def test_a_rate_is_kept(dead: Handle) -> None:
    job = order(dead, per_second=4)
    assert jobs.step(job.id, ME)
    assert letters.get_job(job.id).done == 4
    assert not jobs.step(job.id, ME)
    later(job, 1)
    assert jobs.step(job.id, ME)
    assert letters.get_job(job.id).done == 8


def test_a_rate_is_kept_when_another_worker_goes_on(dead: Handle) -> None:
    job = order(dead, per_second=0.01)
    assert jobs.step(job.id, ME)
    jobs.give_back(ME)
    assert not jobs.step(job.id, OTHER)
    later(job, 100)
    assert jobs.step(job.id, OTHER)
    assert letters.get_job(job.id).done == 2


def test_a_pause_is_not_followed_by_a_flood(dead: Handle) -> None:
    job = order(dead, per_second=5)
    jobs.step(job.id, ME)
    later(job, 3600)
    done = letters.get_job(job.id).done
    while jobs.step(job.id, ME):
        pass
    assert letters.get_job(job.id).done <= done + 10


@pytest.mark.parametrize("rate", [0, -1, float("inf"), float("nan")])
def test_a_rate_must_be_one(dead: Handle, rate: float) -> None:
    with pytest.raises(ValueError, match="per_second"):
        order(dead, per_second=rate)


def test_a_job_is_cancelled(account: Account, dead: Handle) -> None:
    with audit.acting("user one"):
        job = order(dead)
    jobs.step(job.id, ME)
    with audit.acting("user two"):
        ended = letters.cancel_job(job.id)
    assert (ended.state, ended.done) == ("cancelled", 10)
    assert not jobs.step(job.id, ME)
    assert dead.stats().failed == 15
    acts = [(e.actor, e.action, e.count) for e in entries(account.pk, action="dead_letters")]
    assert acts == [("user one", "dead_letters.replay", 10), ("user two", "dead_letters.cancel", None)]
    assert letters.cancel_job(job.id) == ended
    with pytest.raises(JobNotFound):
        letters.cancel_job(2**40)


def test_a_job_fails_when_its_target_goes(dead: Handle, new_queue: NewQueue) -> None:
    other = new_queue()
    job = order(dead, to=other.name)
    jobs.step(job.id, ME)
    other.delete()
    assert not jobs.step(job.id, ME)
    ended = letters.get_job(job.id)
    assert (ended.state, ended.done) == ("failed", 10)
    assert other.name in ended.error
    assert dead.stats().failed == 15


def test_a_job_fails_when_its_queue_goes(dead: Handle) -> None:
    job = order(dead)
    dead.delete()
    assert not jobs.step(job.id, ME)
    assert letters.get_job(job.id).state == "failed"


def test_jobs_are_listed(account: Account, stranger: Account, dead: Handle) -> None:
    first, second = order(dead), order(dead, Wanted(tag="t"))
    assert [job.id for job in letters.list_jobs(account.pk)] == [second.id, first.id]
    assert [job.id for job in letters.list_jobs(account.pk, before=second.id)] == [first.id]
    letters.cancel_job(first.id)
    assert [job.id for job in letters.list_jobs(account.pk, only_open=True)] == [second.id]
    assert letters.list_jobs(stranger.pk) == []
    assert second.id in {job.id for job in letters.list_jobs(None)}
    assert (second.queue, second.wanted) == (dead.name, Wanted(tag="t"))


def test_ended_jobs_are_forgotten_with_age(dead: Handle, settings: LazySettings) -> None:
    settings.OKMQ_AUDIT_DAYS = 1
    old, new, running = order(dead), order(dead), order(dead)
    for job in (old, new):
        letters.cancel_job(job.id)
    DeadLetterJob.objects.filter(pk__in=(old.id, running.id)).update(
        ended_at=to_datetime(clock.now()) - timedelta(days=1, hours=1)
    )
    DeadLetterJob.objects.filter(pk=running.id).update(ended_at=None)
    in_transaction(lambda tx: jobs.prune(tx, 1_000))
    assert {job.id for job in letters.list_jobs(dead.account_id)} == {new.id, running.id}


def test_the_worker_does_what_is_ordered(dead: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through a database that is away for a while, and a job that cannot be done."""
    step, calls = jobs.step, []

    def away_at_first(job_id: int, holder: str) -> bool:
        calls.append(job_id)
        if len(calls) == 1:
            raise Unavailable("away")
        return step(job_id, holder)

    monkeypatch.setattr(jobs, "step", away_at_first)
    bad, good = order(dead, Wanted(tag="t")), order(dead)
    work = working.work
    monkeypatch.setattr(
        jobs, "work", lambda tx, what, *rest: 1 / 0 if what.wanted.tag else work(tx, what, *rest)
    )
    service, stop = DeadLetterJobs(), threading.Event()
    done = in_background(service.run, stop)
    try:
        eventually(lambda: letters.get_job(good.id).state == "done")
    finally:
        stop.set()
        done.result(30)
    assert dead.stats().pending == 25
    failed = letters.get_job(bad.id)
    assert (failed.state, failed.error) == ("failed", "ZeroDivisionError: division by zero")
    assert service.detail() == {}


def test_a_worker_that_is_killed_in_the_midst_of_a_job(q: Handle) -> None:
    """kill -9 between any two statements: another worker goes on, nothing is replayed twice or left out."""
    names = [str(n) for n in range(300)]
    q.publish(*names)
    q.take(300)
    q.nack(*names, dead=True)
    job = order(q)
    for kill_after in (2, 9, None):
        with Replayer(10) as worker:
            chunks = 0
            while letters.get_job(job.id).open and (kill_after is None or chunks < kill_after):
                worker.chunk()
                chunks += 1
        later(job, 16)
    ended = letters.get_job(job.id)
    assert (ended.state, ended.done) == ("done", 300)
    assert replayed(q) == Counter(range(300))
    assert q.ids(State.PENDING) == names
    assert_consistent(q)


class Replayer:
    """``tests.broker.replayer`` on this run's database; killed at the end."""

    def __init__(self, chunk: int) -> None:
        name = str(connection.settings_dict["NAME"])
        url = database.url_of(name) if database.POSTGRESQL else f"sqlite:///{name}"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.broker.replayer", str(chunk)],
            cwd=Path(__file__).resolve().parents[2],
            env={**os.environ, "DATABASE_URL": url},
            stdout=subprocess.PIPE,
            text=True,
        )
        self.chunk()

    def chunk(self) -> None:
        """Wait until the next one is done."""
        assert self._process.stdout is not None
        assert self._process.stdout.readline()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate(timeout=30)


def test_a_missing_queue_is_no_place_for_a_job(dead: Handle) -> None:
    with pytest.raises(QueueNotFound):
        letters.replay(dead.account_id, "nowhere", per_second=1)
