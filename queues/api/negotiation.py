"""No negotiation: every dialect speaks JSON whatever ``Accept``, ``Content-Type`` or ``?format=`` say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import IO, Any

import msgspec
from django.http import HttpResponse
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from queues.api import strict_json

JSON = "application/json"
_encoder = msgspec.json.Encoder()


class FirstOfEach(BaseContentNegotiation):
    """Takes the view's first parser and first renderer."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        return next(iter(parsers), None)

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, str(renderer.media_type)


class JSONRenderer(BaseRenderer):
    """Encodes with msgspec: Structs, dicts, and ``msgspec.Raw`` byte for byte."""

    media_type = JSON
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        return b"" if data is None else _encoder.encode(data)


class JSONParser(BaseParser):
    """Strict JSON. The stream holds what ``DialectRequest`` has read under our own cap."""

    media_type = JSON

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        return strict_json.decode(stream.read())


def json_response(value: Any, status: int = 200) -> HttpResponse:
    """A finished answer. Cheaper than DRF's ``Response``, which is a template response underneath."""
    return HttpResponse(_encoder.encode(value), status=status, content_type=JSON)


def empty_response(status: int = 204) -> HttpResponse:
    """No body and no content type."""
    response = HttpResponse(status=status, content_type=JSON)
    del response.headers["Content-Type"]
    return response
