"""Destinations that are another queue of the same account."""

from __future__ import annotations

import time

from queues.broker import clock
from queues.broker.publish import publish
from queues.broker.types import NewMessage
from queues.push.bodies import Outgoing
from queues.push.claims import Open
from queues.push.sender import Answer

FORWARDED = 200
"""The status that stands in the log, where others have what a receiver answered."""


def forward(destination: Open, message: Outgoing) -> Answer:
    """Publish a copy under the same id: one that was forwarded before, or has come full circle, is there
    already and stays as it is. Raises what ``publish`` raises."""
    begin = time.perf_counter()
    copy = NewMessage(
        body=message.body,
        size=message.size,
        encoding=message.encoding,
        public_id=message.public_id,
        partition_key=message.partition_key,
        metadata=message.metadata,
        headers=message.headers,
    )
    publish(destination.account_id, destination.target, [copy])
    duration = round((time.perf_counter() - begin) * 1000)
    return Answer(at=clock.now(), http_status=FORWARDED, duration_ms=duration)
