"""Processes that stand still for longer than a lease, and go on as if nothing had happened."""

from __future__ import annotations

import os
import random
import signal
import time
import uuid

import pytest

from tests.faults.checker import Rules, check
from tests.faults.history import History, How
from tests.faults.load import LEASE, LIMIT, SHORT, UNBOUNDED, Habits, make_queue, under_load
from tests.faults.stoppable import Consumer, consume, hold_one
from tests.faults.wires import Agentuity, Forq, Okmq, publication
from tests.server import Server, ServerFactory

STANDSTILL = 1.5 * LEASE
STEADY = Habits(pause=0.1)


def test_a_consumer_that_stood_still_past_its_lease_settles_nothing(server: Server) -> None:
    key, queue, history = server.create_key()[1], f"q{uuid.uuid4().hex[:8]}", History()
    keeper = Okmq(server.url, key, queue, history, "keeper", lease=LEASE)
    other = Forq(server.url, key, queue, history, "other", lease=LEASE)
    make_queue(keeper)
    keeper.publish(publication())
    stopped = Consumer(hold_one, (server.url, key, queue), "stopped", LEASE)
    held = stopped.told()
    stopped.stop()
    stopped.tell()
    while not (taken := other.receive()):
        pass
    stopped.go_on()
    history.calls += stopped.end()
    (late,) = history.of("ack")
    assert (late.client, late.how, late.receipt) == ("stopped", How.FAILED, held.receipt)
    assert keeper.final().states[taken[0].token] != "acked"
    while other.ack(taken[0]).how is not How.OK:
        taken = other.receive() or taken
    assert not check(history, keeper.final(), Rules(LIMIT))
    keeper.close()
    other.close()


@pytest.mark.faults
def test_consumers_that_stand_still_again_and_again(make_server: ServerFactory) -> None:
    server = make_server(OKMQ_FORQ_POLL_SECONDS=SHORT)
    with under_load(server, publications=UNBOUNDED, habits=STEADY, consumers=(Agentuity, Forq)) as load:
        consumers = [
            Consumer(consume, (server.url, load.key, load.queue), f"process-{number}", LEASE)
            for number in range(4)
        ]
        for turn in range(12):
            load.wait_for(load.accepted + 20)
            consumers[turn % 4].stop()
            time.sleep(STANDSTILL)
            consumers[turn % 4].go_on()
        load.enough()
        for consumer in consumers:
            consumer.tell()
            load.history.calls += consumer.end()
    refused = [call for call in load.history.of("ack") if call.how is How.FAILED]
    assert any(call.client.startswith("process") for call in refused), "nobody was stopped with a message"


@pytest.mark.faults
def test_a_web_process_that_stands_still_past_a_lease(make_server: ServerFactory) -> None:
    """One of two. What it had in hand it does when it goes on, as late as that is."""
    server = make_server(processes=2, OKMQ_FORQ_POLL_SECONDS=SHORT)
    chance = random.Random(1)
    consumers = (Agentuity, Forq, Okmq) * 2
    with under_load(server, publications=UNBOUNDED, habits=STEADY, consumers=consumers) as load:
        for _ in range(8):
            load.wait_for(load.accepted + 20)
            pid = chance.choice(server.web_processes)
            os.kill(pid, signal.SIGSTOP)
            time.sleep(STANDSTILL)
            os.kill(pid, signal.SIGCONT)
        load.enough()
