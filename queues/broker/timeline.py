"""The life of one message, step by step, from its own row, its events and the log of its pushes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from queues.broker import browse
from queues.broker.db import Statement
from queues.broker.queues import id_of, reading
from queues.broker.types import MessageView, Micros, State

if TYPE_CHECKING:
    from queues.broker.db import Row


class What(StrEnum):
    """What a step is; the second to fifth have the names of ``MessageEvent.Kind``."""

    PUBLISHED = "published"
    NACKED = "nacked"
    LEASE_EXPIRED = "lease_expired"
    DEAD = "dead"
    REPLAYED = "replayed"
    LEASED = "leased"
    PUSHED = "pushed"
    ACKED = "acked"


@dataclass(slots=True, frozen=True)
class Step:
    """``attempt``: the number of the delivery it belongs to, 0 for none. ``who``: the consumer, or the name
    of the destination. ``reason``: what was said of a failure; ``status``, ``http_status`` and
    ``duration_ms``: how a push went."""

    at: Micros
    what: What
    attempt: int = 0
    who: str = ""
    reason: str = ""
    status: str = ""
    http_status: int | None = None
    duration_ms: int | None = None


EVENTS = Statement(
    """
    SELECT at, kind, attempt, claimed_at, consumer, reason FROM queues_messageevent
    WHERE queue_id = :queue AND "offset" = :offset ORDER BY id
    """
)

PUSHES = Statement(
    """
    SELECT l.at, l.attempt, coalesce(d.name, ''), l.error, l.status, l.http_status, l.duration_ms
    FROM queues_deliverylog l LEFT JOIN queues_destination d ON d.id = l.destination_id
    WHERE l.queue_id = :queue AND l."offset" = :offset ORDER BY l.id
    """
)


def timeline(account_id: int, queue: str, public_id: str) -> list[Step]:
    """What happened to a message, in order: also what happened to it in the queues it was moved here from.
    Of one with very many failures the latest. Raises QueueNotFound, MessageNotFound, Unavailable."""
    view = browse.get_message(account_id, queue, public_id)
    with reading() as db:
        place = {"queue": id_of(db, account_id, queue), "offset": view.offset}
        events = db.rows(EVENTS, **place)
        pushes = db.rows(PUSHES, **place)
    steps = [Step(view.created_at, What.PUBLISHED), *_troubles(events), *_latest(view, events)]
    steps += [
        Step(at, What.PUSHED, attempt, name, error, status, http_status, ms)
        for at, attempt, name, error, status, http_status, ms in pushes
    ]
    return sorted(steps, key=lambda step: step.at)


def _troubles(events: list[Row]) -> list[Step]:
    steps = []
    for at, kind, attempt, claimed_at, consumer, reason in events:
        if claimed_at is not None:
            steps.append(Step(claimed_at, What.LEASED, attempt, consumer))
        steps.append(Step(at, What(kind), attempt, consumer, reason))
    return steps


def _latest(view: MessageView, events: list[Row]) -> list[Step]:
    """What no event tells: the last delivery, if it is under way or went well, and the end."""
    steps = []
    if view.claimed_at is not None and view.claimed_at not in {row[3] for row in events}:
        steps.append(Step(view.claimed_at, What.LEASED, view.attempts, view.consumer))
    if view.state is State.ACKED and view.acked_at is not None:
        steps.append(Step(view.acked_at, What.ACKED, view.attempts))
    return steps
