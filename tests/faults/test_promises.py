"""The server keeps its promises under load and through crashes; a server that breaks one is caught."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.checker import Violation
from tests.faults.load import Habits, Load, under_load
from tests.faults.streaming import stream_violations
from tests.faults.variants import VARIANTS, Variant, copy_with
from tests.faults.wires import Agentuity, Forq, Okmq
from tests.server import Server, ServerFactory

CYCLES = 100


def test_a_server_left_in_peace_keeps_every_promise(make_server: ServerFactory) -> None:
    with under_load(make_server(), publications=30):
        pass


def test_a_killed_server_keeps_every_promise(make_server: ServerFactory) -> None:
    _kill_again_and_again(make_server(), cycles=3, publications=60)


@pytest.mark.faults
def test_a_server_killed_a_hundred_times_keeps_every_promise(make_server: ServerFactory) -> None:
    _kill_again_and_again(make_server(), cycles=CYCLES, publications=CYCLES * 12)


def _kill_again_and_again(server: Server, cycles: int, publications: int) -> None:
    with under_load(server, publications=publications) as load:
        for cycle in range(cycles):
            load.wait_for((cycle + 1) * publications // cycles)
            server.kill9()
            server.start()


@pytest.mark.faults
@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.breaks)
def test_a_server_that_breaks_a_promise_is_caught(
    variant: Variant, make_server: ServerFactory, tmp_path: Path
) -> None:
    server = make_server.prepare()
    server.root = copy_with(variant, tmp_path)
    server.start()
    assert variant.breaks in {one.invariant for one in _violations(server)}


TROUBLED = Habits(nack=0.5, walk_away=0.2, too_late=0.2, delayed=0.3, repeated=0.3)
"""So that each promise is put to the test many times in a few seconds."""


def _violations(server: Server) -> list[Violation]:
    load = Load(server, publications=12, habits=TROUBLED, consumers=(Agentuity, Forq, Okmq) * 2)
    return load.violations() + stream_violations(server)
