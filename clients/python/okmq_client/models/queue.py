from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.retry_strategy import RetryStrategy


T = TypeVar("T", bound="Queue")


@_attrs_define
class Queue:
    """
    Attributes:
        auto_ack (bool): Whether a delivery counts as acknowledged at once.
        auto_delete (bool): Whether acknowledged messages are deleted.
        created (datetime.datetime):
        lock_duration (int): Seconds for which a delivered message is its receiver's alone.
        max_delivery_attempts (int): Deliveries after which a message that is not acknowledged has failed.
        name (str):
        preserve_failed (bool): Whether failed messages are spared when they expire.
        preserve_pending (bool): Whether messages still to be handled are spared when they expire.
        retry_strategy (RetryStrategy): When a message that was given back is delivered again.
        topics (list[str]): Topics whose messages the queue gets; repeats collapse.
        ttl (int): Seconds after which a message expires; 0 for never.
    """

    auto_ack: bool
    auto_delete: bool
    created: datetime.datetime
    lock_duration: int
    max_delivery_attempts: int
    name: str
    preserve_failed: bool
    preserve_pending: bool
    retry_strategy: RetryStrategy
    topics: list[str]
    ttl: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        auto_ack = self.auto_ack

        auto_delete = self.auto_delete

        created = self.created.isoformat()

        lock_duration = self.lock_duration

        max_delivery_attempts = self.max_delivery_attempts

        name = self.name

        preserve_failed = self.preserve_failed

        preserve_pending = self.preserve_pending

        retry_strategy = self.retry_strategy.to_dict()

        topics = self.topics

        ttl = self.ttl

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "auto_ack": auto_ack,
                "auto_delete": auto_delete,
                "created": created,
                "lock_duration": lock_duration,
                "max_delivery_attempts": max_delivery_attempts,
                "name": name,
                "preserve_failed": preserve_failed,
                "preserve_pending": preserve_pending,
                "retry_strategy": retry_strategy,
                "topics": topics,
                "ttl": ttl,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.retry_strategy import RetryStrategy  # noqa: PLC0415

        d = dict(src_dict)
        auto_ack = d.pop("auto_ack")

        auto_delete = d.pop("auto_delete")

        created = datetime.datetime.fromisoformat(d.pop("created"))

        lock_duration = d.pop("lock_duration")

        max_delivery_attempts = d.pop("max_delivery_attempts")

        name = d.pop("name")

        preserve_failed = d.pop("preserve_failed")

        preserve_pending = d.pop("preserve_pending")

        retry_strategy = RetryStrategy.from_dict(d.pop("retry_strategy"))

        topics = cast(list[str], d.pop("topics"))

        ttl = d.pop("ttl")

        queue = cls(
            auto_ack=auto_ack,
            auto_delete=auto_delete,
            created=created,
            lock_duration=lock_duration,
            max_delivery_attempts=max_delivery_attempts,
            name=name,
            preserve_failed=preserve_failed,
            preserve_pending=preserve_pending,
            retry_strategy=retry_strategy,
            topics=topics,
            ttl=ttl,
        )

        queue.additional_properties = d
        return queue

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
