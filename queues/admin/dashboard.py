"""The first page: is anything stuck, where, and since when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from okmq_site.console.pages import draw, page
from queues.admin import history
from queues.broker import beats, overview
from queues.broker.census import QueueFigures
from queues.broker.errors import QueueNotFound
from queues.broker.housekeeping import own_name
from queues.broker.overview import Overview
from queues.broker.wakes import HUB
from queues.push.overview import count_failing

SHOWN = 50
"""Queues in the table, the most troubled ones."""
SPARKS = 20
"""Of these, the first that have a line of their last hour."""
REFRESH_SECONDS = 5


@dataclass(frozen=True)
class Totals:
    """Over all queues that were looked at."""

    ready: int
    in_flight: int
    scheduled: int
    dead: int
    oldest: QueueFigures | None


@page()
def dashboard(request: HttpRequest) -> HttpResponse:
    return draw(request, "console/dashboard.html", "Dashboard", **_context(request))


@page()
def figures(request: HttpRequest) -> HttpResponse:
    """The part of the page that changes; the page asks for it every few seconds."""
    return render(request, "console/_dashboard.html", _context(request))


def _context(request: HttpRequest) -> dict[str, Any]:
    taken = overview.take()
    troubled = by_trouble(taken)[:SHOWN]
    workers = beats.workers()
    shown = history.chosen(request)
    return {
        "rates": history.rates(),
        "charts": history.of_server(shown),
        "range": shown,
        "ranges": list(history.RANGES),
        "alive": [worker for worker in workers if not worker.late],
        "late": [worker for worker in workers if worker.late],
        "last_beat": max((worker.beat_at for worker in workers), default=None),
        "overview": taken,
        "totals": total(taken.queues),
        "receivers": beats.receivers(own_name(), HUB.parked),
        "failing": count_failing(),
        "rows": [
            (queue, taken.accounts.get(queue.account_id, ""), _spark(queue) if number < SPARKS else "")
            for number, queue in enumerate(troubled)
        ],
        "more": max(taken.count - SHOWN, 0),
        "refresh_seconds": REFRESH_SECONDS,
    }


def _spark(queue: QueueFigures) -> str:
    try:
        return history.spark(queue.account_id, queue.name)
    except QueueNotFound:
        return ""  # deleted a moment ago


def total(queues: list[QueueFigures]) -> Totals:
    waiting = [queue for queue in queues if queue.oldest_ready_seconds]
    return Totals(
        ready=sum(queue.pending for queue in queues),
        in_flight=sum(queue.processing for queue in queues),
        scheduled=sum(queue.scheduled for queue in queues),
        dead=sum(queue.failed for queue in queues),
        oldest=max(waiting, key=lambda queue: queue.oldest_ready_seconds, default=None),
    )


def by_trouble(taken: Overview) -> list[QueueFigures]:
    """Dead messages first, then what waits longest, then what is most."""
    return sorted(
        taken.queues,
        key=lambda queue: (queue.failed, queue.oldest_ready_seconds, queue.pending, -queue.id),
        reverse=True,
    )
