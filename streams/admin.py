"""The operator's pages for streams: to be looked at only. Streams are changed through the API."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from okmq_site.console.model_pages import OwnPages
from okmq_site.console.pages import draw, page
from okmq_site.console.tags import ago, duration, number, size
from queues.admin.fields import whole
from streams import log
from streams.models import Stream

PAGE = 50
PREVIEW = 2_000
"""Characters of a body that the page shows."""


def behind(next_offset: int, committed: int, stored: int) -> int:
    """Messages that the consumer has not committed: no more than there are, since some may have expired."""
    return min(next_offset - 1 - committed, stored)


@admin.register(Stream)
class StreamAdmin(OwnPages[Stream]):
    list_display = ("name", "account", "messages", "stored", "committed_to", "lag", "life", "made")
    list_filter = ("auto_delete",)
    list_select_related = ("account",)
    list_per_page = 50
    show_full_result_count = False
    search_fields = ("name", "account__email")
    ordering = ("-id",)

    @admin.display(description="messages", ordering="message_count")
    def messages(self, stream: Stream) -> str:
        return number(stream.message_count)

    @admin.display(description="bodies", ordering="bytes")
    def stored(self, stream: Stream) -> str:
        return size(stream.bytes)

    @admin.display(description="committed", ordering="committed")
    def committed_to(self, stream: Stream) -> str:
        return number(stream.committed)

    @admin.display(description="lag")
    def lag(self, stream: Stream) -> str:
        return number(behind(stream.next_offset, stream.committed, stream.message_count))

    @admin.display(description="kept")
    def life(self, stream: Stream) -> str:
        return duration(stream.ttl_seconds or None)

    @admin.display(description="made", ordering="id")
    def made(self, stream: Stream) -> str:
        return ago(stream.created_at)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Stream]:
        return super().get_queryset(request).filter(deleted_at=None)

    def show(self, request: HttpRequest, row: Stream) -> HttpResponse:
        return stream_page(request, stream=row)


@page()
def stream_page(request: HttpRequest, stream: Stream) -> HttpResponse:
    """One stream: where its consumer is, and its messages from any offset on."""
    info = log.get_stream(stream.account_id, stream.name)
    asked = whole(request.GET.get("from"))
    start = max(asked if asked is not None else info.committed + 1, 1)
    entries = log.read(stream.account_id, stream.name, after=start - 1, limit=PAGE)
    last = entries[-1].offset if entries else start - 1
    return draw(
        request,
        "console/stream.html",
        stream.name,
        stream=stream,
        info=info,
        lag=behind(info.next_offset, info.committed, info.message_count),
        start=start,
        entries=entries,
        preview=PREVIEW,
        next=last + 1 if last + 1 < info.next_offset and entries else None,
        previous=max(start - PAGE, 1) if start > 1 else None,
    )
