"""All queues, found by their name or account."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from okmq_site.console.pages import draw, page
from queues.admin.dashboard import dead_in
from queues.admin.fields import whole
from queues.broker import letters, overview

PAGE = 100


@page()
def queue_list(request: HttpRequest) -> HttpResponse:
    text = request.GET.get("q", "").strip()[:256]
    found = overview.list_queues(text=text, after=whole(request.GET.get("after")) or 0, limit=PAGE + 1)
    ids = [queue.id for queue in found[:PAGE]]
    figures, graves = overview.figures_of(ids), letters.dead_letter_queues(ids)
    return draw(
        request,
        "console/queues.html",
        "Queues",
        q=text,
        rows=[
            (queue, figures[queue.id], dead_in(figures[queue.id], graves), queue.id in graves)
            for queue in found[:PAGE]
            if queue.id in figures
        ],
        next=found[PAGE - 1].id if len(found) > PAGE else None,
    )
