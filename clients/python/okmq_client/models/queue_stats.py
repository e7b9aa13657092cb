from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="QueueStats")


@_attrs_define
class QueueStats:
    """
    Attributes:
        acked (int): Acknowledged and kept.
        failed (int): Out of delivery attempts.
        pending (int): To be delivered to whoever asks.
        processing (int): Locked by a receiver.
        scheduled (int): Waiting for their delivery time.
        total (int): The sum of the others.
    """

    acked: int
    failed: int
    pending: int
    processing: int
    scheduled: int
    total: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        acked = self.acked

        failed = self.failed

        pending = self.pending

        processing = self.processing

        scheduled = self.scheduled

        total = self.total

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "acked": acked,
                "failed": failed,
                "pending": pending,
                "processing": processing,
                "scheduled": scheduled,
                "total": total,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        acked = d.pop("acked")

        failed = d.pop("failed")

        pending = d.pop("pending")

        processing = d.pop("processing")

        scheduled = d.pop("scheduled")

        total = d.pop("total")

        queue_stats = cls(
            acked=acked,
            failed=failed,
            pending=pending,
            processing=processing,
            scheduled=scheduled,
            total=total,
        )

        queue_stats.additional_properties = d
        return queue_stats

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
