"""A dead letter's body corrected and published anew; the original stays, and each leads to the other."""

from __future__ import annotations

import json

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from accounts import roles
from okmq_site.console.pages import action, draw, page
from queues.admin.message import SHOWN, indented
from queues.broker import letters, names, overview, search
from queues.broker.types import Encoding


@page(roles.OPERATE)
def edit(request: HttpRequest, queue_id: int, offset: int) -> HttpResponse:
    queue, view = overview.find_queue(queue_id), search.view_at(queue_id, offset)
    if view.encoding is Encoding.BASE64 or len(view.body) > SHOWN:
        messages.error(request, "Only text and JSON of moderate size can be edited here.")
        return HttpResponseRedirect(reverse("admin:console_message", args=[queue_id, offset]))
    text = indented(view.body) if view.encoding is Encoding.JSON else view.body
    return _form(request, queue_id, offset, text, problem="", queue_name=queue.name)


@action(roles.OPERATE)
def replay_edited(request: HttpRequest, queue_id: int, offset: int) -> HttpResponse:
    queue, view = overview.find_queue(queue_id), search.view_at(queue_id, offset)
    text = request.POST.get("body", "").replace("\r\n", "\n")
    if problem := _problem(text, view.encoding):
        return _form(request, queue_id, offset, text, problem=problem, queue_name=queue.name)
    made = letters.replay_edited(
        queue.account_id, queue.name, view.public_id, body=text, encoding=view.encoding
    )
    messages.success(request, f"Published as {made.public_id}. The original stays where it was.")
    return HttpResponseRedirect(reverse("admin:console_message", args=[queue_id, offset]))


def _form(
    request: HttpRequest, queue_id: int, offset: int, text: str, *, problem: str, queue_name: str
) -> HttpResponse:
    title = f"Edit and replay, offset {offset} of {queue_name}"
    return draw(
        request, "console/edit.html", title, queue_id=queue_id, offset=offset, text=text, problem=problem
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
