from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="AckStatus")


@_attrs_define
class AckStatus:
    """
    Attributes:
        id (str): The message's id.
        ack (bool): True for done, false to have it delivered again.
        delivery_time (datetime.datetime | Unset): Not delivered before.
        delete (bool | Unset): Whether to delete what is done.
    """

    id: str
    ack: bool
    delivery_time: datetime.datetime | Unset = UNSET
    delete: bool | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        ack = self.ack

        delivery_time: str | Unset = UNSET
        if not isinstance(self.delivery_time, Unset):
            delivery_time = self.delivery_time.isoformat()

        delete = self.delete

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "ack": ack,
            }
        )
        if delivery_time is not UNSET:
            field_dict["delivery_time"] = delivery_time
        if delete is not UNSET:
            field_dict["delete"] = delete

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        id = d.pop("id")

        ack = d.pop("ack")

        _delivery_time = d.pop("delivery_time", UNSET)
        delivery_time: datetime.datetime | Unset
        if isinstance(_delivery_time, Unset):
            delivery_time = UNSET
        else:
            delivery_time = datetime.datetime.fromisoformat(_delivery_time)

        delete = d.pop("delete", UNSET)

        ack_status = cls(
            id=id,
            ack=ack,
            delivery_time=delivery_time,
            delete=delete,
        )

        ack_status.additional_properties = d
        return ack_status

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
