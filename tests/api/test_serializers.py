"""OKMQ's queue settings (contract sections 2.3, 3.1, 3.4, 5.4)."""

from typing import Any

import pytest
from rest_framework.serializers import ValidationError

from queues.api.okmq.serializers import (
    DEFAULT_SETTINGS,
    CreateQueueSerializer,
    Queue,
    UpdateQueueSerializer,
    changed_settings,
    queue_json,
    topics_of,
)
from queues.api.problems import detail_text
from queues.broker.types import QueueInfo, QueueSettings, RetryStrategy

pytestmark = pytest.mark.once


def sent(**fields: Any) -> dict[str, Any]:
    serializer = UpdateQueueSerializer(data=fields)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def settings(**fields: Any) -> QueueSettings:
    return changed_settings(DEFAULT_SETTINGS, sent(**fields))


def refusal(fields: Any) -> str:
    with pytest.raises(ValidationError) as refused:
        CreateQueueSerializer(data=fields).is_valid(raise_exception=True)
    return detail_text(refused.value.detail)


def shown(settings: QueueSettings, **other: Any) -> Queue:
    return queue_json(QueueInfo(1, "q", "worker", 0, None, 0, settings, **{"topics": (), **other}))


def each(name: str, *values: Any) -> list[dict[str, Any]]:
    return [{name: value} for value in values]


NO_BOOLEANS: tuple[Any, ...] = ("true", "", 1, 0, [], {})
NO_INTEGERS: tuple[Any, ...] = (0, -1, 1.5, True, "30", [], 1e30, float(2**63), 10**400, 2**63)
BAD = [
    *each("auto_ack", *NO_BOOLEANS),
    *each("auto_delete", *NO_BOOLEANS),
    *each("preserve_failed", *NO_BOOLEANS),
    *each("preserve_pending", *NO_BOOLEANS),
    *each("lock_duration", *NO_INTEGERS, 86_401),
    *each("max_delivery_attempts", *NO_INTEGERS, 101),
    *each("ttl", -1, 31_536_001, 0.5, False, "0", {}),
    *each("topics", "t", {}, 5, [1], [None], [""], ["x" * 51], ["a/b"], ["."], ["t"] * 11),
    *each("retry_strategy", "fixed", [], 5, {}, {"base_delay": 5}),
    *each("retry_strategy", *each("type", None, "other", "Fixed", 1, "list", ["fixed"])),
    *each(
        "retry_strategy",
        *({"type": "fixed"} | part for part in each("base_delay", 0, 1.5, True, "5", 31_536_001)),
        *({"type": "fixed"} | part for part in each("max_delay", 0, 1.5, True, "5", 31_536_001)),
        *({"type": "fixed"} | part for part in each("multiplier", 0.9, True, "2", 10**400, [])),
    ),
]


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: repr(bad)[:60])
def test_a_bad_setting_is_refused_by_name(bad: dict[str, Any]) -> None:
    assert refusal({"name": "q", **bad}).startswith(next(iter(bad)))


@pytest.mark.parametrize(
    "name",
    ["", "x" * 51, None, 5, True, [], {}, "a/b", "a\\b", "\0", "\t", "\x7f", ".", "..", "\ud800", "a\ud800"],
)
def test_a_bad_name_is_refused(name: Any) -> None:
    assert refusal({"name": name}).startswith("name: ")


@pytest.mark.parametrize(
    "name", ["é" * 50, " ", " padded ", "%41", "?#&=", "...", "a b", "中", "🙂" * 50, "\u2028"]
)
def test_an_odd_name_is_kept(name: str) -> None:
    serializer = CreateQueueSerializer(data={"name": name})
    assert serializer.is_valid()
    assert serializer.validated_data == {"name": name}


@pytest.mark.parametrize("body", [None, [], "q", 5, True])
def test_only_an_object_is_taken(body: Any) -> None:
    assert refusal(body) == "request body: must be an object"


