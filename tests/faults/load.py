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
from tests.faults.wires import Agentuity, Forq, Okmq, Wire, publication
from tests.server import Server

LEASE = 1.0
LIMIT = 4
DRAIN_SECONDS = 90.0
BREATH = 0.05
"""Seconds a client waits after a call that had no answer."""


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


class Load:
    """``publications`` of each producer. Starts at once in the background; ``finish`` ends it."""

    def __init__(
        self,
        server: Server,
        publications: int = 40,
        seed: int = 1,
        habits: Habits | None = None,
        consumers: tuple[type[Wire], ...] = (Agentuity, Forq, Okmq),
        producers: tuple[type[Wire], ...] = (Agentuity, Forq, Okmq),
    ) -> None:
        self.server = server
        self.key = server.create_key()[1]
        self.history = History()
        self.habits = habits or Habits()
        self.queue = f"load_{seed}"
        self._seed = seed
        self._publications = publications
        self._over = threading.Event()
        self._errors: list[BaseException] = []
        self.okmq = self._wire(Okmq, "keeper")
        self.okmq.ask(
            "POST",
            "/queues",
            {
                "name": self.queue,
                "lock_duration": int(LEASE),
                "max_delivery_attempts": LIMIT,
                "retry_strategy": {"type": "none"},
                "ttl": 86400,
            },
        )
        self._producers = [
            self._start(self._produce, kind, f"producer-{n}") for n, kind in enumerate(producers)
        ]
        self._consumers = [
            self._start(self._consume, kind, f"consumer-{n}") for n, kind in enumerate(consumers)
        ]

    def _wire(self, kind: Callable[..., Any], name: str) -> Any:
        return kind(
            self.server.url, self.key, self.queue, self.history, f"{kind.__name__} {name}", lease=LEASE
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
                if call.how is How.UNKNOWN:
                    time.sleep(BREATH)

    def _consume(self, wire: Wire, chance: random.Random) -> None:
        while not self._over.is_set():
            deliveries = wire.receive()
            if not deliveries:
                self._over.wait(BREATH)
            for delivery in deliveries:
                self._handle(wire, delivery, chance)

    def _handle(self, wire: Wire, delivery: Delivery, chance: random.Random) -> None:
        habits, roll = self.habits, chance.random()
        if roll < habits.nack:
            wire.nack(delivery)
        elif roll < habits.nack + habits.walk_away:
            return
        elif roll < habits.nack + habits.walk_away + habits.too_late:
            self._over.wait(LEASE * 1.5)
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

    def finish(self) -> Final:
        """Let producers end and consumers empty the queue; what is there then."""
        for thread in self._producers:
            thread.join(DRAIN_SECONDS)
            assert not thread.is_alive(), f"{thread.name} hangs"
        deadline = time.monotonic() + DRAIN_SECONDS
        while self._waiting() and time.monotonic() < deadline:
            time.sleep(BREATH)
        self._over.set()
        for thread in self._consumers:
            thread.join(DRAIN_SECONDS)
            assert not thread.is_alive(), f"{thread.name} hangs"
        if self._errors:
            raise self._errors[0]
        final: Final = self.okmq.final()
        self.okmq.close()
        return final

    def _waiting(self) -> int:
        with suppress(OSError, Refused):
            stats = self.okmq.ask("GET", f"/queues/{self.queue}/stats")
            return int(stats["pending"] + stats["processing"] + stats["scheduled"])
        return 1

    def violations(self) -> list[Violation]:
        return check(self.history, self.finish(), Rules(limit=LIMIT))


@contextmanager
def under_load(server: Server, **options: Any) -> Any:
    """Do the damage inside: on leaving, all that clients saw is held against what was promised."""
    load = Load(server, **options)
    yield load
    found = load.violations()
    assert not found, "\n".join(f"{one}\n{load.history.story_of(one.text.split()[0])}" for one in found[:5])
