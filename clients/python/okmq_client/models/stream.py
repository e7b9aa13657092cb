from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="Stream")


@_attrs_define
class Stream:
    """
    Attributes:
        auto_delete (bool): Whether a commit deletes what it covers.
        created (datetime.datetime):
        message_count (int): Stored messages, committed ones included.
        name (str):
        offset (int): Of the last committed message; 0 for none.
        ttl (int): Seconds after which a message expires; 0 for never.
    """

    auto_delete: bool
    created: datetime.datetime
    message_count: int
    name: str
    offset: int
    ttl: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        auto_delete = self.auto_delete

        created = self.created.isoformat()

        message_count = self.message_count

        name = self.name

        offset = self.offset

        ttl = self.ttl

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "auto_delete": auto_delete,
                "created": created,
                "message_count": message_count,
                "name": name,
                "offset": offset,
                "ttl": ttl,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        auto_delete = d.pop("auto_delete")

        created = datetime.datetime.fromisoformat(d.pop("created"))

        message_count = d.pop("message_count")

        name = d.pop("name")

        offset = d.pop("offset")

        ttl = d.pop("ttl")

        stream = cls(
            auto_delete=auto_delete,
            created=created,
            message_count=message_count,
            name=name,
            offset=offset,
            ttl=ttl,
        )

        stream.additional_properties = d
        return stream

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
