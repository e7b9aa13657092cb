"""Calls in threads, and waiting for what they do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any, TypeVar

from django.db import connections

from queues.broker.wakes import HUB

T = TypeVar("T")
PATIENCE = 30.0
"""Seconds after which something that should happen counts as not happening."""


def at_once(calls: Iterable[Callable[[], T]]) -> list[T]:
    """Run the calls in as many threads, released together; their results in order."""
    listed = list(calls)
    together = threading.Barrier(len(listed))

    def run(call: Callable[[], T]) -> T:
        together.wait(PATIENCE)
        return call()

    return [done.result(2 * PATIENCE) for done in [in_background(run, call) for call in listed]]


def in_background(call: Callable[..., T], *arguments: Any, **options: Any) -> Future[T]:
    """Run the call in a thread of its own; ask the result of what this returns."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(call(*arguments, **options))
        except BaseException as error:  # it is raised where the result is asked
            future.set_exception(error)
        finally:
            # A pool does not take back by itself what a thread leaves behind.
            connections["default"].close()

    threading.Thread(target=run, daemon=True).start()
    return future


def eventually(condition: Callable[[], object], within: float = PATIENCE) -> None:
    """Ask again and again until the condition holds."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"did not come about within {within} s"
        time.sleep(0.002)


def parked(queue_id: int, count: int) -> None:
    """Wait until that many receivers are parked on the queue."""
    eventually(lambda: len(HUB._parked.get(queue_id, ())) == count)
