"""From a dialect's ``Document`` to the JSON that is served."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from threading import Lock
from typing import Any, cast

import msgspec
from drf_spectacular.generators import EndpointEnumerator, SchemaGenerator
from drf_spectacular.settings import patched_settings

from queues.api.openapi.document import Document, Schema

_one_at_a_time = Lock()
"""drf-spectacular's settings are the process's, and each document has its own."""


class _Endpoints(EndpointEnumerator):
    def get_api_endpoints(self, patterns: Any = None, prefix: str = "") -> list[Any]:
        """Without the routes' second forms, which end with a slash."""
        endpoints = super().get_api_endpoints(patterns, prefix)  # type: ignore[no-untyped-call]
        return [endpoint for endpoint in endpoints if not endpoint[0].endswith("/")]


class _Generator(SchemaGenerator):
    endpoint_inspector_cls = _Endpoints


def generate(document: Document) -> Schema:
    """The OpenAPI document as a JSON object."""
    settings = {
        "TITLE": document.title,
        "DESCRIPTION": document.description,
        "VERSION": document.version,
        # Relative to where the document was fetched: this server, whatever name it has.
        "SERVERS": [{"url": "/"}],
    }
    patterns = import_module(document.urlconf).urlpatterns
    with _one_at_a_time, patched_settings(settings):
        return cast("Schema", _Generator(patterns=patterns).get_schema(public=True))  # type: ignore[no-untyped-call]


@cache
def document_json(document: Document) -> bytes:
    """The text that is served; made once in a process, since the code is all it depends on."""
    return msgspec.json.format(msgspec.json.encode(generate(document)), indent=1)
