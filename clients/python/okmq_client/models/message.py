from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="Message")


@_attrs_define
class Message:
    """A message with the settings it was published under. What it does not have is left out, never null.

    Attributes:
        id (str): The message's id.
        body (Any): Any JSON value, up to 1,048,576 bytes.
        auto_ack (bool):
        created (datetime.datetime):
        updated (datetime.datetime):
        delivery_attempt (int): Deliveries so far.
        delivery_time (datetime.datetime): Not delivered before.
        lock_duration (int): Seconds.
        max_delivery_attempts (int):
        acked (datetime.datetime | Unset): Absent until it is acknowledged.
        locked_until (datetime.datetime | Unset): No other receiver gets it until then.
        ttl (datetime.datetime | Unset): When it expires; absent if never.
        tag (str | Unset): A label that reads may filter by.
    """

    id: str
    body: Any
    auto_ack: bool
    created: datetime.datetime
    updated: datetime.datetime
    delivery_attempt: int
    delivery_time: datetime.datetime
    lock_duration: int
    max_delivery_attempts: int
    acked: datetime.datetime | Unset = UNSET
    locked_until: datetime.datetime | Unset = UNSET
    ttl: datetime.datetime | Unset = UNSET
    tag: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        body = self.body

        auto_ack = self.auto_ack

        created = self.created.isoformat()

        updated = self.updated.isoformat()

        delivery_attempt = self.delivery_attempt

        delivery_time = self.delivery_time.isoformat()

        lock_duration = self.lock_duration

        max_delivery_attempts = self.max_delivery_attempts

        acked: str | Unset = UNSET
        if not isinstance(self.acked, Unset):
            acked = self.acked.isoformat()

        locked_until: str | Unset = UNSET
        if not isinstance(self.locked_until, Unset):
            locked_until = self.locked_until.isoformat()

        ttl: str | Unset = UNSET
        if not isinstance(self.ttl, Unset):
            ttl = self.ttl.isoformat()

        tag = self.tag

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "body": body,
                "auto_ack": auto_ack,
                "created": created,
                "updated": updated,
                "delivery_attempt": delivery_attempt,
                "delivery_time": delivery_time,
                "lock_duration": lock_duration,
                "max_delivery_attempts": max_delivery_attempts,
            }
        )
        if acked is not UNSET:
            field_dict["acked"] = acked
        if locked_until is not UNSET:
            field_dict["locked_until"] = locked_until
        if ttl is not UNSET:
            field_dict["ttl"] = ttl
        if tag is not UNSET:
            field_dict["tag"] = tag

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        id = d.pop("id")

        body = d.pop("body")

        auto_ack = d.pop("auto_ack")

        created = datetime.datetime.fromisoformat(d.pop("created"))

        updated = datetime.datetime.fromisoformat(d.pop("updated"))

        delivery_attempt = d.pop("delivery_attempt")

        delivery_time = datetime.datetime.fromisoformat(d.pop("delivery_time"))

        lock_duration = d.pop("lock_duration")

        max_delivery_attempts = d.pop("max_delivery_attempts")

        _acked = d.pop("acked", UNSET)
        acked: datetime.datetime | Unset
        if isinstance(_acked, Unset):
            acked = UNSET
        else:
            acked = datetime.datetime.fromisoformat(_acked)

        _locked_until = d.pop("locked_until", UNSET)
        locked_until: datetime.datetime | Unset
        if isinstance(_locked_until, Unset):
            locked_until = UNSET
        else:
            locked_until = datetime.datetime.fromisoformat(_locked_until)

        _ttl = d.pop("ttl", UNSET)
        ttl: datetime.datetime | Unset
        if isinstance(_ttl, Unset):
            ttl = UNSET
        else:
            ttl = datetime.datetime.fromisoformat(_ttl)

        tag = d.pop("tag", UNSET)

        message = cls(
            id=id,
            body=body,
            auto_ack=auto_ack,
            created=created,
            updated=updated,
            delivery_attempt=delivery_attempt,
            delivery_time=delivery_time,
            lock_duration=lock_duration,
            max_delivery_attempts=max_delivery_attempts,
            acked=acked,
            locked_until=locked_until,
            ttl=ttl,
            tag=tag,
        )

        message.additional_properties = d
        return message

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
