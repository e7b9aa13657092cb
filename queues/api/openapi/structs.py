"""Schemas of the types msgspec encodes and decodes: Structs, TypedDicts, lists of them."""

from __future__ import annotations

from typing import Any

import msgspec

from queues.api.openapi.document import Schema

NULL = {"type": "null"}
REF = "#/components/schemas/{name}"


def schema_of(kind: Any) -> tuple[Schema, dict[str, Schema]]:
    """The type's schema, and by name those it refers to."""
    (schema,), components = msgspec.json.schema_components((kind,), ref_template=REF)
    return _plain(schema), {name: _plain(found) for name, found in components.items()}


def _plain(schema: Any) -> Any:
    """Without what says nothing to a client.

    Contracts leave out what has no value, in answers, and take null for it in requests: where a Struct has
    ``X | None = None`` the document says X, not required. Where null is not the default it means something,
    and is told. A ``type`` given by hand stands for all that was found, as a ``$ref`` does.
    """
    if isinstance(schema, list):
        return [_plain(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {name: _part(name, value) for name, value in schema.items() if name != "title"}
    is_absence = "default" in schema and schema["default"] is None
    if schema.get("default") in (None, "", [], {}):
        schema.pop("default", None)
    if "$ref" in schema:
        return {"$ref": schema["$ref"]}
    choices = schema.pop("anyOf", [])
    plain = [choice for choice in choices if choice != NULL]
    if "type" in schema or not choices:
        return schema
    if plain == choices or is_absence:
        return schema | (plain[0] if len(plain) == 1 else {"anyOf": plain})
    if len(plain) == 1 and isinstance(plain[0].get("type"), str):
        return schema | plain[0] | {"type": [plain[0]["type"], "null"]}
    return schema | {"anyOf": choices}


def _part(name: str, value: Any) -> Any:
    """Properties are schemas by name: one called ``title`` stays."""
    if name == "properties":
        return {key: _plain(schema) for key, schema in value.items()}
    return value if name == "default" else _plain(value)
