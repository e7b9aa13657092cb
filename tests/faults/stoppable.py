"""Consumers that are processes of their own, so that one can be stopped and continued at any instruction."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from tests.faults.history import Call, Delivery, History
from tests.faults.wires import BREATH, Forq

PATIENCE = 60.0
Where = tuple[str, str, str]
"""Server's URL, API key, queue."""
Work = Callable[[Forq, Connection], None]
_spawn = multiprocessing.get_context("spawn")


class Consumer:
    """``work`` in a process. It is handed a client, and what it may tell this process and be told through."""

    def __init__(self, work: Work, where: Where, name: str, lease: float) -> None:
        self._pipe, theirs = _spawn.Pipe()
        self._process = _spawn.Process(target=_run, args=(work, theirs, where, name, lease), daemon=True)
        self._process.start()
        theirs.close()

    def stop(self) -> None:
        """As a debugger would, or a machine that is suspended: it does not learn of it."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def tell(self) -> None:
        self._pipe.send(None)

    def told(self) -> Any:
        assert self._pipe.poll(PATIENCE), "it says nothing"
        return self._pipe.recv()

    def end(self) -> list[Call]:
        """The calls it made."""
        calls: list[Call] = self.told()
        self._process.join(PATIENCE)
        self._pipe.close()
        return calls

    def _signal(self, signum: int) -> None:
        assert self._process.pid is not None
        os.kill(self._process.pid, signum)


def _run(work: Work, pipe: Connection, where: Where, name: str, lease: float) -> None:
    history = History()
    wire = Forq(*where, history, name, lease=lease)
    work(wire, pipe)
    wire.close()
    pipe.send(history.calls)


def hold_one(wire: Forq, pipe: Connection) -> None:
    """Take a message, tell so, and acknowledge it when told to."""
    deliveries: list[Delivery] = []
    while not deliveries:
        deliveries = wire.receive()
    pipe.send(deliveries[0])
    pipe.recv()
    wire.ack(deliveries[0])


def consume(wire: Forq, pipe: Connection) -> None:
    """Consume until told to end."""
    chance = random.Random(wire.name)
    while not pipe.poll():
        for delivery in wire.receive():
            pipe.poll(chance.random() * BREATH)
            wire.ack(delivery)
