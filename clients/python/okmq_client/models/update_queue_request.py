from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.retry_strategy import RetryStrategy


T = TypeVar("T", bound="UpdateQueueRequest")


@_attrs_define
class UpdateQueueRequest:
    """Any subset; absent settings stay as they are.

    Attributes:
        auto_ack (bool | Unset): Whether a delivery counts as acknowledged at once.
        auto_delete (bool | Unset): Whether acknowledged messages are deleted.
        lock_duration (int | Unset): Seconds for which a delivered message is its receiver's alone.
        max_delivery_attempts (int | Unset): Deliveries after which a message that is not acknowledged has failed.
        preserve_failed (bool | Unset): Whether failed messages are spared when they expire.
        preserve_pending (bool | Unset): Whether messages still to be handled are spared when they expire.
        ttl (int | Unset): Seconds after which a message expires; 0 for never.
        retry_strategy (RetryStrategy | Unset): When a message that was given back is delivered again.
        topics (list[str] | Unset): Topics whose messages the queue gets; repeats collapse.
    """

    auto_ack: bool | Unset = UNSET
    auto_delete: bool | Unset = UNSET
    lock_duration: int | Unset = UNSET
    max_delivery_attempts: int | Unset = UNSET
    preserve_failed: bool | Unset = UNSET
    preserve_pending: bool | Unset = UNSET
    ttl: int | Unset = UNSET
    retry_strategy: RetryStrategy | Unset = UNSET
    topics: list[str] | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        auto_ack = self.auto_ack

        auto_delete = self.auto_delete

        lock_duration = self.lock_duration

        max_delivery_attempts = self.max_delivery_attempts

        preserve_failed = self.preserve_failed

        preserve_pending = self.preserve_pending

        ttl = self.ttl

        retry_strategy: dict[str, Any] | Unset = UNSET
        if not isinstance(self.retry_strategy, Unset):
            retry_strategy = self.retry_strategy.to_dict()

        topics: list[str] | Unset = UNSET
        if not isinstance(self.topics, Unset):
            topics = self.topics

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if auto_ack is not UNSET:
            field_dict["auto_ack"] = auto_ack
        if auto_delete is not UNSET:
            field_dict["auto_delete"] = auto_delete
        if lock_duration is not UNSET:
            field_dict["lock_duration"] = lock_duration
        if max_delivery_attempts is not UNSET:
            field_dict["max_delivery_attempts"] = max_delivery_attempts
        if preserve_failed is not UNSET:
            field_dict["preserve_failed"] = preserve_failed
        if preserve_pending is not UNSET:
            field_dict["preserve_pending"] = preserve_pending
        if ttl is not UNSET:
            field_dict["ttl"] = ttl
        if retry_strategy is not UNSET:
            field_dict["retry_strategy"] = retry_strategy
        if topics is not UNSET:
            field_dict["topics"] = topics

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.retry_strategy import RetryStrategy  # noqa: PLC0415

        d = dict(src_dict)
        auto_ack = d.pop("auto_ack", UNSET)

        auto_delete = d.pop("auto_delete", UNSET)

        lock_duration = d.pop("lock_duration", UNSET)

        max_delivery_attempts = d.pop("max_delivery_attempts", UNSET)

        preserve_failed = d.pop("preserve_failed", UNSET)

        preserve_pending = d.pop("preserve_pending", UNSET)

        ttl = d.pop("ttl", UNSET)

        _retry_strategy = d.pop("retry_strategy", UNSET)
        retry_strategy: RetryStrategy | Unset
        if isinstance(_retry_strategy, Unset):
            retry_strategy = UNSET
        else:
            retry_strategy = RetryStrategy.from_dict(_retry_strategy)

        topics = cast(list[str], d.pop("topics", UNSET))

        update_queue_request = cls(
            auto_ack=auto_ack,
            auto_delete=auto_delete,
            lock_duration=lock_duration,
            max_delivery_attempts=max_delivery_attempts,
            preserve_failed=preserve_failed,
            preserve_pending=preserve_pending,
            ttl=ttl,
            retry_strategy=retry_strategy,
            topics=topics,
        )

        update_queue_request.additional_properties = d
        return update_queue_request

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
