"""One queue: what it is, how it is doing, what can be done with it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from okmq_site.console.pages import draw, page
from queues import broker
from queues.admin import history
from queues.admin.dashboard import REFRESH_SECONDS, dead_in, moved_to
from queues.admin.destinations import health
from queues.admin.sentences import fate_sentences, settings_sentence
from queues.broker import letters, overview, search
from queues.broker.overview import QueueEntry
from queues.push.overview import all_destinations

PEEKED = 10
LETTERS = 2_000
"""Of a queue, the newest, that are grouped by reason."""


@page()
def queue_page(request: HttpRequest, queue_id: int) -> HttpResponse:
    queue = overview.find_queue(queue_id)
    info = broker.get_queue(queue.account_id, queue.name)
    return draw(
        request,
        "console/queue.html",
        queue.name,
        queue=queue,
        info=info,
        sentence=settings_sentence(info.settings),
        fates=fate_sentences(info.settings),
        destinations=[(one, health(one)) for one in all_destinations(queue_id=queue_id)],
        **_figures(request, queue),
    )


@page()
def figures(request: HttpRequest, queue_id: int) -> HttpResponse:
    """The part of the page that changes."""
    queue = overview.find_queue(queue_id)
    return render(request, "console/_queue.html", {"queue": queue, **_figures(request, queue)})


def _figures(request: HttpRequest, queue: QueueEntry) -> dict[str, Any]:
    shown = history.chosen(request)
    taken, graves = overview.figures(queue.id), letters.dead_letter_queues([queue.id])
    return {
        "figures": taken,
        "dead": dead_in(taken, graves),
        "moved": moved_to(taken, graves),
        "deaths": letters.groups(queue.account_id, queue.name, most=LETTERS),
        "deaths_of": LETTERS,
        "first": search.first_in_line(queue.id, PEEKED),
        "charts": history.of_queue(queue.account_id, queue.name, shown),
        "range": shown,
        "ranges": list(history.RANGES),
        "refresh_seconds": REFRESH_SECONDS,
    }
