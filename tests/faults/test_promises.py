"""The server keeps its promises under load and through crashes."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.faults.load import SHORT, UNBOUNDED, under_load
from tests.faults.wires import Agentuity, Forq, Okmq
from tests.server import Server, ServerFactory


@pytest.mark.faults
def test_a_server_left_in_peace_keeps_every_promise(make_server: ServerFactory) -> None:
    with under_load(make_server(), publications=30):
        pass


def test_a_killed_server_keeps_every_promise(make_server: ServerFactory) -> None:
    _kill_again_and_again(make_server(OKMQ_FORQ_POLL_SECONDS=SHORT), cycles=4)


@pytest.mark.faults
def test_a_server_killed_a_hundred_times_keeps_every_promise(make_server: ServerFactory) -> None:
    _kill_again_and_again(make_server(OKMQ_FORQ_POLL_SECONDS=SHORT), cycles=100)


def _kill_again_and_again(server: Server, cycles: int) -> None:
    """Each time when some more was accepted, so that clients are in the middle of their calls: the web
    process, and every fourth time the whole server."""
    killed: list[tuple[float, float]] = []
    with under_load(server, publications=UNBOUNDED, consumers=(Agentuity, Forq, Okmq) * 2) as load:
        for cycle in range(cycles):
            load.wait_for(load.accepted + 12)
            begin = time.time()
            if cycle % 4 == 3:
                server.kill9()
                killed.append((begin, time.time()))
                server.start()
            else:
                (web_process,) = server.web_processes
                os.kill(web_process, signal.SIGKILL)
                killed.append((begin, time.time()))
        load.wait_for(load.accepted + 12)
        load.enough()
    cut = [load.history.cut_between(*around) for around in killed]
    changing = [calls for calls in cut if any(call.what != "receive" for call in calls)]
    print(f"{cycles} kills, {len(changing)} of them in the middle of calls that change something")
    assert len(changing) > cycles / 2
