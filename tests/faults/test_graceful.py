"""Servers that are told to stop while clients are at work: nobody's call is dropped, and nobody loses any."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pytest

from tests.faults.checker import Rules, check
from tests.faults.history import Call, History, How, Unreachable
from tests.faults.load import LIMIT, SHORT, UNBOUNDED, Habits, Load
from tests.faults.wires import BREATH, Agentuity, Forq, Okmq, Wire
from tests.server import START_SECONDS, Server, ServerFactory

UNHURRIED = Habits(nack=0.2, walk_away=0.0, too_late=0.0, delayed=0.2, repeated=0.2)
W = TypeVar("W", bound=Wire)
LONG_LEASE = 20.0
"""So that nobody is late because of a restart."""


def test_a_server_told_to_stop_under_load_drops_nothing(make_server: ServerFactory) -> None:
    _stop_under_load(make_server(OKMQ_FORQ_POLL_SECONDS=SHORT), times=1)


@pytest.mark.faults
def test_a_server_told_to_stop_again_and_again_drops_nothing(make_server: ServerFactory) -> None:
    _stop_under_load(make_server(OKMQ_FORQ_POLL_SECONDS=SHORT), times=6)


def _stop_under_load(server: Server, times: int) -> None:
    """All that reached the server is answered, and by no 5xx. So no lease is held by nobody, and nothing
    happened that its client does not know of."""
    load = Load(
        server,
        publications=UNBOUNDED,
        habits=UNHURRIED,
        lease=3.0,
        consumers=(Agentuity, Forq, Okmq) * 2,
    )
    told: list[float] = []
    for _ in range(times):
        load.wait_for(load.accepted + 20)
        told.append(time.time())
        assert server.stop() == 0
        server.start()
    load.wait_for(load.accepted + 20)
    load.enough()
    final = load.finish()
    history = load.history
    print(history.figures())
    assert all(_changing_at(history, instant) for instant in told), "nobody was in the middle of anything"
    assert not history.without_answer()
    assert not check(history, final, Rules(LIMIT))
    acked = {call.token for call in history.of("ack") if call.how is How.OK}
    assert {token for token, state in final.states.items() if state == "acked"} == acked


def _changing_at(history: History, instant: float) -> list[Call]:
    calls = history.of("publish", "ack", "nack")
    return [call for call in calls if call.started <= instant <= min(call.ended, call.given_up)]


@pytest.mark.faults
def test_servers_restarted_in_turn_fail_no_call(make_server: ServerFactory) -> None:
    """Two servers on one database, and clients that ask the other one when one does not answer."""
    one = make_server(OKMQ_FORQ_POLL_SECONDS=SHORT)
    two = make_server.beside(one, OKMQ_FORQ_POLL_SECONDS=SHORT)
    servers = [one, two]
    agentuity, forq, okmq = (retrying(kind, servers) for kind in (Agentuity, Forq, Okmq))
    load = Load(
        one,
        publications=UNBOUNDED,
        # A publish that is asked twice is one message only if it has a key.
        habits=replace(UNHURRIED, repeated=1.0, pause=0.2),
        lease=LONG_LEASE,
        consumers=(agentuity, forq, okmq) * 2,
        producers=(agentuity, okmq),
    )
    for _ in range(5):
        for server in servers:
            load.wait_for(load.accepted + 20)
            assert server.stop() == 0
            load.wait_for(load.accepted + 20)
            server.start()
    load.enough()
    final = load.finish()
    history = load.history
    print(history.figures())
    assert {call.how for call in history.calls} == {How.OK}
    assert not check(history, final, Rules(LIMIT))


def retrying(kind: type[W], servers: list[Server]) -> type[W]:
    """Clients that ask again, and another server, until one answers."""

    class Retrying(kind):  # type: ignore[misc, valid-type]
        def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
            deadline = time.monotonic() + START_SECONDS
            while True:
                try:
                    return super().ask(method, path, body, **headers)
                except (OSError, Unreachable):
                    if time.monotonic() > deadline:
                        raise
                time.sleep(BREATH)
                self._turn()

        def _turn(self) -> None:
            """To another server than the one that did not answer."""
            ports = [urlsplit(server.url).port or 80 for server in servers]
            self.port: int = next(port for port in ports if port != self.port)

    Retrying.__name__ = kind.__name__
    return Retrying
