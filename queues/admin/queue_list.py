"""All queues, found by their name or account."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from okmq_site.console.pages import draw, page
from queues.admin.fields import whole
from queues.broker import overview

PAGE = 100


@page()
def queue_list(request: HttpRequest) -> HttpResponse:
    text = request.GET.get("q", "").strip()[:256]
    found = overview.list_queues(text=text, after=whole(request.GET.get("after")) or 0, limit=PAGE + 1)
    figures = overview.figures_of([queue.id for queue in found[:PAGE]])
    return draw(
        request,
        "console/queues.html",
        "Queues",
        q=text,
        rows=[(queue, figures[queue.id]) for queue in found[:PAGE] if queue.id in figures],
        next=found[PAGE - 1].id if len(found) > PAGE else None,
    )
