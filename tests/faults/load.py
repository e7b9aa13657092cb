"""Clients of several dialects at work on one queue, while something bad may be done to the server."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from tests.faults.checker import Rules, Violation, check
from tests.faults.history import Delivery, Final, History, How, Refused
from tests.faults.wires import BREATH, Agentuity, Forq, Okmq, Wire, publication
from tests.server import Server

LEASE = 1.0
LIMIT = 4
DRAIN_SECONDS = 90.0
UNBOUNDED = 10**9
"""Publications of those who go on until there are enough."""
SHORT = "1"
"""For OKMQ_FORQ_POLL_SECONDS: clients are to be through soon after there is nothing left for them."""


@dataclass(frozen=True)
class Habits:
    """How clients behave: chances of a consumer's ways with a message, and what producers ask for."""

    nack: float = 0.15
    walk_away: float = 0.08
    too_late: float = 0.05
    """Settles when its lease is over."""
    delayed: float = 0.2
    repeated: float = 0.2
    """Publishes the same again, under the same idempotency key."""
    pause: float = 0.0
    """Seconds between a producer's publications."""


def make_queue(wire: Okmq, **settings: Any) -> None:
    """The queue of this client, under which any message may be delivered ``LIMIT`` times, at once again."""
    queue = {
        "name": wire.queue,
        "lock_duration": int(LEASE),
        "max_delivery_attempts": LIMIT,
        "retry_strategy": {"type": "none"},
        "ttl": 86400,
        **settings,
    }
    wire.ask("POST", "/queues", queue)


class Load:
    """``publications`` of each producer. Starts at once in the background; ``finish`` ends it, when the queue
    is empty or has had ``drain`` seconds to become so. ``url``: another way to the server."""

    def __init__(
        self,
        server: Server,
        publications: int = 40,
        seed: int = 1,
        habits: Habits | None = None,
        consumers: tuple[type[Wire], ...] = (Agentuity, Forq, Okmq),
        producers: tuple[type[Wire], ...] = (Agentuity, Forq, Okmq),
        drain: float = DRAIN_SECONDS,
        url: str = "",
        lease: float = LEASE,
    ) -> None:
        self.server = server
        self.url = url or server.url
        self.key = server.create_key()[1]
        self.history = History()
        self.habits = habits or Habits()
        self.queue = f"load_{seed}"
        self._seed = seed
        self._publications = publications
        self._drain = drain
        self._enough = threading.Event()
        self._over = threading.Event()
        self._errors: list[BaseException] = []
        self._lease = lease
        self.okmq = Okmq(server.url, self.key, self.queue, self.history, "keeper", lease=lease)
        make_queue(self.okmq, lock_duration=int(lease))
        self._producers = [
            self._start(self._produce, kind, f"producer-{n}") for n, kind in enumerate(producers)
        ]
        self._consumers = [
            self._start(self._consume, kind, f"consumer-{n}") for n, kind in enumerate(consumers)
        ]

    def _wire(self, kind: Callable[..., Any], name: str) -> Any:
        return kind(
            self.url, self.key, self.queue, self.history, f"{kind.__name__} {name}", lease=self._lease
        )

    def _start(
        self, work: Callable[[Wire, random.Random], None], kind: type[Wire], name: str
    ) -> threading.Thread:
        def run() -> None:
            wire = self._wire(kind, name)
            try:
                work(wire, random.Random(f"{self._seed} {name}"))
            except BaseException as error:
                self._errors.append(error)
            finally:
                wire.close()

        thread = threading.Thread(target=run, name=name, daemon=True)
        thread.start()
        return thread

    def _produce(self, wire: Wire, chance: random.Random) -> None:
        for number in range(self._publications):
            if self._enough.wait(self.habits.pause):
                return
            dedup = (
                uuid.UUID(int=chance.getrandbits(128), version=4).hex
                if chance.random() < self.habits.repeated
                else ""
            )
            key = f"{wire.name} key {number % 3}" if isinstance(wire, Agentuity) else ""
            delay = 0.6 if not key and chance.random() < self.habits.delayed else 0.0
            if isinstance(wire, Forq):
                dedup = ""
            for _ in range(2 if dedup else 1):
                call = wire.publish(publication(dedup=dedup, key=key, delay=delay))
                if call.how is not How.OK:
                    wire.await_server()

    def _consume(self, wire: Wire, chance: random.Random) -> None:
        while not self._over.is_set():
            deliveries = wire.receive()
            if not deliveries:
                self._over.wait(BREATH)
                wire.await_server()
            for delivery in deliveries:
                self._handle(wire, delivery, chance)

    def _handle(self, wire: Wire, delivery: Delivery, chance: random.Random) -> None:
        habits, roll = self.habits, chance.random()
        if roll < habits.nack:
            wire.nack(delivery)
        elif roll < habits.nack + habits.walk_away:
            return
        elif roll < habits.nack + habits.walk_away + habits.too_late:
            self._over.wait(self._lease * 1.5)
            if delivery.receipt is not None:  # without one, a late ack counts, and is no fault
                wire.ack(delivery)
        else:
            wire.ack(delivery)

    @property
    def accepted(self) -> int:
        return sum(call.how is How.OK for call in self.history.of("publish"))

    def wait_for(self, accepted: int) -> None:
        """Until that many publications were accepted, or producers are through."""
        while self.accepted < accepted and any(one.is_alive() for one in self._producers):
            time.sleep(0.01)

    def enough(self) -> None:
        """Have producers stop."""
        self._enough.set()

    def finish(self) -> Final:
        """Let producers end and consumers empty the queue; what is there then."""
        for thread in self._producers:
            thread.join(DRAIN_SECONDS)
            assert not thread.is_alive(), f"{thread.name} hangs"
        self._until_none("pending", "processing", "scheduled")
        self._over.set()
        for thread in self._consumers:
            thread.join(DRAIN_SECONDS)
            assert not thread.is_alive(), f"{thread.name} hangs"
        if self._errors:
            raise self._errors[0]
        # While the clock still moves messages, two looks in a row would not agree.
        self._until_none("processing", "scheduled")
        final: Final = self.okmq.final()
        self.okmq.close()
        return final

    def _until_none(self, *states: str) -> None:
        """Wait until the queue has no messages in these states, or for ``drain`` seconds."""
        deadline = time.monotonic() + self._drain
        while time.monotonic() < deadline:
            with suppress(OSError, Refused):
                stats = self.okmq.ask("GET", f"/queues/{self.queue}/stats")
                if not any(stats[state] for state in states):
                    return
            time.sleep(BREATH)

    def violations(self) -> list[Violation]:
        return check(self.history, self.finish(), Rules(limit=LIMIT))


@contextmanager
def under_load(server: Server, **options: Any) -> Any:
    """Do the damage inside: on leaving, all that clients saw is held against what was promised."""
    load = Load(server, **options)
    yield load
    found = load.violations()
    print(load.history.figures())
    assert not found, "\n".join(f"{one}\n{load.history.story_of(one.text.split()[0])}" for one in found[:5])
