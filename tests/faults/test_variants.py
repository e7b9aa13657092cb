"""A server that breaks a promise is caught: each in the way it breaks it, within seconds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.load import SHORT, Habits, Load
from tests.faults.streaming import stream_violations
from tests.faults.variants import VARIANTS, Variant, copy_with
from tests.faults.wires import Agentuity, Forq
from tests.server import Server, ServerFactory

QUIET = Habits(nack=0.1, walk_away=0.0, too_late=0.0, delayed=0.2, repeated=0.4)
"""For what goes wrong with a message at once."""
TROUBLED = Habits(nack=0.35, walk_away=0.15, too_late=0.25, delayed=0.5, repeated=0.0)
"""For what goes wrong only when something else does: each promise is put to the test many times."""
HABITS = {"I1": QUIET, "I2": QUIET, "I9": QUIET, "I11": QUIET}
DRAIN_SECONDS = 6.0
"""Some break a promise by keeping a message for ever: nobody waits for that one."""

QUICK = [variant for variant in VARIANTS if variant.breaks == "I2"]


@pytest.mark.once
@pytest.mark.parametrize("variant", QUICK, ids=lambda variant: variant.breaks)
def test_a_server_that_alters_messages_is_caught(
    variant: Variant, make_server: ServerFactory, tmp_path: Path
) -> None:
    assert variant.breaks in _broken(_start(variant, make_server, tmp_path), variant, publications=4)


@pytest.mark.faults
@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.breaks)
def test_a_server_that_breaks_a_promise_is_caught(
    variant: Variant, make_server: ServerFactory, tmp_path: Path
) -> None:
    assert variant.breaks in _broken(_start(variant, make_server, tmp_path), variant, publications=12)


def _start(variant: Variant, make_server: ServerFactory, folder: Path) -> Server:
    server = make_server.prepare(OKMQ_FORQ_POLL_SECONDS=SHORT)
    server.root = copy_with(variant, folder)
    server.start()
    return server


def _broken(server: Server, variant: Variant, publications: int) -> set[str]:
    """The invariants that a load finds broken, which does to messages what it takes."""
    if variant.breaks == "I10":
        found = stream_violations(server)
    else:
        habits = HABITS.get(variant.breaks, TROUBLED)
        consumers = (Agentuity, Forq) * 3
        load = Load(server, publications, habits=habits, consumers=consumers, drain=DRAIN_SECONDS)
        found = load.violations()
    return {one.invariant for one in found}
