"""Workers that die or stand still: what they push is pushed, what they tidy is tidied once."""

from __future__ import annotations

import json
import random
import signal
import threading
import time
import uuid
from typing import Any

import pytest

from tests import database
from tests.broker.at_once import eventually
from tests.faults.checker import Rules, check
from tests.faults.history import Delivery, Final, History, How
from tests.faults.load import LEASE, LIMIT, SHORT, UNBOUNDED, Habits, make_queue, under_load
from tests.faults.wires import Okmq, publication, token_of
from tests.push.receiver import Receiver, Request
from tests.server import Server, ServerFactory
from tests.tasks.test_served import Api
from tests.workers import PATIENCE, Workers

KILLS = 10
TIMEOUT_MS = 5000
PUSH_LEASE = 10.0
"""What is left of a worker's lease when a request begins: it may have waited for another one before."""
IN_HAND = 8
"""Messages of a destination with a concurrency of 4 that a worker has at once."""


def run(server: Server, *command: str) -> str:
    process = server.run_python("-m", "tests.faults.in_server", *command)
    printed, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, printed
    return printed.strip()


class Pushed:
    """A queue with a destination that logs what comes."""

    def __init__(self, server: Server) -> None:
        account, key = server.create_key()
        self.server = server
        self.history = History()
        self.queue = f"q{uuid.uuid4().hex[:8]}"
        self.wire = Okmq(server.url, key, self.queue, self.history, "producer", lease=LEASE)
        make_queue(self.wire)
        self.receiver = Receiver()
        self.receiver.answering = self._take
        config = json.dumps({"timeout_ms": TIMEOUT_MS, "concurrency": IN_HAND // 2})
        run(server, "destination", account.email, self.queue, self.receiver.url, config)
        self._enough = threading.Event()
        self._producer = threading.Thread(target=self._produce, daemon=True)
        self._producer.start()

    def _produce(self) -> None:
        while not self._enough.wait(0.1):
            self.wire.publish(publication(dedup=uuid.uuid4().hex))

    def _take(self, request: Request) -> int:
        with self.history.call("worker", "receive") as call:
            body = json.loads(request.body)
            call.delivered = (Delivery(request.public_id, token_of(body), body, PUSH_LEASE),)
        time.sleep(random.random() * 0.1)
        return 200

    def finish(self) -> None:
        self._enough.set()
        self._producer.join()
        eventually(lambda: run(self.server, "waiting") == "0", within=2 * PATIENCE)
        self.wire.close()
        self.receiver.close()


@pytest.mark.faults
def test_workers_killed_while_they_push_lose_and_invent_nothing(make_server: ServerFactory) -> None:
    """Nothing is pushed to a destination a second time inside the lease of whoever pushed it first."""
    pushed = Pushed(make_server(arguments=("--no-worker",), OKMQ_EGRESS_ALLOW="127.0.0.0/8"))
    with Workers(pushed.server) as workers:
        for _ in range(KILLS):
            before = len(pushed.receiver.requests)
            worker = workers.start()
            eventually(lambda seen=before: len(pushed.receiver.requests) > seen + 5)  # type: ignore[misc]
            eventually(lambda: pushed.receiver.in_flight)
            worker.send_signal(signal.SIGKILL)
            worker.wait(PATIENCE)
        workers.start()
        pushed.finish()
    found = check(pushed.history, Final(), Rules(LIMIT, kept=False))
    assert not found, "\n".join(f"{one}\n{pushed.history.story_of(one.text.split()[0])}" for one in found[:5])
    ids = [one.id for call in pushed.history.of("receive") for one in call.delivered]
    assert 0 < len(ids) - len(set(ids)) <= KILLS * IN_HAND, "no kill met a push, or too much came again"
    print(f"{len(set(ids))} messages pushed, {len(ids) - len(set(ids))} of them twice")


@pytest.mark.faults
def test_two_leaders_do_nothing_twice(make_server: ServerFactory) -> None:
    """The leader stands still until another leads, and goes on as if it still led: what expires, falls due,
    is retried or scheduled does so once."""
    server = make_server(arguments=("--no-worker",), OKMQ_SWEEP_SECONDS="1", OKMQ_FORQ_POLL_SECONDS=SHORT)
    habits = Habits(nack=0.3, walk_away=0.2, delayed=0.5, pause=0.2)
    with Workers(server) as workers, under_load(server, publications=UNBOUNDED, habits=habits) as load:
        running = {worker.pid: worker for worker in (workers.start(), workers.start())}
        schedule = Scheduled(server, load.key)
        expiring = Okmq(server.url, load.key, "expiring", History(), "expiring", lease=LEASE)
        make_queue(expiring, ttl=1)
        for _ in range(2):
            leader = run(server, "leader")
            standing = running[int(leader.rsplit(":", 1)[1])]
            standing.send_signal(signal.SIGSTOP)
            run(server, "leader", leader)
            expiring.publish(*(publication() for _ in range(100)))
            standing.send_signal(signal.SIGCONT)
            load.wait_for(load.accepted + 30)
        load.enough()
        eventually(lambda: not any(expiring.final().recounted.values()))
        expiring.close()
        schedule.assert_each_time_made_one_task()
    counters: dict[str, Any] = json.loads(run(server, "recount"))
    told = counters["expiring"]
    assert (told["published_total"], told["expired_total"], told["messages"]) == (200, 200, 0)


class Scheduled:
    """A task every two seconds."""

    EVERY = 2_000_000

    def __init__(self, server: Server, key: str) -> None:
        self.server = server
        api = Api(server, key)
        api.call("PUT", "/api/v1/task-types/tick")
        made = {"cron": "@every 2s", "task": {"type": "tick", "payload": {}}}
        api.call("PUT", "/api/v1/schedules/ticking", made)

    def assert_each_time_made_one_task(self) -> None:
        made: list[int] = json.loads(run(self.server, "tasks"))
        begin = made[0] - self.EVERY // 2
        times = [(at - begin) // self.EVERY for at in made]
        print(f"{len(times)} tasks by schedule")
        assert len(times) > 5
        assert len(set(times)) == len(times)


@pytest.mark.faults
@pytest.mark.skipif(not database.POSTGRESQL, reason="on SQLite one server has the file's lock, as designed")
def test_a_process_that_stands_still_in_a_transaction_holds_up_nobody_for_long(
    make_server: ServerFactory,
) -> None:
    server = make_server()
    key, queue, history = server.create_key()[1], f"q{uuid.uuid4().hex[:8]}", History()
    wire = Okmq(server.url, key, queue, history, "producer", lease=LEASE)
    make_queue(wire)
    standing = server.run_python("-m", "tests.faults.in_server", "stand-still", queue)
    assert standing.stdout is not None
    assert standing.stdout.readline() == "locked\n"
    same = uuid.uuid4().hex
    while wire.publish(publication(dedup=same)).how is not How.OK:
        pass
    assert len(wire.final().states) == 1
    printed, _ = standing.communicate("\n", timeout=PATIENCE)
    assert "done at the turn 2" in printed, "what it had begun is done again, from the beginning"
    assert not check(history, wire.final(), Rules(LIMIT))
    wire.close()
