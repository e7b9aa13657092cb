"""A queue as the tests hold it: the broker's calls with account and name filled in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from queues import broker
from queues.broker.types import (
    Ack,
    Extend,
    MessageView,
    Nack,
    NewMessage,
    Outcome,
    Published,
    QueueInfo,
    QueueSettings,
    QueueStats,
    Received,
    RetryStrategy,
    Settlement,
    State,
)

NO_DELAY = RetryStrategy(type="none")
LASTING: dict[str, Any] = {"ttl_seconds": None, "max_attempts": 3, "retry": NO_DELAY, "lease_seconds": 600}


def message(public_id: str | None = None, body: str = '"b"', **fields: Any) -> NewMessage:
    return NewMessage(body=body, size=len(body), public_id=public_id, **fields)


def ids(found: list[Received] | list[MessageView] | list[Published]) -> list[str]:
    return [one.public_id for one in found]


@dataclass(frozen=True)
class Handle:
    account_id: int
    name: str
    id: int

    def publish(self, *public_ids: str | None, **fields: Any) -> list[Published]:
        return self.send(*(message(public_id, **fields) for public_id in public_ids))

    def send(self, *messages: NewMessage) -> list[Published]:
        return broker.publish(self.account_id, self.name, messages)

    def receive(self, limit: int = 100, **options: Any) -> list[Received]:
        return broker.receive(self.account_id, self.name, limit=limit, **options)

    def take(self, limit: int = 100, **options: Any) -> list[str]:
        """The ids of what a receive brings."""
        return ids(self.receive(limit, **options))

    def settle(self, *settlements: Settlement) -> list[Outcome]:
        return broker.settle(self.account_id, self.name, settlements)

    def ack(self, *public_ids: str, **fields: Any) -> list[Outcome]:
        return self.settle(*(Ack(public_id, **fields) for public_id in public_ids))

    def nack(self, *public_ids: str, **fields: Any) -> list[Outcome]:
        return self.settle(*(Nack(public_id, **fields) for public_id in public_ids))

    def extend(self, public_id: str, seconds: float, **fields: Any) -> Outcome:
        return self.settle(Extend(public_id, seconds, **fields))[0]

    def get(self, public_id: str) -> MessageView:
        return broker.get_message(self.account_id, self.name, public_id)

    def state(self, public_id: str) -> State:
        return self.get(public_id).state

    def peek(self, state: State | None = None, limit: int = 10_000, **options: Any) -> list[MessageView]:
        return broker.peek(self.account_id, self.name, state=state, limit=limit, **options)

    def ids(self, state: State | None = None, **options: Any) -> list[str]:
        return ids(self.peek(state, **options))

    def stats(self, tag: str = "") -> QueueStats:
        return broker.stats(self.account_id, self.name, tag=tag)

    def delete_messages(self, **chosen: Any) -> int:
        return broker.delete_messages(self.account_id, self.name, **chosen)

    def replay(self, **chosen: Any) -> int:
        return broker.replay(self.account_id, self.name, **chosen)

    def update(
        self, settings: Callable[[QueueSettings], QueueSettings] | None = None, **options: Any
    ) -> QueueInfo:
        return broker.update_queue(self.account_id, self.name, settings=settings, **options)

    def info(self) -> QueueInfo:
        return broker.get_queue(self.account_id, self.name)

    def pause(self) -> QueueInfo:
        return broker.pause_queue(self.account_id, self.name)

    def resume(self) -> QueueInfo:
        return broker.resume_queue(self.account_id, self.name)

    def delete(self) -> None:
        broker.delete_queue(self.account_id, self.name)

    def kill(self, *public_ids: str, reason: str = "") -> None:
        """Make these messages dead: receive them all and give them up. Nothing else may be ready."""
        taken = self.take()
        assert set(public_ids) <= set(taken)
        assert self.nack(*taken, dead=True, reason=reason) == [Outcome.DEAD] * len(taken)
