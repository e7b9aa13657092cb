"""One worker for all web processes of a server."""

from __future__ import annotations

import os
import signal

import pytest

from queues.worker import elected
from queues.worker.elected import ElectedWorker
from tests.broker.at_once import eventually

pytestmark = pytest.mark.once


class Pretended:
    """Says so in a pipe when it starts."""

    pipe = -1

    def start(self) -> None:
        os.write(self.pipe, f"{os.getpid()} ".encode())

    def begin_stop(self) -> None: ...

    def stop(self) -> bool:
        return True


def test_one_process_has_the_worker_and_the_next_takes_over(monkeypatch: pytest.MonkeyPatch) -> None:
    said, Pretended.pipe = os.pipe()
    monkeypatch.setattr(elected, "Worker", Pretended)
    worker = ElectedWorker()
    worker.open()
    children = [_forked(worker) for _ in range(2)]
    first = int(os.read(said, 100))
    assert first in children
    os.set_blocking(said, False)
    with pytest.raises(BlockingIOError):
        os.read(said, 100)
    os.set_blocking(said, True)
    _kill(first)
    second = int(os.read(said, 100))
    assert {first, second} == set(children)
    _kill(second)


def test_a_process_that_stops_takes_nothing_over(monkeypatch: pytest.MonkeyPatch) -> None:
    said, Pretended.pipe = os.pipe()
    monkeypatch.setattr(elected, "Worker", Pretended)
    worker = ElectedWorker()
    worker.stop()
    worker.stand()
    os.set_blocking(said, False)
    eventually(lambda: worker._lock_file >= 0)
    with pytest.raises(BlockingIOError):
        os.read(said, 100)


def _forked(worker: ElectedWorker) -> int:
    child = os.fork()
    if child == 0:
        worker.stand()
        signal.pause()
        os._exit(0)
    return child


def _kill(child: int) -> None:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
