from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="RetryStrategy")


@_attrs_define
class RetryStrategy:
    """When a message that was given back is delivered again.

    Attributes:
        type_ (str): exponential, linear, fixed or none, which retries at once; the attempts are limited all the same.
            Queues that were made through another API may show others.
        base_delay (int | Unset): Seconds to the first retry; else 5.
        max_delay (int | Unset): Seconds that no delay exceeds.
        multiplier (float | Unset): What an exponential delay grows by; else 2.
    """

    type_: str
    base_delay: int | Unset = UNSET
    max_delay: int | Unset = UNSET
    multiplier: float | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        type_ = self.type_

        base_delay = self.base_delay

        max_delay = self.max_delay

        multiplier = self.multiplier

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "type": type_,
            }
        )
        if base_delay is not UNSET:
            field_dict["base_delay"] = base_delay
        if max_delay is not UNSET:
            field_dict["max_delay"] = max_delay
        if multiplier is not UNSET:
            field_dict["multiplier"] = multiplier

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        type_ = d.pop("type")

        base_delay = d.pop("base_delay", UNSET)

        max_delay = d.pop("max_delay", UNSET)

        multiplier = d.pop("multiplier", UNSET)

        retry_strategy = cls(
            type_=type_,
            base_delay=base_delay,
            max_delay=max_delay,
            multiplier=multiplier,
        )

        retry_strategy.additional_properties = d
        return retry_strategy

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
