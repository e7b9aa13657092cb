"""What a consume asks for, and taking it: from a topic, a group of one, or any topic a pattern matches
(tinymq.md sections 4.2, 4.3)."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from queues import broker
from queues.api.query import Params, parse_query
from queues.api.tinymq import durations, filters, payloads, topics
from queues.api.tinymq.errors import Refused
from queues.api.tinymq.filters import Filter
from queues.api.tinymq.publishing import TRUE
from queues.broker.errors import QueueNotFound
from queues.broker.types import Ack, Received

MAX_LIMIT = 1000
LONGEST_POLL_SECONDS = 900.0
"""The original waits for ever. A client that wants to wait longer asks again."""
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")


@dataclass(frozen=True, slots=True)
class Wishes:
    limit: int
    wait_seconds: float
    auto_ack: bool
    peek: bool
    group: str
    filter: Filter | None


class Taken(NamedTuple):
    """Messages of one topic."""

    topic: str
    messages: list[Received]


@lru_cache(maxsize=512)
def read(query_string: str) -> Wishes:
    """Raises ``Refused``. Consumers repeat themselves: cached."""
    params = parse_query(query_string)
    return Wishes(
        limit=limit_in(params, 1),
        wait_seconds=_timeout(params),
        auto_ack=params.get("auto_ack") == TRUE,
        peek=params.get("peek") == TRUE,
        group=params.get("group", ""),
        filter=filters.read(params),
    )


def limit_in(params: Params, default: int) -> int:
    """Like Go's ``Atoi``, with what is no number or not above 0 taken for ``default``."""
    text = params.get("limit", "")
    number = int(text) if _INTEGER.fullmatch(text) else 0
    return min(number, MAX_LIMIT) if number > 0 else default


def take(account_id: int, topic: str, wishes: Wishes, gone: Callable[[], bool] | None) -> Taken:
    """Messages, as soon as there are some within the time the client waits. Raises QuotaExceeded,
    Unavailable."""
    deadline = time.monotonic() + wishes.wait_seconds
    while True:
        taken = _take(account_id, topic, wishes, deadline, gone)
        if not taken.messages or wishes.filter is None:
            return taken
        matching = _sort_out(account_id, taken, wishes, wishes.filter)
        if matching or time.monotonic() >= deadline:
            return Taken(taken.topic, matching)


def _take(
    account_id: int, topic: str, wishes: Wishes, deadline: float, gone: Callable[[], bool] | None
) -> Taken:
    try:
        return _receive(account_id, topic, wishes, deadline, gone)
    except QueueNotFound:  # it may also have been deleted while this call waited
        topics.ensure(account_id, topic)
        return _receive(account_id, topic, wishes, deadline, gone)


def _receive(
    account_id: int, topic: str, wishes: Wishes, deadline: float, gone: Callable[[], bool] | None
) -> Taken:
    wait_seconds = max(deadline - time.monotonic(), 0)
    prefix = topics.prefix_of(topic)
    if prefix is None:
        messages = broker.receive(
            account_id,
            topic,
            limit=wishes.limit,
            wait_seconds=wait_seconds,
            auto_ack=wishes.auto_ack,
            lease_seconds=topics.LEASE_SECONDS,
            gone=gone,
            hears=True,
        )
        return Taken(topic, messages)
    return Taken(
        *broker.receive_matching(
            account_id,
            prefix,
            topic,
            limit=wishes.limit,
            wait_seconds=wait_seconds,
            auto_ack=wishes.auto_ack,
            lease_seconds=topics.LEASE_SECONDS,
            gone=gone,
            hears=True,
        )
    )


def _sort_out(account_id: int, taken: Taken, wishes: Wishes, wanted: Filter) -> list[Received]:
    """Those the filter takes; the others are thrown away (section 4.2)."""
    matching = [m for m in taken.messages if wanted.takes(payloads.bytes_of(m.body, m.encoding))]
    others = [m for m in taken.messages if m not in matching]
    if others and not wishes.auto_ack:
        broker.settle(account_id, taken.topic, [Ack(m.public_id, receipt=m.receipt) for m in others])
    return matching


def _timeout(params: Params) -> float:
    text = params.get("timeout")
    if text is None or text == "":
        return 0.0
    try:
        return min(max(durations.seconds(text), 0.0), LONGEST_POLL_SECONDS)
    except ValueError:
        raise Refused("Invalid timeout format. Example: 5s, 500ms") from None


ONE_ACKED = Wishes(limit=1, wait_seconds=0.0, auto_ack=True, peek=False, group="", filter=None)
