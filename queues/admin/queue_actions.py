"""The buttons of a queue's page."""

from __future__ import annotations

import json

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from accounts import roles
from okmq_site.console.pages import action
from queues import broker
from queues.admin.fields import whole
from queues.broker import by_hand, clock, names, overview
from queues.broker.types import Encoding, NewMessage

LONGEST_BODY = 1_000_000
"""Characters of a message that is published by hand."""


@action(roles.OPERATE, "console_queue", "queue_id")
def pause(request: HttpRequest, queue_id: int) -> HttpResponse:
    queue = overview.find_queue(queue_id)
    broker.pause_queue(queue.account_id, queue.name)
    messages.success(
        request, f"{queue.name} is paused: nothing is handed out until you resume it. Publishing goes on."
    )
    return _to_queue(queue_id)


@action(roles.OPERATE, "console_queue", "queue_id")
def resume(request: HttpRequest, queue_id: int) -> HttpResponse:
    queue = overview.find_queue(queue_id)
    broker.resume_queue(queue.account_id, queue.name)
    messages.success(request, f"{queue.name} hands out messages again.")
    return _to_queue(queue_id)


@action(roles.OPERATE, "console_queue", "queue_id")
def publish(request: HttpRequest, queue_id: int) -> HttpResponse:
    """A message by hand: JSON if it is JSON, text otherwise."""
    queue = overview.find_queue(queue_id)
    body, tag = request.POST.get("body", ""), request.POST.get("tag", "").strip()
    delay = whole(request.POST.get("delay") or "0", most=31_536_000)
    if problem := _problem(body, tag, delay):
        messages.error(request, problem)
        return _to_queue(queue_id)
    made = NewMessage(
        body=body,
        size=len(body.encode()),
        encoding=Encoding.JSON if _is_json(body) else Encoding.TEXT,
        tag=tag,
        deliver_at=clock.now() + delay * clock.SECOND if delay else None,
    )
    published = by_hand.publish(queue.account_id, queue.name, made)
    messages.success(request, f"Published message {published.public_id} at offset {published.offset}.")
    return HttpResponseRedirect(reverse("admin:console_message", args=[queue_id, published.offset]))


def _problem(body: str, tag: str, delay: int | None) -> str:
    if not names.storable(body) or not names.storable(tag):
        return "Body and tag must not contain NUL characters."
    if len(body) > LONGEST_BODY:
        return f"The body may have {LONGEST_BODY:,} characters."
    if len(tag) > 256:
        return "The tag may have 256 characters."
    return "The delay is a number of seconds, a year at the most." if delay is None else ""


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _to_queue(queue_id: int) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:console_queue", args=[queue_id]))
