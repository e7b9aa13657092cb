"""Looking through the messages of a queue, and for one message in all of them."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse

from okmq_site.console.pages import draw, page
from queues.admin.fields import Wrong, moment, whole
from queues.broker import contents, overview, search
from queues.broker.search import Found, Wanted
from queues.broker.types import State

PAGE = 50
QUEUES_OFFERED = 500
"""The oldest; others are looked through from their own pages."""
WORDS = {
    State.PENDING: "pending: ready",
    State.PROCESSING: "processing: in flight",
    State.FAILED: "failed: dead",
}
"""States whose figures have another name on the other pages."""
FIELDS = ("state", "tag", "key", "attempts", "older", "younger", "text", "path", "value")


@page()
def messages(request: HttpRequest) -> HttpResponse:
    asked = request.GET
    public_id = asked.get("id", "").strip()
    queue_id = whole(asked.get("queue"))
    hits = search.find_id(public_id) if public_id else []
    if len(hits) == 1:
        return HttpResponseRedirect(reverse("admin:console_message", args=hits[0]))
    problem, found = "", None
    if queue_id is not None and not public_id:
        try:
            found = search.search(queue_id, wanted(asked), before=whole(asked.get("before")), limit=PAGE)
        except Wrong as error:
            problem = str(error)
    places = overview.find_queues({in_queue for in_queue, _ in hits})
    queue = overview.find_queue(queue_id) if queue_id is not None else None
    offered = overview.list_queues(limit=QUEUES_OFFERED)
    return draw(
        request,
        "console/messages.html",
        "Messages",
        queues=offered if queue is None or queue.id in {one.id for one in offered} else [queue, *offered],
        more_queues=len(offered) == QUEUES_OFFERED,
        queue=queue,
        asked={name: asked.get(name, "") for name in ("id", *FIELDS)},
        filtered=any(asked.get(name) for name in FIELDS),
        states=[(state.value, WORDS.get(state, state.value)) for state in State],
        hits=[(places[in_queue], offset) for in_queue, offset in hits if in_queue in places],
        found=found,
        problem=problem,
        next=_next(asked, found),
    )


def wanted(asked: QueryDict) -> Wanted:
    """What the form asks for. Raises Wrong."""
    state, attempts = asked.get("state", ""), asked.get("attempts", "")
    if state and state not in set(State):
        raise Wrong(f'"{state}" is no state')
    if attempts and whole(attempts) is None:
        raise Wrong("attempts is a whole number")
    path, value = asked.get("path", "").strip(), asked.get("value", "")
    if bool(path) != bool(value):
        raise Wrong("a JSON path needs a value, and a value a path")
    try:
        steps = contents.parse_path(path) if path else None
    except ValueError as error:
        raise Wrong(str(error)) from None
    return Wanted(
        state=State(state) if state else None,
        tag=asked.get("tag", ""),
        partition_key=asked.get("key", ""),
        published_before=moment(asked.get("older", "")),
        published_after=moment(asked.get("younger", "")),
        attempts=whole(attempts) or 0,
        text=asked.get("text", ""),
        path=steps,
        value=value,
    )


def _next(asked: QueryDict, found: Found | None) -> str:
    """The address of what follows; empty when nothing does."""
    if found is None or found.next is None:
        return ""
    kept = {name: asked[name] for name in ("queue", *FIELDS) if asked.get(name)}
    return "?" + urlencode(kept | {"before": found.next})
