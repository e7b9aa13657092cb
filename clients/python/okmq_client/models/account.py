from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="Account")


@_attrs_define
class Account:
    """
    Attributes:
        id (UUID):
        email (str):
        created (datetime.datetime):
        max_channels (int): Queues and streams together.
        max_mb (int): Of bodies, in units of 1,048,576.
        max_messages (int): Stored, in any state.
        max_concurrency (int): Open consume calls.
        queues (list[str]): Names, the oldest first.
        streams (list[str]): Names, the oldest first.
        total_messages (int): Of all queues and streams.
        total_bytes (int): Of their bodies.
        max_bytes_used (int): The most there ever were.
    """

    id: UUID
    email: str
    created: datetime.datetime
    max_channels: int
    max_mb: int
    max_messages: int
    max_concurrency: int
    queues: list[str]
    streams: list[str]
    total_messages: int
    total_bytes: int
    max_bytes_used: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = str(self.id)

        email = self.email

        created = self.created.isoformat()

        max_channels = self.max_channels

        max_mb = self.max_mb

        max_messages = self.max_messages

        max_concurrency = self.max_concurrency

        queues = self.queues

        streams = self.streams

        total_messages = self.total_messages

        total_bytes = self.total_bytes

        max_bytes_used = self.max_bytes_used

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "email": email,
                "created": created,
                "max_channels": max_channels,
                "max_mb": max_mb,
                "max_messages": max_messages,
                "max_concurrency": max_concurrency,
                "queues": queues,
                "streams": streams,
                "total_messages": total_messages,
                "total_bytes": total_bytes,
                "max_bytes_used": max_bytes_used,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        id = UUID(d.pop("id"))

        email = d.pop("email")

        created = datetime.datetime.fromisoformat(d.pop("created"))

        max_channels = d.pop("max_channels")

        max_mb = d.pop("max_mb")

        max_messages = d.pop("max_messages")

        max_concurrency = d.pop("max_concurrency")

        queues = cast(list[str], d.pop("queues"))

        streams = cast(list[str], d.pop("streams"))

        total_messages = d.pop("total_messages")

        total_bytes = d.pop("total_bytes")

        max_bytes_used = d.pop("max_bytes_used")

        account = cls(
            id=id,
            email=email,
            created=created,
            max_channels=max_channels,
            max_mb=max_mb,
            max_messages=max_messages,
            max_concurrency=max_concurrency,
            queues=queues,
            streams=streams,
            total_messages=total_messages,
            total_bytes=total_bytes,
            max_bytes_used=max_bytes_used,
        )

        account.additional_properties = d
        return account

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
