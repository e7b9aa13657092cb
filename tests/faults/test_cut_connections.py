"""Connections that break after the server has done what was asked, and before the client is told."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator

import pytest

from tests.faults.checker import Rules, check
from tests.faults.history import Delivery, History, How
from tests.faults.load import LEASE, LIMIT, SHORT, make_queue, under_load
from tests.faults.proxy import Proxy
from tests.faults.wires import Agentuity, Forq, Okmq, Wire, publication
from tests.server import Server, ServerFactory

CUT = 0.2


class Cuttable:
    """A queue, and clients of it whose next answer may be dropped."""

    def __init__(self, server: Server) -> None:
        self.server, self.key = server, server.create_key()[1]
        self.history, self.queue = History(), f"q{uuid.uuid4().hex[:8]}"
        self.proxy = Proxy(server.url, self._cuts)
        self._cut_next = False
        self.keeper = Okmq(server.url, self.key, self.queue, self.history, "keeper", lease=LEASE)
        make_queue(self.keeper)
        self._wires: list[Wire] = [self.keeper]

    def wire(self, kind: type[Agentuity | Forq | Okmq]) -> Wire:
        self._wires.append(kind(self.proxy.url, self.key, self.queue, self.history, lease=LEASE))
        return self._wires[-1]

    def close(self) -> None:
        for wire in self._wires:
            wire.close()
        self.proxy.close()

    def cut_next(self) -> None:
        self._cut_next = True

    def _cuts(self) -> bool:
        cut, self._cut_next = self._cut_next, False
        return cut

    def taken(self, wire: Wire) -> Delivery:
        """The next message, which comes when its lease is over at the latest."""
        while not (found := wire.receive()):
            pass
        return found[0]

    def assert_kept(self) -> None:
        assert not check(self.history, self.keeper.final(), Rules(LIMIT))


@pytest.fixture
def cuttable(server: Server) -> Iterator[Cuttable]:
    made = Cuttable(server)
    yield made
    made.close()


@pytest.mark.parametrize("kind", [Agentuity, Okmq])
def test_a_publish_repeated_under_its_key_is_one_message(
    cuttable: Cuttable, kind: type[Agentuity | Okmq]
) -> None:
    wire, key = cuttable.wire(kind), uuid.uuid4().hex
    cuttable.cut_next()
    assert wire.publish(publication(dedup=key)).how is How.UNKNOWN
    assert wire.publish(publication(dedup=key)).how is How.OK
    assert len(cuttable.keeper.final().states) == 1
    cuttable.assert_kept()


def test_a_publish_without_a_key_is_there_once(cuttable: Cuttable) -> None:
    """What its client does not know may be published again, and is another message then."""
    wire = cuttable.wire(Forq)
    cuttable.cut_next()
    lost, again = publication(), publication()
    assert wire.publish(lost).how is How.UNKNOWN
    assert wire.publish(again).how is How.OK
    assert set(cuttable.keeper.final().states) == {lost.token, again.token}
    cuttable.assert_kept()


@pytest.mark.parametrize("kind", [Agentuity, Forq, Okmq])
def test_what_nobody_was_told_of_comes_back_after_its_lease(
    cuttable: Cuttable, kind: type[Agentuity | Forq | Okmq]
) -> None:
    wire = cuttable.wire(kind)
    wire.publish(publication())
    cuttable.cut_next()
    assert wire.receive() == []
    assert cuttable.keeper.final().states.popitem()[1] == "processing"
    delivery = cuttable.taken(wire)
    assert delivery.attempt in (2, None)
    assert wire.ack(delivery).how is How.OK
    cuttable.assert_kept()


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (Agentuity, How.OK),  # acknowledged, whoever did it
        (Okmq, How.OK),
        (Forq, How.FAILED),  # 404: this receipt has settled already
    ],
)
def test_a_repeated_ack_is_told_what_is_so(
    cuttable: Cuttable, kind: type[Agentuity | Forq | Okmq], told: How
) -> None:
    wire = cuttable.wire(kind)
    wire.publish(publication())
    delivery = cuttable.taken(wire)
    cuttable.cut_next()
    assert wire.ack(delivery).how is How.UNKNOWN
    assert wire.ack(delivery).how is told
    assert list(cuttable.keeper.final().states.values()) == ["acked"]
    cuttable.assert_kept()


@pytest.mark.faults
def test_a_server_behind_a_breaking_network_keeps_every_promise(make_server: ServerFactory) -> None:
    server = make_server(OKMQ_FORQ_POLL_SECONDS=SHORT)
    chance = random.Random(1)
    proxy = Proxy(server.url, lambda: chance.random() < CUT)
    with under_load(server, publications=150, url=proxy.url, consumers=(Agentuity, Forq, Okmq) * 2) as load:
        pass
    proxy.close()
    assert len(load.history.without_answer("publish")) > 50
    assert len(load.history.without_answer("receive")) > 50
    assert len(load.history.without_answer("ack", "nack")) > 50
