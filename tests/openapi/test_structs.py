"""Types as JSON Schema: what a client needs to know, and nothing else."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypedDict

import msgspec
import pytest
from msgspec import Meta, Raw, Struct

from queues.api.openapi.structs import schema_of

pytestmark = pytest.mark.once


class Inner(TypedDict):
    word: Literal["a", "b"]
    maybe: NotRequired[bool]


class Outer(Struct):
    """Said of it."""

    id: Annotated[str, Meta(description="Its id.", extra_json_schema={"maxLength": 9})]
    body: Raw
    inner: Inner
    title: str | None = None
    count: int = 3
    either: int | str | None = None
    odd: Annotated[int | float, Meta(extra_json_schema={"type": "integer"})] = 0
    other: Annotated[dict[str, Any], Meta(extra_json_schema={"$ref": "#/components/schemas/Elsewhere"})] = (
        msgspec.field(default_factory=dict)
    )


def test_a_type_becomes_a_schema_and_its_components() -> None:
    schema, components = schema_of(Annotated[list[Outer], Meta(extra_json_schema={"maxItems": 7})])
    assert schema == {"type": "array", "items": {"$ref": "#/components/schemas/Outer"}, "maxItems": 7}
    assert components["Inner"] == {
        "type": "object",
        "properties": {"word": {"enum": ["a", "b"]}, "maybe": {"type": "boolean"}},
        "required": ["word"],
    }
    assert components["Outer"] == {
        "type": "object",
        "description": "Said of it.",
        "required": ["id", "body", "inner"],
        "properties": {
            "id": {"type": "string", "description": "Its id.", "maxLength": 9},
            "body": {},
            "inner": {"$ref": "#/components/schemas/Inner"},
            "title": {"type": "string"},
            "count": {"type": "integer", "default": 3},
            "either": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
            "odd": {"type": "integer", "default": 0},
            "other": {"$ref": "#/components/schemas/Elsewhere"},
        },
    }
