"""The server keeps its promises under load and through crashes."""

from __future__ import annotations

import time

import pytest

from tests.faults.load import SHORT, under_load
from tests.faults.wires import Agentuity, Forq, Okmq
from tests.server import Server, ServerFactory


def test_a_server_left_in_peace_keeps_every_promise(make_server: ServerFactory) -> None:
    with under_load(make_server(), publications=30):
        pass


def test_a_killed_server_keeps_every_promise(make_server: ServerFactory) -> None:
    _kill_again_and_again(make_server(OKMQ_FORQ_POLL_SECONDS=SHORT), cycles=3)


@pytest.mark.faults
def test_a_server_killed_a_hundred_times_keeps_every_promise(make_server: ServerFactory) -> None:
    _kill_again_and_again(make_server(OKMQ_FORQ_POLL_SECONDS=SHORT), cycles=100)


def _kill_again_and_again(server: Server, cycles: int) -> None:
    """Each time when some more was accepted, so that clients are in the middle of their calls."""
    killed: list[float] = []
    with under_load(server, publications=cycles * 8, consumers=(Agentuity, Forq, Okmq) * 2) as load:
        for _ in range(cycles):
            load.wait_for(load.accepted + 16)
            killed.append(time.time())
            server.kill9()
            server.start()
    cut = [load.history.cut_at(instant) for instant in killed]
    assert all(cut), "a kill met nobody"
    changing = [calls for calls in cut if any(call.what != "receive" for call in calls)]
    assert len(changing) > cycles / 2, "most kills met nobody but receivers"
