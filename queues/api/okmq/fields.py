"""The field types of OKMQ's bodies, with what its OpenAPI document says of them.

The bounds here are documentation: the readers beside the types check them, with errors that say more.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Raw

from queues.api.openapi.structs import REF

MAX_ITEMS = 100
MAX_BODY_BYTES = 1_048_576
ID_LENGTH = 50
TAG_LENGTH = 50
MAX_OFFSET = 2**63 - 1

_INSTANT = {"format": "date-time"}
_INT64 = {"type": "integer", "format": "int64"}


def _text(description: str, **schema: Any) -> Meta:
    return Meta(description=description, extra_json_schema=schema)


Id = Annotated[str, Meta(description="The message's id.")]
NewId = Annotated[
    str,
    _text(
        "Identifies the message in its queue or stream: one whose id is known there is ignored.",
        minLength=1,
        maxLength=ID_LENGTH,
    ),
]
Ids = Annotated[list[str], _text("Ids of messages; unknown ones are skipped.", maxItems=MAX_ITEMS)]
Body = Annotated[Raw, Meta(description=f"Any JSON value, up to {MAX_BODY_BYTES:,} bytes.")]
Tag = Annotated[str, Meta(description="A label that reads may filter by.")]
NewTag = Annotated[str, _text("A label that reads may filter by.", maxLength=TAG_LENGTH)]
Attempt = Annotated[int, Meta(description="Deliveries so far.")]
Instant = Annotated[str, Meta(extra_json_schema=_INSTANT)]
DeliveryTime = Annotated[str, _text("Not delivered before.", **_INSTANT)]
LockedUntil = Annotated[str, _text("No other receiver gets it until then.", **_INSTANT)]
Count = Annotated[int, Meta(extra_json_schema=_INT64)]
Offset = Annotated[int, _text("The message's place in the stream.", **_INT64)]
# 30.0 is the integer 30 (section 2.3).
CommittedOffset = Annotated[
    int | float,
    _text("Of the last message that is done; 0 for none.", **_INT64, minimum=0, maximum=MAX_OFFSET),
]
ShownStrategy = Annotated[dict[str, Any], Meta(extra_json_schema={"$ref": REF.format(name="RetryStrategy")})]
