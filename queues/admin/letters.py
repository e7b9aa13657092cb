"""Dead letters: what died of what, and giving many of them another life, or none, at once."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse

from accounts import roles
from okmq_site.console.pages import action, draw, page
from queues import broker
from queues.admin.fields import Wrong, moment, whole
from queues.broker import letters, overview
from queues.broker.letters import Answer, Cursor, Preview, Wanted, listing
from queues.broker.overview import QueueEntry
from queues.broker.types import Micros
from queues.fields import to_datetime

PAGE = 50
FILTERS = ("reason", "tag", "text", "younger", "older")
KINDS = ("replay", "purge")
FASTEST = 10_000
"""Messages a second that a replay may be held to."""


@dataclass(frozen=True)
class Order:
    """What somebody is about to do."""

    kind: str
    wanted: Wanted
    ids: list[str]
    to: str
    keep_attempts: bool
    per_second: float | None


@page()
def letter_groups(request: HttpRequest) -> HttpResponse:
    found, jobs = letters.groups(None), letters.list_jobs(None)
    owners = {group.account_id for group in found.groups} | {job.account_id for job in jobs}
    accounts = overview.accounts(owners)
    return draw(
        request,
        "console/letters.html",
        "Dead letters",
        rows=[(group, accounts.get(group.account_id, "")) for group in found.groups],
        complete=found.complete,
        counted=listing.COUNTED,
        most_queues=listing.MOST_QUEUES,
        jobs=[(job, accounts.get(job.account_id, "")) for job in jobs],
    )


@page()
def letter_list(request: HttpRequest, queue_id: int) -> HttpResponse:
    queue = overview.find_queue(queue_id)
    problem, found = "", None
    cursor = whole(request.GET.get("before"))
    try:
        found = letters.find(
            queue.account_id,
            queue.name,
            wanted(request.GET),
            cursor=None if cursor is None else Cursor(queue_id, cursor),
            limit=PAGE,
        )
    except Wrong as error:
        problem = str(error)
    asked = {name: request.GET.get(name, "") for name in FILTERS}
    following = found.next if found is not None else None
    kept = {name: value for name, value in asked.items() if value}
    return draw(
        request,
        "console/letter_list.html",
        f"Dead letters of {queue.name}",
        queue=queue,
        asked=asked,
        filtered=bool(kept),
        reasons=[group.reason for group in letters.groups(queue.account_id, queue.name).groups],
        problem=problem,
        found=found,
        next="?" + urlencode(kept | {"before": following.offset}) if following else "",
    )


def wanted(asked: QueryDict) -> Wanted:
    """What the form asks for. Raises Wrong."""
    return Wanted(
        reason=asked.get("reason", ""),
        tag=asked.get("tag", ""),
        text=asked.get("text", ""),
        died_after=moment(asked.get("younger", "")),
        died_before=moment(asked.get("older", "")),
    )


def described(wanted: Wanted) -> str:
    """Which letters are meant, in words."""
    if wanted.ids is not None:
        count = len(wanted.ids)
        return f"The {count:,} selected." if count > 1 else "The selected one."
    told = [f"{name}: {value}" for name in ("reason", "tag", "text") if (value := getattr(wanted, name))]
    if wanted.died_after is not None:
        told.append(f"died after {_minute(wanted.died_after)}")
    if wanted.died_before is not None:
        told.append(f"died before {_minute(wanted.died_before)}")
    return "; ".join(told) + "." if told else "All dead letters of the queue."


def _minute(at: Micros) -> str:
    return f"{to_datetime(at):%Y-%m-%d %H:%M} UTC"


@page(roles.OPERATE)
def letter_preview(request: HttpRequest, queue_id: int) -> HttpResponse:
    """How many and which, before anything is done. Changes nothing."""
    queue = overview.find_queue(queue_id)
    back = _to_list(request, queue_id)
    try:
        order = _order(request.POST)
    except Wrong as error:
        messages.error(request, f"{error}.")
        return back
    if order is None:
        messages.error(request, "Select some messages first.")
        return back
    return _confirm(request, queue, order)


def _to_list(request: HttpRequest, queue_id: int) -> HttpResponse:
    """As it was filtered."""
    kept = {name: value for name in FILTERS if (value := request.POST.get(name, ""))}
    path = reverse("admin:console_letter_list", args=[queue_id])
    return HttpResponseRedirect(f"{path}?{urlencode(kept)}" if kept else path)


def _confirm(
    request: HttpRequest, queue: QueueEntry, order: Order, *, was: int | None = None
) -> HttpResponse:
    seen = letters.preview(queue.account_id, queue.name, order.wanted)
    return draw(
        request,
        "console/letter_confirm.html",
        f"{order.kind.capitalize()} dead letters of {queue.name}",
        queue=queue,
        order=order,
        seen=seen,
        was=was,
        which=described(order.wanted),
        asked={name: request.POST.get(name, "") for name in FILTERS},
        queues=[one.name for one in broker.list_queues(queue.account_id)],
    )


@action(roles.OPERATE, "console_letter_list", "queue_id")
def letter_order(request: HttpRequest, queue_id: int) -> HttpResponse:
    """Done as it was confirmed: when the number is another one by now, it is shown again."""
    queue = overview.find_queue(queue_id)
    back = _to_list(request, queue_id)
    try:
        order = _order(request.POST)
    except Wrong as error:
        messages.error(request, f"{error}.")
        return back
    confirmed = whole(request.POST.get("confirmed"))
    if order is None or confirmed is None:
        return back
    if not _is_still(letters.preview(queue.account_id, queue.name, order.wanted), confirmed):
        return _confirm(request, queue, order, was=confirmed)
    return _carry_out(request, queue, order, confirmed)


def _is_still(seen: Preview, confirmed: int) -> bool:
    return seen.count == confirmed


def _carry_out(request: HttpRequest, queue: QueueEntry, order: Order, confirmed: int) -> HttpResponse:
    if order.kind == "replay":
        answer = letters.replay(
            queue.account_id,
            queue.name,
            order.wanted,
            to=order.to,
            keep_attempts=order.keep_attempts,
            per_second=order.per_second,
        )
    else:
        answer = letters.purge(queue.account_id, queue.name, order.wanted, per_second=order.per_second)
    if answer.job is not None:
        return HttpResponseRedirect(reverse("admin:console_job", args=[answer.job.id]))
    tell = messages.success if answer.done == confirmed else messages.warning
    tell(request, _told(order, answer, confirmed - answer.done - answer.skipped))
    return HttpResponseRedirect(reverse("admin:console_letter_list", args=[queue.id]))


def _told(order: Order, answer: Answer, left: int) -> str:
    """What was done, and what was not and why."""
    count = "1 dead letter" if answer.done == 1 else f"{answer.done:,} dead letters"
    told = f"{count} {'replayed' if order.kind == 'replay' else 'purged'}."
    if answer.skipped:
        told += f" Left, since the queue they came from is gone: {answer.skipped:,}."
    if left > 0:
        told += f" Left, since somebody holds them at this moment or they are gone: {left:,}."
    return told


def _order(asked: QueryDict) -> Order | None:
    """None: nothing was selected. Raises Wrong."""
    kind, ids = asked.get("kind", ""), asked.getlist("id")
    if kind not in KINDS:
        raise Wrong("choose to replay or to purge")
    if asked.get("which") == "selected" and not ids:
        return None
    return Order(
        kind=kind,
        wanted=Wanted(ids=tuple(ids)) if ids else wanted(asked),
        ids=ids,
        to=asked.get("to", ""),
        keep_attempts=asked.get("keep_attempts") == "on",
        per_second=_rate(asked.get("per_second", "")),
    )


def _rate(text: str) -> float | None:
    if not text.strip():
        return None
    try:
        rate = float(text)
    except ValueError:
        rate = 0
    if not 0 < rate <= FASTEST:
        raise Wrong(f"the rate is a number of messages a second, {FASTEST:,} at the most")
    return rate
