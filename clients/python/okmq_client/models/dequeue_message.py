from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="DequeueMessage")


@_attrs_define
class DequeueMessage:
    """A message as a receiver gets it. What it does not have is left out, never null.

    Attributes:
        id (str): The message's id.
        body (Any): Any JSON value, up to 1,048,576 bytes.
        delivery_time (datetime.datetime): Not delivered before.
        delivery_attempt (int): Deliveries so far.
        locked_until (datetime.datetime | Unset): No other receiver gets it until then.
        tag (str | Unset): A label that reads may filter by.
    """

    id: str
    body: Any
    delivery_time: datetime.datetime
    delivery_attempt: int
    locked_until: datetime.datetime | Unset = UNSET
    tag: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        body = self.body

        delivery_time = self.delivery_time.isoformat()

        delivery_attempt = self.delivery_attempt

        locked_until: str | Unset = UNSET
        if not isinstance(self.locked_until, Unset):
            locked_until = self.locked_until.isoformat()

        tag = self.tag

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "body": body,
                "delivery_time": delivery_time,
                "delivery_attempt": delivery_attempt,
            }
        )
        if locked_until is not UNSET:
            field_dict["locked_until"] = locked_until
        if tag is not UNSET:
            field_dict["tag"] = tag

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        id = d.pop("id")

        body = d.pop("body")

        delivery_time = datetime.datetime.fromisoformat(d.pop("delivery_time"))

        delivery_attempt = d.pop("delivery_attempt")

        _locked_until = d.pop("locked_until", UNSET)
        locked_until: datetime.datetime | Unset
        if isinstance(_locked_until, Unset):
            locked_until = UNSET
        else:
            locked_until = datetime.datetime.fromisoformat(_locked_until)

        tag = d.pop("tag", UNSET)

        dequeue_message = cls(
            id=id,
            body=body,
            delivery_time=delivery_time,
            delivery_attempt=delivery_attempt,
            locked_until=locked_until,
            tag=tag,
        )

        dequeue_message.additional_properties = d
        return dequeue_message

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
