"""One message: what is in it, and what has happened to it."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse

from okmq_site.console.pages import draw, page
from queues.admin.timeline import LIVING, life
from queues.broker import contents, overview, search
from queues.broker.types import Encoding, MessageView, State

SHOWN = 200_000
"""Characters of a body that the page shows; the whole one can be downloaded."""
HEX_SHOWN = 4_096
HEX_WIDTH = 16


@dataclass(frozen=True)
class Shown:
    """A body as the page shows it. ``kind``: JSON, text or binary."""

    kind: str
    text: str
    cut: bool


@page()
def message(request: HttpRequest, queue_id: int, offset: int) -> HttpResponse:
    queue = overview.find_queue(queue_id)
    view = search.view_at(queue_id, offset)
    return draw(
        request,
        "console/message.html",
        view.public_id,
        queue=queue,
        message=view,
        shown=shown(view.body, view.encoding),
        metadata=pretty(view.metadata),
        headers=pretty(view.headers),
        origin=origin_of(view),
        timeline=life(queue.account_id, queue.name, view),
        waits=view.state in LIVING,
        is_letter=bool(view.dead_reason) and view.state is not State.ACKED,
        editable=editable(view),
        commands=commands(request, queue.name, view),
    )


@page()
def body(request: HttpRequest, queue_id: int, offset: int) -> HttpResponse:
    """The bytes that were published, as a file: never shown by the browser, whatever they are."""
    view = search.view_at(queue_id, offset)
    suffix = {Encoding.JSON: "json", Encoding.TEXT: "txt"}.get(view.encoding, "bin")
    return HttpResponse(
        contents.raw(view.body, view.encoding),
        content_type="application/octet-stream",
        headers={"Content-Disposition": f'attachment; filename="{queue_id}-{offset}.{suffix}"'},
    )


def shown(text: str, encoding: Encoding) -> Shown:
    if encoding is Encoding.BASE64:
        data = contents.raw(text, encoding)
        return Shown("binary", hex_dump(data[:HEX_SHOWN]), len(data) > HEX_SHOWN)
    if encoding is Encoding.JSON and len(text) <= SHOWN:
        return Shown("JSON", indented(text), cut=False)
    return Shown("JSON" if encoding is Encoding.JSON else "text", text[:SHOWN], len(text) > SHOWN)


def hex_dump(data: bytes) -> str:
    lines = []
    for start in range(0, len(data), HEX_WIDTH):
        part = data[start : start + HEX_WIDTH]
        letters = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        lines.append(f"{start:08x}  {part.hex(' '):<{HEX_WIDTH * 3 - 1}}  {letters}")
    return "\n".join(lines)


def indented(text: str) -> str:
    """The same JSON over several lines: names in their order, numbers digit for digit as they were sent."""
    try:
        found = json.loads(text, parse_float=_Digits, parse_int=_Digits, object_pairs_hook=_Members)
        return _indent(found)
    except (ValueError, RecursionError):
        return text


class _Digits(str):
    """A number as it was written."""

    __slots__ = ()


class _Members(list[tuple[str, Any]]):
    """An object's members, doubled names too."""


def _indent(value: Any, depth: int = 0) -> str:
    inner, outer = "\n" + "  " * (depth + 1), "\n" + "  " * depth
    if isinstance(value, _Digits):
        return str(value)
    if isinstance(value, _Members):
        parts = [f"{json.dumps(name, ensure_ascii=False)}: {_indent(one, depth + 1)}" for name, one in value]
        return "{" + inner + f",{inner}".join(parts) + outer + "}" if parts else "{}"
    if isinstance(value, list):
        parts = [_indent(one, depth + 1) for one in value]
        return "[" + inner + f",{inner}".join(parts) + outer + "]" if parts else "[]"
    return json.dumps(value, ensure_ascii=False)


def pretty(document: str | None) -> str:
    return indented(document) if document else ""


def editable(view: MessageView) -> bool:
    """Whether a form can show the whole body and give it back."""
    return view.encoding is not Encoding.BASE64 and len(view.body) <= SHOWN


def origin_of(view: MessageView) -> dict[str, Any]:
    """Where the message was made from; empty for one that was published."""
    try:
        found = json.loads(view.origin or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def commands(request: HttpRequest, queue: str, view: MessageView) -> list[tuple[str, str]]:
    """To be pasted into a shell. The key is the reader's own affair."""
    url = request.build_absolute_uri(f"/queues/{quote(queue, safe='')}/messages")
    key = 'curl -H "Authorization: Bearer $OKMQ_KEY"'
    one = f"{url}/{quote(view.public_id, safe='')}"
    found = [("Read it with curl", f"{key} {shlex.quote(one)}")]
    if view.encoding is not Encoding.BASE64:
        body = view.body if view.encoding is Encoding.JSON else json.dumps(view.body, ensure_ascii=False)
        tag = f', "tag": {json.dumps(view.tag, ensure_ascii=False)}' if view.tag else ""
        data = shlex.quote(f'[{{"body": {body}{tag}}}]')
        found.append(("Publish it again with curl", f"{key} {shlex.quote(url)} \\\n  --data-raw {data}"))
    return found
