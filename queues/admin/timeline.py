"""The life of a message as the page tells it: what happened, and what will."""

from __future__ import annotations

import re
from dataclasses import dataclass

from queues.broker import clock, timeline
from queues.broker.timeline import What
from queues.broker.types import ExpiryAction, MessageView, Micros, State

TITLES = {
    What.PUBLISHED: "Published",
    What.LEASED: "Handed out",
    What.NACKED: "Failed",
    What.LEASE_EXPIRED: "Lease ran out",
    What.DEAD: "Died",
    What.REPLAYED: "Replayed",
    What.PUSHED: "Pushed",
    What.ACKED: "Acknowledged",
}
LIVING = (State.PENDING, State.PROCESSING, State.SCHEDULED)
DIES = ("Expires", "and becomes a dead letter")
REMOVED = ("Is removed", "its time is over then")
EDITED = re.compile(r"edited, as (\S+) to ")
"""How a replay with another body is told of (``queues.broker.letters.editing``)."""
SORTS = {What.NACKED: "failed", What.LEASE_EXPIRED: "failed"}


@dataclass(frozen=True)
class Step:
    """One thing that happened, or will. ``sort``: for the mark beside it. ``made``: the id of the message
    that was made of this one then."""

    at: Micros
    sort: str
    title: str
    text: str = ""
    made: str = ""

    @property
    def future(self) -> bool:
        return self.at > clock.now()


def life(account_id: int, queue: str, view: MessageView) -> list[Step]:
    """In order. Raises QueueNotFound, MessageNotFound, Unavailable."""
    steps = [_step(step) for step in timeline.timeline(account_id, queue, view.public_id)]
    return sorted([*steps, *_ahead(view)], key=lambda step: step.at)


def _step(step: timeline.Step) -> Step:
    attempt = f", attempt {step.attempt}" if step.attempt else ""
    told = [f"to {step.who}" if step.what in (What.LEASED, What.PUSHED) and step.who else step.who]
    told.append(step.reason or step.status)
    if step.http_status is not None:
        told.append(f"HTTP {step.http_status}")
    if step.duration_ms is not None:
        told.append(f"{step.duration_ms} ms")
    failed = step.what is What.PUSHED and step.status == "failed"
    sort = "failed" if failed else SORTS.get(step.what, str(step.what))
    made = EDITED.match(step.reason) if step.what is What.REPLAYED else None
    words = ", ".join(part for part in told if part)
    return Step(step.at, sort, TITLES[step.what] + attempt, words, made[1] if made else "")


def _ahead(view: MessageView) -> list[Step]:
    """What the clock will do if nobody does anything before."""
    steps = []
    if view.state is State.SCHEDULED:
        steps.append(Step(view.deliver_at, "leased", "To be delivered"))
    if view.lease_until is not None:
        steps.append(Step(view.lease_until, "leased", "Lease ends", "unless settled or extended before"))
    if view.sweep_at is not None and view.sweep_at > clock.now():
        dies = view.state in LIVING and view.settings.on_expiry is ExpiryAction.DEAD_LETTER
        steps.append(Step(view.sweep_at, "expires", *(DIES if dies else REMOVED)))
    return steps
