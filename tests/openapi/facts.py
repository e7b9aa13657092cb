"""An OpenAPI document as a flat table of what it promises, so that two can be compared line by line.

Prose, names of components, order and the like are not in it: no client sees them on the wire.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

METHODS = ("get", "post", "put", "patch", "delete")
KEYWORDS = (
    "type",
    "format",
    "enum",
    "default",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "uniqueItems",
    "additionalProperties",
    "anyOf",
    "oneOf",
    "allOf",
)
Fact = tuple[str, Any]


def facts_of(document: dict[str, Any]) -> dict[str, Any]:
    """For example ``"POST /queues body .name maxLength": 50``."""
    facts = list(_Reader(document).all())
    table = dict(facts)
    assert len(table) == len(facts)
    return table


class _Reader:
    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document

    def all(self) -> Iterator[Fact]:
        for name, scheme in self.document["components"]["securitySchemes"].items():
            yield f"security {name}", scheme
        for path, item in self.document["paths"].items():
            for method in METHODS:
                if method in item:
                    shared = item.get("parameters", [])
                    yield from self.operation(f"{method.upper()} {path}", item[method], shared)

    def operation(self, name: str, operation: dict[str, Any], shared: list[Any]) -> Iterator[Fact]:
        yield f"{name} security", operation.get("security", self.document.get("security", []))
        for parameter in map(self.resolved, [*shared, *operation.get("parameters", [])]):
            label = f"{name} {parameter['in']} {parameter['name']}"
            yield f"{label} required", parameter.get("required", False)
            yield from self.schema(label, parameter["schema"])
        if body := operation.get("requestBody"):
            yield f"{name} body required", body.get("required", False)
            yield from self.content(f"{name} body", body)
        for status, answer in operation["responses"].items():
            yield f"{name} {status}", True
            yield from self.content(f"{name} {status}", self.resolved(answer))

    def content(self, name: str, holder: dict[str, Any]) -> Iterator[Fact]:
        for media_type, content in holder.get("content", {}).items():
            yield f"{name} {media_type}", True
            yield from self.schema(f"{name} ", content["schema"])

    def schema(self, name: str, schema: dict[str, Any]) -> Iterator[Fact]:
        schema = self.resolved(schema)
        for keyword in KEYWORDS:
            if keyword in schema:
                value = schema[keyword]
                yield f"{name} {keyword}", sorted(value) if keyword == "enum" else value
        for field, value in schema.get("properties", {}).items():
            yield f"{name}.{field} required", field in schema.get("required", ())
            yield from self.schema(f"{name}.{field}", value)
        if "items" in schema:
            yield from self.schema(f"{name}[]", schema["items"])

    def resolved(self, part: dict[str, Any]) -> dict[str, Any]:
        """What a reference to ``#/components/<kind>/<name>`` stands for."""
        while "$ref" in part:
            kind, name = part["$ref"].split("/")[-2:]
            part = self.document["components"][kind][name]
        return part
