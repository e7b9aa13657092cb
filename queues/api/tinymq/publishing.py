"""What a publish asks for beyond its payload: how long the message lives, when it is due, what it goes
before, and which earlier call it repeats (tinymq.md section 4.1)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from queues import broker
from queues.api.query import Params
from queues.api.tinymq import payloads, schemas, topics
from queues.broker import clock
from queues.broker.errors import QueueNotFound
from queues.broker.seen_keys import Once
from queues.broker.types import MAX_INSTANT, NewMessage

PRIORITIES = {"high": 1, "low": -1}
SEEN_SECONDS = 300
"""How long a key is remembered (section 5.1)."""
TRUE = "true"
"""The only word for yes (section 3)."""


@dataclass(frozen=True)
class Wishes:
    ttl: float | None = None
    delay: float | None = None
    priority: int = 0
    broadcast: bool = False
    once: Once | None = None
    headers: str | None = None
    content_type: str = ""


def read(params: Params, meta: dict[str, Any], payload: bytes) -> Wishes:
    """What a request to ``/publish`` asks for. Nothing in it can be wrong: what means nothing is ignored."""
    return Wishes(
        ttl=schemas.lenient_seconds(params.get("ttl")),
        delay=schemas.lenient_seconds(params.get("delay")),
        priority=PRIORITIES.get(params.get("priority", ""), 0),
        broadcast=params.get("broadcast") == TRUE,
        once=_once(params, meta.get("HTTP_IDEMPOTENCY_KEY", ""), payload),
        headers=schemas.headers_in(meta),
        content_type=meta.get("CONTENT_TYPE", ""),
    )


def publish(account_id: int, topic: str, payload: bytes, wishes: Wishes) -> bool:
    """Store or broadcast it, making the topic if need be. False: a repetition, which is ignored. Raises
    QuotaExceeded, QueueFull, Unavailable."""
    try:
        return _publish(account_id, topic, payload, wishes)
    except QueueNotFound:
        topics.ensure(account_id, topic)
        return _publish(account_id, topic, payload, wishes)


def _publish(account_id: int, topic: str, payload: bytes, wishes: Wishes) -> bool:
    message = _message(payload, wishes)
    if wishes.broadcast:
        return broker.broadcast(account_id, topic, message, once=wishes.once)
    return not broker.publish(account_id, topic, [message], once=wishes.once)[0].duplicate


def _message(payload: bytes, wishes: Wishes) -> NewMessage:
    body, encoding = payloads.stored(payload, wishes.content_type)
    deliver_at = None
    if wishes.delay is not None and wishes.delay > 0:
        deliver_at = min(clock.now() + clock.micros(wishes.delay), MAX_INSTANT)
    return NewMessage(
        body,
        len(payload),
        encoding,
        priority=wishes.priority,
        deliver_at=deliver_at,
        # 0 is no time to live at all, as if it were not there; less is one that is over.
        ttl_seconds=wishes.ttl or None,
        headers=wishes.headers,
        random_id=True,
    )


def _once(params: Params, key: str, payload: bytes) -> Once | None:
    if not key and params.get("idempotency") == "auto":
        key = f"sha256:{hashlib.sha256(payload).hexdigest()}"
    return Once(key, SEEN_SECONDS) if key else None
