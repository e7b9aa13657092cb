"""What a queue is like that came into being by a first produce (forq.md sections 6 and 7)."""

from __future__ import annotations

from django.conf import settings

from queues.broker.types import ExpiryAction, QueueSettings, RetryStrategy

DLQ_SUFFIX = "-dlq"
HOUR = 3_600

REGULAR = QueueSettings(
    auto_delete=True,
    lease_seconds=300,
    max_attempts=5,
    retry=RetryStrategy("list", delays=(1, 5, 15, 30)),
    ttl_from_delivery=True,
    preserve_leased=True,
    on_expiry=ExpiryAction.DEAD_LETTER,
)
DEAD_LETTERS = REGULAR.but(on_expiry=ExpiryAction.DROP, drop_dead=True)
"""There is no dead-letter queue of a dead-letter queue: who fails or expires there is gone."""


def is_dead_letter_queue(name: str) -> bool:
    return name.endswith(DLQ_SUFFIX)


def queues_for(name: str) -> dict[str, QueueSettings]:
    """The queues that a first produce to ``name`` makes, with their settings."""
    letters = name + DLQ_SUFFIX
    return {
        name: REGULAR.but(ttl_seconds=settings.OKMQ_FORQ_QUEUE_TTL_HOURS * HOUR, dead_letter_queue=letters),
        letters: DEAD_LETTERS.but(ttl_seconds=settings.OKMQ_FORQ_DLQ_TTL_HOURS * HOUR),
    }
