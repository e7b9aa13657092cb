"""Tasks: how far they are, what went wrong, and trying or stopping them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from accounts import roles
from okmq_site.console.pages import action, draw, page
from queues.admin.fields import whole
from queues.admin.message import pretty
from queues.broker import overview, search
from queues.broker.clock import SECOND
from queues.broker.search import Wanted
from queues.broker.types import State
from queues.tasks import tasks
from queues.tasks.overview import find_task, task_queues, tasks_at
from queues.tasks.progress import milliseconds
from queues.tasks.types import TaskState, state_of

PAGE = 50
ENTRIES = 100
REFRESH_SECONDS = 2
WORDS = {
    State.PENDING: "pending",
    State.PROCESSING: "active",
    State.SCHEDULED: "scheduled or to be retried",
    State.FAILED: "archived",
    State.ACKED: "completed",
}


@page()
def task_list(request: HttpRequest) -> HttpResponse:
    """The newest tasks of one queue."""
    return draw(request, "console/tasks.html", "Tasks", **_listed(request))


@page()
def list_figures(request: HttpRequest) -> HttpResponse:
    return render(request, "console/_tasks.html", _listed(request))


def _listed(request: HttpRequest) -> dict[str, Any]:
    queues = task_queues()
    chosen = whole(request.GET.get("queue")) or (queues[0].id if queues else None)
    queue = next((one for one in queues if one.id == chosen), None)
    state = request.GET.get("state", "")
    rows: list[tuple[Any, Any, TaskState]] = []
    following = ""
    if queue is not None:
        wanted = Wanted(state=State(state) if state in set(State) else None)
        found = search.search(queue.id, wanted, before=whole(request.GET.get("before")), limit=PAGE)
        known = tasks_at(queue.id, [line.offset for line in found.lines])
        rows = [
            (known[line.offset], line, state_of(line.state, line.attempts))
            for line in found.lines
            if line.offset in known
        ]
        if found.next is not None:
            kept = {"queue": queue.id, "state": state, "before": found.next}
            following = "?" + urlencode({name: value for name, value in kept.items() if value})
    return {
        "queues": queues,
        "queue": queue,
        "rows": rows,
        "state": state,
        "states": WORDS.items(),
        "next": following,
        "query": request.GET.urlencode(),
        "refresh_seconds": REFRESH_SECONDS,
    }


@page()
def task_page(request: HttpRequest, task_id: str) -> HttpResponse:
    context = _context(request, task_id)
    task = context["task"]
    queue = overview.find_queue(task.row.queue_id)
    return draw(
        request, "console/task.html", task_id, queue=queue, payload=pretty(task.message.body), **context
    )


@page()
def figures(request: HttpRequest, task_id: str) -> HttpResponse:
    return render(request, "console/_task.html", _context(request, task_id))


def _context(request: HttpRequest, task_id: str) -> dict[str, Any]:
    found = find_task(task_id)
    task = tasks.get(found.row.account_id, task_id)
    entries = tasks.history(found.row.account_id, task_id)[-ENTRIES:]
    ended = task.state in (TaskState.COMPLETED, TaskState.ARCHIVED)
    return {
        "task": task,
        "entries": [(milliseconds(entry.position) * (SECOND // 1000), entry) for entry in reversed(entries)],
        "timeout": task.row.timeout / SECOND,
        "result": pretty(task.row.result),
        "may_run": task.state in (TaskState.SCHEDULED, TaskState.RETRY, TaskState.ARCHIVED),
        "may_cancel": not ended,
        "may_operate": roles.may(request, roles.OPERATE),
        "refresh_seconds": REFRESH_SECONDS,
    }


@action(roles.OPERATE, "console_task", "task_id")
def run(request: HttpRequest, task_id: str) -> HttpResponse:
    tasks.run(find_task(task_id).row.account_id, task_id)
    messages.success(request, "It is pending now; the next worker of its type takes it.")
    return _to(task_id)


@action(roles.OPERATE, "console_task", "task_id")
def cancel(request: HttpRequest, task_id: str) -> HttpResponse:
    tasks.cancel(find_task(task_id).row.account_id, task_id)
    messages.success(request, "It is cancelled: whoever works on it is told at the next report.")
    return _to(task_id)


def _to(task_id: str) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:console_task", args=[task_id]))
