"""OKMQ's queue settings as its API spells them (contract sections 3.1 and 5.4), to and from the broker's.

DRF's own fields trim, convert and forgive; the contract's types are exact (section 2.3).
"""

from __future__ import annotations

import math
from typing import Annotated, Any, TypedDict

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from msgspec import Meta
from rest_framework import serializers
from rest_framework.settings import api_settings

from queues.api.names import NAME_LENGTH, name_fault
from queues.api.okmq.fields import Count, Instant, ShownStrategy
from queues.api.okmq.schemas import whole_seconds
from queues.api.times import format_time
from queues.broker import types
from queues.broker.types import QueueInfo, QueueSettings, RetryStrategy

MAX_TOPICS = 10
MAX_SECONDS = 31_536_000
# What the OpenAPI document says of settings, both where they are sent and where they are shown.
AUTO_ACK = "Whether a delivery counts as acknowledged at once."
AUTO_DELETE = "Whether acknowledged messages are deleted."
LOCK_DURATION = "Seconds for which a delivered message is its receiver's alone."
MAX_DELIVERY_ATTEMPTS = "Deliveries after which a message that is not acknowledged has failed."
PRESERVE_FAILED = "Whether failed messages are spared when they expire."
PRESERVE_PENDING = "Whether messages still to be handled are spared when they expire."
TTL = "Seconds after which a message expires; 0 for never."
TOPICS = "Topics whose messages the queue gets; repeats collapse."
RETRY_TYPE = (
    "exponential, linear, fixed or none, which retries at once; the attempts are limited all the same. "
    "Queues that were made through another API may show others."
)

STRATEGIES = ("exponential", "linear", "fixed", "none")
DEFAULT_SETTINGS = QueueSettings()
"""The broker's own defaults are this contract's (section 3.1)."""


class ExactBoolean(serializers.BooleanField):
    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            raise serializers.ValidationError("must be true or false")
        return data


class ExactInteger(serializers.IntegerField):
    """An integer, or a number without a fraction like ``30.0``, from ``low`` to ``high``."""

    def __init__(self, low: int, high: int, **kwargs: Any) -> None:
        self.low, self.high = low, high
        super().__init__(min_value=low, max_value=high, **kwargs)

    def to_internal_value(self, data: Any) -> int:
        whole = isinstance(data, int) or (isinstance(data, float) and data.is_integer())
        if isinstance(data, bool) or not whole or not self.low <= data <= self.high:
            raise serializers.ValidationError(f"must be an integer from {self.low} to {self.high}")
        return int(data)


@extend_schema_field({"type": "number", "minimum": 1.0})
class Multiplier(serializers.FloatField):
    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not isinstance(data, (int, float)) or data < 1:
            raise serializers.ValidationError("must be a number of at least 1")
        try:
            number = float(data)
        except OverflowError:
            number = math.inf
        if math.isinf(number):
            raise serializers.ValidationError("is out of range")
        return number


@extend_schema_field({"type": "string", "minLength": 1, "maxLength": NAME_LENGTH})
class Name(serializers.Field):  # type: ignore[type-arg]
    """A queue's or topic's name."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("must be a string")
        if fault := name_fault(data):
            raise serializers.ValidationError(fault)
        return data

    def to_representation(self, value: str) -> str:
        return value


@extend_schema_field({"type": "string"})
class Strategy(serializers.ChoiceField):
    """One of ours. Not an enum in the document: queues that other dialects made show strategies of theirs."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or data not in STRATEGIES:
            raise serializers.ValidationError(f"must be one of {', '.join(STRATEGIES)}")
        return data


class ExactSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Takes an object only. A property that is null counts as not sent (section 2.3)."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if data is serializers.empty:
            return super().run_validation(data)
        if not isinstance(data, dict):
            raise serializers.ValidationError({api_settings.NON_FIELD_ERRORS_KEY: ["must be an object"]})
        return super().run_validation({name: value for name, value in data.items() if value is not None})


class RetryStrategySerializer(ExactSerializer):
    """When a message that was given back is delivered again."""

    type = Strategy(STRATEGIES, help_text=RETRY_TYPE)
    base_delay = ExactInteger(1, MAX_SECONDS, required=False, help_text="Seconds to the first retry; else 5.")
    max_delay = ExactInteger(1, MAX_SECONDS, required=False, help_text="Seconds that no delay exceeds.")
    multiplier = Multiplier(required=False, help_text="What an exponential delay grows by; else 2.")


@extend_schema_serializer(component_name="UpdateQueueRequest")
class UpdateQueueSerializer(ExactSerializer):
    """Any subset; absent settings stay as they are."""

    auto_ack = ExactBoolean(required=False, help_text=AUTO_ACK)
    auto_delete = ExactBoolean(required=False, help_text=AUTO_DELETE)
    lock_duration = ExactInteger(1, 86_400, required=False, help_text=LOCK_DURATION)
    max_delivery_attempts = ExactInteger(1, 100, required=False, help_text=MAX_DELIVERY_ATTEMPTS)
    preserve_failed = ExactBoolean(required=False, help_text=PRESERVE_FAILED)
    preserve_pending = ExactBoolean(required=False, help_text=PRESERVE_PENDING)
    ttl = ExactInteger(0, MAX_SECONDS, required=False, help_text=TTL)
    retry_strategy = RetryStrategySerializer(required=False)
    topics = serializers.ListField(child=Name(), max_length=MAX_TOPICS, required=False, help_text=TOPICS)


