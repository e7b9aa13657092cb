"""OKMQ's queue settings as its API spells them (contract sections 3.1 and 5.4), to and from the broker's.

DRF's own fields trim, convert and forgive; the contract's types are exact (section 2.3).
"""

from __future__ import annotations

import math
from typing import Any

from rest_framework import serializers
from rest_framework.settings import api_settings

from queues.api.names import name_fault
from queues.api.okmq.schemas import whole_seconds
from queues.api.times import format_time
from queues.broker.types import QueueInfo, QueueSettings, RetryStrategy

MAX_TOPICS = 10
MAX_SECONDS = 31_536_000
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


class Strategy(serializers.ChoiceField):
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
    type = Strategy(STRATEGIES)
    base_delay = ExactInteger(1, MAX_SECONDS, required=False)
    max_delay = ExactInteger(1, MAX_SECONDS, required=False)
    multiplier = Multiplier(required=False)


class UpdateQueueSerializer(ExactSerializer):
    """Any subset; absent settings stay as they are (section 3.4)."""

    auto_ack = ExactBoolean(required=False)
    auto_delete = ExactBoolean(required=False)
    lock_duration = ExactInteger(1, 86_400, required=False)
    max_delivery_attempts = ExactInteger(1, 100, required=False)
    preserve_failed = ExactBoolean(required=False)
    preserve_pending = ExactBoolean(required=False)
    ttl = ExactInteger(0, MAX_SECONDS, required=False)
    retry_strategy = RetryStrategySerializer(required=False)
    topics = serializers.ListField(child=Name(), max_length=MAX_TOPICS, required=False)


class CreateQueueSerializer(UpdateQueueSerializer):
    name = Name()


def changed_settings(old: QueueSettings, sent: dict[str, Any]) -> QueueSettings:
    """``old`` with what was sent (validated) put in its place; a strategy is replaced as a whole."""
    changes = {name: sent[name] for name in _SAME_NAME if name in sent}
    changes |= {ours: sent[theirs] for theirs, ours in _OTHER_NAME.items() if theirs in sent}
    if "ttl" in sent:
        changes["ttl_seconds"] = sent["ttl"] or None
    if "retry_strategy" in sent:
        changes["retry"] = _strategy(sent["retry_strategy"])
    return old.but(**changes)


def topics_of(sent: dict[str, Any]) -> tuple[str, ...] | None:
    """The topics sent, repeats collapsed; None when none were sent."""
    return tuple(dict.fromkeys(sent["topics"])) if "topics" in sent else None


def queue_json(queue: QueueInfo) -> dict[str, Any]:
    """``Queue``: always all eleven fields (section 3.3)."""
    settings = queue.settings
    return {
        "name": queue.name,
        "created": format_time(queue.created_at),
        "auto_ack": settings.auto_ack,
        "auto_delete": settings.auto_delete,
        "lock_duration": whole_seconds(settings.lease_seconds),
        "max_delivery_attempts": settings.max_attempts,
        "preserve_failed": settings.preserve_failed,
        "preserve_pending": settings.preserve_pending,
        "retry_strategy": _strategy_json(settings.retry),
        "topics": list(queue.topics),
        "ttl": whole_seconds(settings.ttl_seconds or 0),
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
