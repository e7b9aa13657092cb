"""Producers and a committing consumer on one stream: the log is dense, in order, and loses nothing."""

from __future__ import annotations

import threading
import uuid
from contextlib import suppress

from tests.faults.checker import Rules, Violation, check
from tests.faults.history import Final, History, How, Publication, Refused
from tests.faults.wires import Wire, publication, token_of
from tests.server import Server

PRODUCERS, BATCHES, BATCH = 3, 8, 5


class Stream(Wire):
    @property
    def path(self) -> str:
        return f"/streams/{self.queue}"

    def send(self, publications: tuple[Publication, ...]) -> None:
        self.ask(
            "POST", f"{self.path}/messages", [{"id": one.token, "body": one.body} for one in publications]
        )

    def consume(self, final: Final) -> int:
        """Read on and commit; how many there were."""
        with self.history.call(self.name, "consume") as call:
            found = self.ask("GET", f"{self.path}/messages?limit=7")
            call.offsets = tuple(one["offset"] for one in found)
            for one in found:
                final.states[token_of(one["body"])] = "acked"
                final.bodies[token_of(one["body"])] = one["body"]
            if found:
                self.ask("POST", f"{self.path}/commit", {"offset": call.offsets[-1]})
        return len(call.offsets)


def stream_violations(server: Server) -> list[Violation]:
    history, final = History(), Final()
    name, key = f"s{uuid.uuid4().hex[:8]}", server.create_key()[1]
    keeper = Stream(server.url, key, name, history, "consumer")
    keeper.ask("POST", "/streams", {"name": name})

    def produce(number: int) -> None:
        wire = Stream(server.url, key, name, history, f"producer-{number}")
        for _ in range(BATCHES):
            wire.publish(*(publication() for _ in range(BATCH)))
        wire.close()

    threads = [threading.Thread(target=produce, args=(number,)) for number in range(PRODUCERS)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads) or len(final.states) < _accepted(history):
        with suppress(OSError, Refused):
            if not keeper.consume(final) and not any(thread.is_alive() for thread in threads):
                break
    keeper.close()
    return check(history, final, Rules(limit=1))


def _accepted(history: History) -> int:
    return sum(len(call.publications) for call in history.of("publish") if call.how is How.OK)
