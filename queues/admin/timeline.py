"""The life of a message, in order: what its row says, and what its events tell."""

from __future__ import annotations

from dataclasses import dataclass

from queues.broker import clock
from queues.broker.types import MessageView, Micros, State


@dataclass(frozen=True)
class Step:
    """One thing that happened, or (``future``) will. ``sort``: for the mark beside it."""

    at: Micros
    sort: str
    title: str
    text: str = ""

    @property
    def future(self) -> bool:
        return self.at > clock.now()


def timeline(queue_id: int, view: MessageView) -> list[Step]:
    steps = [Step(view.created_at, "published", "Published", f"{view.size:,} bytes at offset {view.offset}")]
    if view.state is State.SCHEDULED:
        steps.append(Step(view.deliver_at, "scheduled", "To be delivered"))
    if view.claimed_at is not None:
        to = f"to {view.consumer}" if view.consumer else ""
        steps.append(Step(view.claimed_at, "leased", f"Handed out, attempt {view.attempts}", to))
    if view.lease_until is not None:
        steps.append(
            Step(view.lease_until, "leased", "Lease ends", "unless it is settled or extended before")
        )
    if view.acked_at is not None:
        steps.append(Step(view.acked_at, "acked", "Acknowledged"))
    if view.dead_at is not None:
        steps.append(Step(view.dead_at, "dead", "Dead", view.dead_reason))
    if view.expires_at is not None:
        steps.append(Step(view.expires_at, "expires", "Expires"))
    return sorted(steps, key=lambda step: step.at)
