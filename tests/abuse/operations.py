"""Every operation of every dialect, out of the documents the server makes of its own routes and types: one
that is added is abused without anybody thinking of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from okmq_site.documents import DOCUMENTS
from queues.api.openapi.generate import generate

DEPTH = 6
"""Of examples: types may contain themselves."""


@dataclass(frozen=True, eq=False)
class Operation:
    """``path`` with its variables in braces. ``query`` and ``headers``: names of those it knows. ``example``:
    a body that fits its type, None if it takes none. ``takes_json``: no other body will do. ``error``: JSON
    Schema of the errors' bodies, None where they are text."""

    dialect: str
    method: str
    path: str
    query: tuple[str, ...]
    headers: tuple[str, ...]
    example: Any
    takes_json: bool
    error_type: str
    error: dict[str, Any] | None

    @property
    def label(self) -> str:
        return f"{self.dialect} {self.method} {self.path}"


def operations() -> list[Operation]:
    return [one for name in DOCUMENTS for one in _of(name)]


def _of(dialect: str) -> Iterator[Operation]:
    document = generate(DOCUMENTS[dialect])
    error_type, error = _error_of(document)
    for path, item in document["paths"].items():
        for method, operation in item.items():
            parameters = operation.get("parameters", [])
            body: dict[str, Any] = operation.get("requestBody", {}).get("content", {})
            media_type = next(iter(body), "")
            yield Operation(
                dialect,
                method.upper(),
                path,
                tuple(one["name"] for one in parameters if one["in"] == "query"),
                tuple(one["name"] for one in parameters if one["in"] == "header"),
                _example(body[media_type].get("schema", {}), document) if body else None,
                media_type == "application/json" and operation["requestBody"].get("required", False),
                error_type,
                error,
            )


def _error_of(document: dict[str, Any]) -> tuple[str, dict[str, Any] | None]:
    """Media type and schema of a dialect's errors: all have the same."""
    for item in document["paths"].values():
        for operation in item.values():
            if content := operation["responses"].get("401", {}).get("content"):
                media_type, said = next(iter(content.items()))
                if media_type != "application/json":
                    return media_type, None
                return media_type, {**said["schema"], "components": document.get("components", {})}
    raise AssertionError("a dialect without errors")


def _example(schema: dict[str, Any], document: dict[str, Any], depth: int = 0) -> Any:
    """Some value of the type."""
    if reference := schema.get("$ref"):
        found: Any = document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
        return _example(found, document, depth)
    for words in ("anyOf", "oneOf", "allOf"):
        if words in schema:
            return _example(schema[words][0], document, depth)
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) else kind
    if depth >= DEPTH:
        return None
    if kind == "object" or "properties" in schema:
        members = schema.get("properties", {})
        return {name: _example(member, document, depth + 1) for name, member in members.items()}
    if kind == "array":
        return [_example(schema.get("items", {}), document, depth + 1)]
    numbers = {"integer": schema.get("minimum", 1), "number": schema.get("minimum", 1.5), "boolean": True}
    return numbers.get(kind or "", "plain")
