"""The engine itself, so that everything it can store is received through every dialect."""

from __future__ import annotations

from typing import Any

from queues import broker
from queues.broker.types import Ack, Encoding, Nack, NewMessage, Outcome

from .adapter import Adapter, Sample, Stored, Taken

EXACT_JSON = (
    '{ "b":1.0, "a":[1e2,null,true,{}],"é":"\\u00e9\\u0000\\ud83d\\ude00", "n":12345678901234567890123 }'
)


def _samples() -> dict[str, Sample]:
    stored = {
        "JSON object": Stored(Encoding.JSON, EXACT_JSON),
        "JSON array": Stored(Encoding.JSON, "[]"),
        "JSON number": Stored(Encoding.JSON, "1.50"),
        "JSON null": Stored(Encoding.JSON, "null"),
        "JSON string": Stored(Encoding.JSON, '"a\\u0000\\u00e9\\n"'),
        "JSON string of nothing": Stored(Encoding.JSON, '""'),
        "text": Stored(Encoding.TEXT, 'é "x" \\ \n 😀'),
        "text that looks like JSON": Stored(Encoding.TEXT, '{"a":1}'),
        "no text": Stored(Encoding.TEXT, ""),
        "bytes": Stored(Encoding.BASE64, "AP+A"),
    }
    return {name: Sample(body, body) for name, body in stored.items()}


class Engine(Adapter):
    name = "engine"
    samples = _samples()

    def publish(self, queue: str, sent: Any) -> None:
        message = NewMessage(sent.body, len(sent.body.encode()), sent.encoding)
        broker.publish(self.account.pk, queue, [message])

    def receive(self, queue: str) -> Taken | None:
        found = broker.receive(self.account.pk, queue)
        return Taken(Stored(found[0].encoding, found[0].body), found[0]) if found else None

    def ack(self, queue: str, taken: Taken) -> None:
        ack = Ack(taken.handle.public_id, receipt=taken.handle.receipt)
        assert broker.settle(self.account.pk, queue, [ack]) == [Outcome.DONE]

    def give_back(self, queue: str, taken: Taken) -> None:
        nack = Nack(taken.handle.public_id, receipt=taken.handle.receipt)
        assert broker.settle(self.account.pk, queue, [nack]) == [Outcome.DONE]

    def form(self, stored: Stored) -> Any:
        return stored