@extend_schema_serializer(component_name="CreateQueueRequest")
class CreateQueueSerializer(UpdateQueueSerializer):
    """Only the name is needed."""

    name = Name(help_text="Not '.' or '..', and without '/', '\\' and control characters.")


class ShownSettings(TypedDict):
    auto_ack: Annotated[bool, Meta(description=AUTO_ACK)]
    auto_delete: Annotated[bool, Meta(description=AUTO_DELETE)]
    lock_duration: Annotated[int, Meta(description=LOCK_DURATION)]
    max_delivery_attempts: Annotated[int, Meta(description=MAX_DELIVERY_ATTEMPTS)]
    preserve_failed: Annotated[bool, Meta(description=PRESERVE_FAILED)]
    preserve_pending: Annotated[bool, Meta(description=PRESERVE_PENDING)]
    retry_strategy: ShownStrategy
    ttl: Annotated[int, Meta(description=TTL)]


class Queue(ShownSettings):
    name: str
    created: Instant
    topics: Annotated[list[str], Meta(description=TOPICS)]


class QueueStats(TypedDict):
    pending: Annotated[Count, Meta(description="To be delivered to whoever asks.")]
    processing: Annotated[Count, Meta(description="Locked by a receiver.")]
    scheduled: Annotated[Count, Meta(description="Waiting for their delivery time.")]
    failed: Annotated[Count, Meta(description="Out of delivery attempts.")]
    acked: Annotated[Count, Meta(description="Acknowledged and kept.")]
    total: Annotated[Count, Meta(description="The sum of the others.")]


def changed_settings(old: QueueSettings, sent: dict[str, Any]) -> QueueSettings:
    """``old`` with what was sent (validated) put in its place; a strategy is replaced as a whole."""
    changes = {name: sent[name] for name in _SAME_NAME if name in sent}
    changes |= {ours: sent[theirs] for theirs, ours in _OTHER_NAME.items() if theirs in sent}
    if "ttl" in sent:
        changes["ttl_seconds"] = sent["ttl"] or None
    if "retry_strategy" in sent:
        changes["retry"] = _strategy(sent["retry_strategy"])
    return old.but(**changes)


def without_unchanged(sent: Any, old: QueueSettings) -> Any:
    """What was sent, but for what is as ``settings_json`` shows it: a queue that another dialect made may
    have settings beyond our bounds, and a client may send all nine back (section 3.4)."""
    if not isinstance(sent, dict):
        return sent
    shown: dict[str, Any] = {**settings_json(old)}
    return {name: value for name, value in sent.items() if name not in shown or not _same(value, shown[name])}


def _same(one: Any, other: Any) -> bool:
    """True is not 1 here."""
    return type(one) is type(other) and bool(one == other)


def topics_of(sent: dict[str, Any]) -> tuple[str, ...] | None:
    """The topics sent, repeats collapsed; None when none were sent."""
    return tuple(dict.fromkeys(sent["topics"])) if "topics" in sent else None


def queue_json(queue: QueueInfo) -> Queue:
    """Always all eleven fields (section 3.3)."""
    return {
        "name": queue.name,
        "created": format_time(queue.created_at),
        **settings_json(queue.settings),
        "topics": list(queue.topics),
    }


def settings_json(settings: QueueSettings) -> ShownSettings:
    return {
        "auto_ack": settings.auto_ack,
        "auto_delete": settings.auto_delete,
        "lock_duration": whole_seconds(settings.lease_seconds),
        "max_delivery_attempts": max(settings.max_attempts, 1),
        "preserve_failed": settings.preserve_failed,
        "preserve_pending": settings.preserve_pending,
        "retry_strategy": _strategy_json(settings.retry),
        "ttl": whole_seconds(settings.ttl_seconds or 0),
    }


def stats_json(counts: types.QueueStats) -> QueueStats:
    return {
        "pending": counts.pending,
        "processing": counts.processing,
        "scheduled": counts.scheduled,
        "failed": counts.failed,
        "acked": counts.acked,
        "total": counts.total,
    }


_SAME_NAME = ("auto_ack", "auto_delete", "preserve_failed", "preserve_pending")
_OTHER_NAME = {"lock_duration": "lease_seconds", "max_delivery_attempts": "max_attempts"}


def _strategy(sent: dict[str, Any]) -> RetryStrategy:
    """Within a strategy that was sent, an absent ``max_delay`` is no cap (section 5.4)."""
    return RetryStrategy(
        type=sent["type"],
        base_delay=sent.get("base_delay", 5),
        max_delay=sent.get("max_delay"),
        multiplier=sent.get("multiplier", 2.0),
    )


def _strategy_json(retry: RetryStrategy) -> dict[str, Any]:
    """Strategies other dialects make may have an explicit list of delays or fractions of seconds."""
    shown: dict[str, Any] = {"type": retry.type}
    if retry.delays:
        shown["delays"] = list(retry.delays)
    shown["base_delay"] = max(1, whole_seconds(retry.base_delay))
    if retry.max_delay is not None:
        shown["max_delay"] = max(1, whole_seconds(retry.max_delay))
    shown["multiplier"] = retry.multiplier
    return shown
