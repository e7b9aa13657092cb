"""A dead letter's body corrected and published anew; the original stays, and each leads to the other."""

from __future__ import annotations

import json

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from accounts import roles
from okmq_site.console.pages import action, draw, page, refusal
from queues.admin.message import editable, indented, origin_of
from queues.broker import letters, names, overview, search
from queues.broker.errors import BrokerError
from queues.broker.overview import QueueEntry
from queues.broker.types import Encoding, MessageView


@page(roles.OPERATE)
def edit(request: HttpRequest, queue_id: int, offset: int) -> HttpResponse:
    queue, view = overview.find_queue(queue_id), search.view_at(queue_id, offset)
    if not editable(view):
        messages.error(request, "Only text and JSON of moderate size can be edited here.")
        return HttpResponseRedirect(reverse("admin:console_message", args=[queue_id, offset]))
    text = indented(view.body) if view.encoding is Encoding.JSON else view.body
    return _form(request, queue, view, text)


@action(roles.OPERATE, "console_message", "queue_id", "offset")
def replay_edited(request: HttpRequest, queue_id: int, offset: int) -> HttpResponse:
    """What is refused is told above the form, which keeps what was written."""
    queue, view = overview.find_queue(queue_id), search.view_at(queue_id, offset)
    text = request.POST.get("body", "").replace("\r\n", "\n")
    if problem := _problem(text, view.encoding):
        return _form(request, queue, view, text, problem)
    try:
        made = letters.replay_edited(
            queue.account_id, queue.name, view.public_id, body=text, encoding=view.encoding
        )
    except BrokerError as error:
        return _form(request, queue, view, text, refusal(error))
    messages.success(request, f"Published as {made.public_id}. The original stays where it was.")
    return HttpResponseRedirect(reverse("admin:console_message", args=[queue_id, offset]))


def _form(
    request: HttpRequest, queue: QueueEntry, view: MessageView, text: str, problem: str = ""
) -> HttpResponse:
    return draw(
        request,
        "console/edit.html",
        f"Edit and replay, offset {view.offset} of {queue.name}",
        queue=queue,
        offset=view.offset,
        target=queue.name if view.dead_at is not None else origin_of(view).get("queue", queue.name),
        text=text,
        problem=problem,
    )


def _problem(text: str, encoding: Encoding) -> str:
    if not names.storable(text):
        return "The body must not contain NUL characters."
    if encoding is Encoding.JSON:
        try:
            json.loads(text)
        except (ValueError, RecursionError) as error:
            return f"That is not JSON: {error}."
    return ""
