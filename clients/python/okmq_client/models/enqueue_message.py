from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="EnqueueMessage")


@_attrs_define
class EnqueueMessage:
    """
    Attributes:
        id (str): Identifies the message in its queue or stream: one whose id is known there is ignored.
        body (Any): Any JSON value, up to 1,048,576 bytes.
        delivery_time (datetime.datetime | Unset): Not delivered before.
        tag (str | Unset): A label that reads may filter by.
    """

    id: str
    body: Any
    delivery_time: datetime.datetime | Unset = UNSET
    tag: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        body = self.body

        delivery_time: str | Unset = UNSET
        if not isinstance(self.delivery_time, Unset):
            delivery_time = self.delivery_time.isoformat()

        tag = self.tag

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "body": body,
            }
        )
        if delivery_time is not UNSET:
            field_dict["delivery_time"] = delivery_time
        if tag is not UNSET:
            field_dict["tag"] = tag

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        id = d.pop("id")

        body = d.pop("body")

        _delivery_time = d.pop("delivery_time", UNSET)
        delivery_time: datetime.datetime | Unset
        if isinstance(_delivery_time, Unset):
            delivery_time = UNSET
        else:
            delivery_time = datetime.datetime.fromisoformat(_delivery_time)

        tag = d.pop("tag", UNSET)

        enqueue_message = cls(
            id=id,
            body=body,
            delivery_time=delivery_time,
            tag=tag,
        )

        enqueue_message.additional_properties = d
        return enqueue_message

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
