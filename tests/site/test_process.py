"""A web process's own part, without a web server around it."""

from __future__ import annotations

import resource
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from okmq_site import bootstrap, gunicorn_server, process
from queues.worker import crew
from queues.worker.elected import WORKER


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of what ``post_worker_init`` started."""
    calls: list[str] = []
    monkeypatch.setattr(process, "_end_waits_on_stop", lambda worker: calls.append("signals"))
    monkeypatch.setattr(WORKER, "stand", lambda: calls.append("worker"))
    monkeypatch.setattr(crew.Crew, "start", lambda self: None)
    return calls


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, started: list[str]) -> list[dict[str, Any]]:
    """Options of the servers ``serve`` would have run; each also goes through ``post_worker_init``."""
    options: list[dict[str, Any]] = []

    class NoServer:
        def __init__(self, **given: Any) -> None:
            options.append(given)

        def run(self) -> None:
            process.post_worker_init(None)  # type: ignore[arg-type]

    monkeypatch.setattr(gunicorn_server, "Server", NoServer)
    monkeypatch.setattr(bootstrap, "prepare", lambda: None)
    monkeypatch.setattr(bootstrap, "leave_database", lambda: None)
    monkeypatch.setattr(process, "runs_worker", True)
    for name in ("OKMQ_THREADS", "OKMQ_PROCESSES", "OKMQ_MAX_PARKED"):
        monkeypatch.setattr(settings, name, getattr(settings, name))
    return options


@pytest.mark.usefixtures("django_db_setup")
def test_serve_runs_the_worker_too(served: list[dict[str, Any]], started: list[str]) -> None:
    call_command("serve", host="::1", port=0, processes=1, threads=100)
    assert served == [{"bind": "[::1]:0", "workers": 1, "threads": 100}]
    assert started == ["signals", "worker"]
    assert settings.OKMQ_MAX_PARKED == 100 - settings.OKMQ_RESERVED_THREADS


@pytest.mark.usefixtures("django_db_setup")
def test_no_worker_leaves_all_of_it_to_runworker(served: list[dict[str, Any]], started: list[str]) -> None:
    call_command("serve", no_worker=True)
    assert len(served) == 1
    assert started == ["signals"]


def test_threads_must_outnumber_the_reserve(served: list[dict[str, Any]]) -> None:
    with pytest.raises(CommandError, match="OKMQ_RESERVED_THREADS"):
        call_command("serve", threads=settings.OKMQ_RESERVED_THREADS)
    assert served == []


def test_more_files_may_be_open() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, before[1]), before[1]))
        process.raise_open_files_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == min(process.OPEN_FILES, before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