def test_every_fault_is_told() -> None:
    told = refusal(
        {"lock_duration": 0, "retry_strategy": {"type": "fixed", "base_delay": 0}, "topics": ["a", ""]}
    )
    assert told == (
        "lock_duration: must be an integer from 1 to 86400; "
        "retry_strategy.base_delay: must be an integer from 1 to 31536000; "
        "topics[1]: must be 1 to 50 characters; name: This field is required."
    )


def test_a_whole_number_with_a_fraction_part_is_an_integer() -> None:
    found = settings(lock_duration=30.0, max_delivery_attempts=2.0, ttl=0.0)
    assert (found.lease_seconds, found.max_attempts, found.ttl_seconds) == (30, 2, None)
    assert type(found.max_attempts) is int


def test_null_counts_as_not_sent() -> None:
    names = UpdateQueueSerializer().fields
    assert settings(**dict.fromkeys(names)) == DEFAULT_SETTINGS
    assert settings(
        retry_strategy={"type": "fixed", "base_delay": None, "max_delay": None}
    ).retry == RetryStrategy("fixed", 5, None, 2.0)


def test_unknown_fields_are_ignored() -> None:
    assert sent(nonsense=1, name="other") == {}


def test_only_what_was_sent_changes() -> None:
    old = QueueSettings(
        auto_ack=True, ttl_seconds=None, lease_seconds=7, retry=RetryStrategy("exponential", 77, 88, 9)
    )
    assert changed_settings(old, sent()) == old
    assert changed_settings(old, sent(lock_duration=8)) == old.but(lease_seconds=8)
    assert changed_settings(old, sent(auto_ack=False, ttl=60)) == old.but(auto_ack=False, ttl_seconds=60)


def test_a_strategy_is_replaced_as_a_whole() -> None:
    old = QueueSettings(retry=RetryStrategy("exponential", 77, 88, 9))
    assert changed_settings(
        old, sent(retry_strategy={"type": "fixed", "base_delay": 2})
    ).retry == RetryStrategy("fixed", 2, None, 2.0)


def test_topics_collapse_in_order() -> None:
    assert topics_of(sent(topics=["t", "u", "t"])) == ("t", "u")
    assert (topics_of(sent(topics=[])), topics_of(sent())) == ((), None)


def test_a_queue_shows_all_eleven_fields_with_the_defaults() -> None:
    assert shown(DEFAULT_SETTINGS, topics=("t",)) == {
        "name": "q",
        "created": "1970-01-01T00:00:00.000000Z",
        "auto_ack": False,
        "auto_delete": False,
        "lock_duration": 30,
        "max_delivery_attempts": 1,
        "preserve_failed": False,
        "preserve_pending": False,
        "retry_strategy": {"type": "exponential", "base_delay": 5, "max_delay": 300, "multiplier": 2.0},
        "topics": ["t"],
        "ttl": 300,
    }


@pytest.mark.parametrize(
    "strategy",
    [
        {"type": "none"},
        {"type": "linear", "base_delay": 31_536_000, "max_delay": 1},
        {"type": "exponential", "base_delay": 1, "multiplier": 1e300},
        {"type": "fixed", "multiplier": 1},
    ],
)
def test_a_strategy_shows_at_least_what_was_sent(strategy: dict[str, Any]) -> None:
    found = shown(settings(retry_strategy=strategy))["retry_strategy"]
    assert found | strategy == found


def test_settings_other_dialects_made_can_be_shown() -> None:
    foreign = QueueSettings(
        lease_seconds=0.25, ttl_seconds=1.5, retry=RetryStrategy("list", 0.5, None, 1, (0.5, 30))
    )
    found = shown(foreign)
    assert (found["lock_duration"], found["ttl"]) == (1, 2)
    assert found["retry_strategy"] == {"type": "list", "delays": [0.5, 30], "base_delay": 1, "multiplier": 1}
