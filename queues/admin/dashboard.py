"""The first page: is anything stuck, where, and since when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from okmq_site.console.pages import draw, page
from okmq_site.console.tags import short
from queues.admin import history
from queues.broker import beats, letters, overview
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
    """Over all queues that were looked at. ``dead``: letters wherever they lie; ``moved``: those of them in
    dead-letter queues, which wait by nature and are nobody's ``oldest``."""

    ready: int
    in_flight: int
    scheduled: int
    dead: int
    moved: int
    oldest: QueueFigures | None

    @property
    def dead_note(self) -> str:
        return f"{short(self.moved)} in dead-letter queues" if self.moved else "out of attempts"


@dataclass(frozen=True)
class Line:
    """A queue in the table. ``dead``: letters in it; ``grave``: it is a dead-letter queue."""

    figures: QueueFigures
    account: str
    spark: str
    dead: int
    grave: bool


@page()
def dashboard(request: HttpRequest) -> HttpResponse:
    return draw(request, "console/dashboard.html", "Dashboard", **_context(request))


@page()
def figures(request: HttpRequest) -> HttpResponse:
    """The part of the page that changes; the page asks for it every few seconds."""
    return render(request, "console/_dashboard.html", _context(request))


def _context(request: HttpRequest) -> dict[str, Any]:
    taken = overview.take()
    graves = _dead_letter_queues(taken)
    troubled = by_trouble(taken, graves)[:SHOWN]
    workers = beats.workers()
    shown = history.chosen(request)
    return {
        "rates": history.rates() if any(not worker.late for worker in workers) else None,
        "charts": history.of_server(shown),
        "range": shown,
        "ranges": list(history.RANGES),
        "alive": [worker for worker in workers if not worker.late],
        "late": [worker for worker in workers if worker.late],
        "last_beat": max((worker.beat_at for worker in workers), default=None),
        "overview": taken,
        "looked_at": len(taken.queues),
        "totals": total(taken.queues, graves),
        "receivers": beats.receivers(own_name(), HUB.parked),
        "failing": count_failing(),
        "rows": [
            Line(
                queue,
                taken.accounts.get(queue.account_id, ""),
                _spark(queue) if number < SPARKS else "",
                dead_in(queue, graves),
                queue.id in graves,
            )
            for number, queue in enumerate(troubled)
        ],
        "more": max(taken.count - SHOWN, 0),
        "refresh_seconds": REFRESH_SECONDS,
    }


def _dead_letter_queues(taken: Overview) -> set[int]:
    ids = [queue.id for queue in taken.queues]
    return overview.kept.get("dead-letter queues", lambda: letters.dead_letter_queues(ids))


def _spark(queue: QueueFigures) -> str:
    try:
        return history.spark(queue.account_id, queue.name)
    except QueueNotFound:
        return ""  # deleted a moment ago


def moved_to(queue: QueueFigures, graves: set[int]) -> int:
    """Messages that died elsewhere and wait in the queue, if it is one of ``graves``, dead-letter queues."""
    return queue.pending + queue.processing + queue.scheduled if queue.id in graves else 0


def dead_in(queue: QueueFigures, graves: set[int]) -> int:
    """Dead letters in the queue, wherever they died."""
    return queue.failed + moved_to(queue, graves)


def total(queues: list[QueueFigures], graves: set[int]) -> Totals:
    waiting = [queue for queue in queues if queue.oldest_ready_seconds and queue.id not in graves]
    return Totals(
        ready=sum(queue.pending for queue in queues),
        in_flight=sum(queue.processing for queue in queues),
        scheduled=sum(queue.scheduled for queue in queues),
        dead=sum(dead_in(queue, graves) for queue in queues),
        moved=sum(moved_to(queue, graves) for queue in queues),
        oldest=max(waiting, key=lambda queue: queue.oldest_ready_seconds, default=None),
    )


def by_trouble(taken: Overview, graves: set[int]) -> list[QueueFigures]:
    """Dead messages first, then what waits longest, then what is most."""

    def trouble(queue: QueueFigures) -> tuple[float, ...]:
        waited = 0 if queue.id in graves else queue.oldest_ready_seconds
        return dead_in(queue, graves), waited, queue.pending, -queue.id

    return sorted(taken.queues, key=trouble, reverse=True)
