from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="UpdateStreamRequest")


@_attrs_define
class UpdateStreamRequest:
    """Any subset; absent settings stay as they are.

    Attributes:
        auto_delete (bool | Unset): Whether a commit deletes what it covers.
        ttl (int | Unset): Seconds after which a message expires; 0 for never.
    """

    auto_delete: bool | Unset = UNSET
    ttl: int | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        auto_delete = self.auto_delete

        ttl = self.ttl

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if auto_delete is not UNSET:
            field_dict["auto_delete"] = auto_delete
        if ttl is not UNSET:
            field_dict["ttl"] = ttl

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        auto_delete = d.pop("auto_delete", UNSET)

        ttl = d.pop("ttl", UNSET)

        update_stream_request = cls(
            auto_delete=auto_delete,
            ttl=ttl,
        )

        update_stream_request.additional_properties = d
        return update_stream_request

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
