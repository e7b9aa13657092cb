"""What a queue is, in forty lines of memory: the rules of the state machine without locks, indexes and SQL.

Times are whole seconds of a clock that only ``age`` moves on.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from queues.broker.types import State


@dataclass
class Told:
    """One message. ``state``: scheduled, ready, leased, acked or dead."""

    id: str
    offset: int
    priority: int
    key: str
    state: str
    due: int
    attempts: int = 0
    receipts: list[int] = field(default_factory=list)

    @property
    def live(self) -> bool:
        return self.state in ("scheduled", "ready", "leased")


@dataclass
class Model:
    lease: int
    max_attempts: int
    delay: int
    now: int = 0
    next_offset: int = 0
    paused: bool = False
    messages: dict[str, Told] = field(default_factory=dict)

    def publish(self, id: str, priority: int, key: str, delay: int) -> bool:
        """False: it is there already."""
        if id in self.messages:
            return False
        state = "scheduled" if delay else "ready"
        self.messages[id] = Told(id, self.next_offset, priority, key, state, self.now + delay)
        self.next_offset += 1
        return True

    def age(self, seconds: int) -> None:
        self.now += seconds
        for one in self.messages.values():
            if one.state == "leased" and one.due <= self.now and one.attempts >= self.max_attempts:
                one.state = "dead"
            elif one.state in ("leased", "scheduled") and one.due <= self.now:
                one.state = "ready"

    def receive(self, limit: int) -> list[Told]:
        taken: list[Told] = []
        while len(taken) < limit and (next_one := self._next()) and not self.paused:
            next_one.state, next_one.due = "leased", self.now + self.lease
            next_one.attempts += 1
            taken.append(next_one)
        return taken

    def _next(self) -> Told | None:
        ready = [one for one in self.messages.values() if one.state == "ready" and not self._held_up(one)]
        return min(ready, key=lambda one: (-one.priority, one.offset), default=None)

    def _held_up(self, one: Told) -> bool:
        """Behind another of its key: one that is out or waits for a retry, or an older one."""
        return bool(one.key) and any(
            other.key == one.key
            and other is not one
            and (
                other.state in ("leased", "scheduled")
                or (other.state == "ready" and other.offset < one.offset)
            )
            for other in self.messages.values()
        )

    def ack(self, id: str) -> None:
        self.messages[id].state = "acked"

    def nack(self, id: str, *, dead: bool) -> None:
        one = self.messages[id]
        if dead or one.attempts >= self.max_attempts:
            one.state = "dead"
        else:
            one.state, one.due = "scheduled" if self.delay else "ready", self.now + self.delay

    def extend(self, id: str, seconds: int) -> None:
        self.messages[id].due = self.now + seconds

    def replay(self, id: str) -> None:
        one = self.messages[id]
        if one.state == "dead":
            one.state, one.attempts = "ready", 0

    def delete(self, id: str) -> None:
        self.messages.pop(id, None)

    def held(self, id: str, receipt: int | None) -> bool:
        """Whether that receipt (None: anybody) may settle the message now."""
        one = self.messages[id]
        return one.state == "leased" and (receipt is None or receipt == one.receipts[-1])

    def in_state(self, state: State) -> list[str]:
        wanted = {
            State.PENDING: "ready",
            State.PROCESSING: "leased",
            State.SCHEDULED: "scheduled",
            State.FAILED: "dead",
            State.ACKED: "acked",
        }[state]
        return [one.id for one in self.messages.values() if one.state == wanted]
