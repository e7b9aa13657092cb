"""Where messages are pushed to: is it well, what came back, and the buttons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from accounts import roles
from okmq_site.console.pages import action, draw, page
from okmq_site.console.tags import duration
from queues.admin.fields import whole
from queues.admin.message import shown
from queues.broker import clock, overview
from queues.broker.types import Encoding
from queues.push import destinations as push
from queues.push import testing
from queues.push.overview import all_destinations, find_destination, waiting
from queues.push.types import OVER_HTTP, DestinationInfo, Status

PAGE = 100
ATTEMPTS = 50
REFRESH_SECONDS = 5


@dataclass(frozen=True)
class Health:
    """In one word and a sentence; ``level`` for its colour."""

    word: str
    level: str
    text: str


def health(destination: DestinationInfo) -> Health:
    if not destination.enabled:
        if destination.disabled_reason:
            return Health("disabled", "bad", f"The server disabled it: {destination.disabled_reason}.")
        return Health("disabled", "warn", "It gets nothing until it is enabled.")
    failures = f"{destination.failures_in_row} failures in a row"
    if destination.parked_at is not None:
        probe = "" if destination.probe_at is None else f", next in {_until(destination.probe_at)}"
        return Health("parked", "bad", f"{failures}: it is only probed{probe}.")
    if destination.failures_in_row:
        return Health("failing", "bad", f"{failures}: {destination.last_failure_error}")
    if destination.last_success_at is None:
        return Health("unused", "", "Nothing was sent to it yet.")
    return Health("healthy", "good", "The last attempt succeeded.")


def _until(at: int) -> str:
    return duration(max((at - clock.now()) / clock.SECOND, 0))


@page()
def destination_list(request: HttpRequest) -> HttpResponse:
    failing = request.GET.get("failing") == "1"
    found = all_destinations(after=whole(request.GET.get("after")) or 0, limit=PAGE + 1, failing=failing)
    queues = overview.find_queues({one.queue_id for one in found})
    return draw(
        request,
        "console/destinations.html",
        "Destinations",
        rows=[
            (one, health(one), queues[one.queue_id].account if one.queue_id in queues else "")
            for one in found[:PAGE]
        ],
        failing=failing,
        next=found[PAGE - 1].id if len(found) > PAGE else None,
    )


@page()
def destination(request: HttpRequest, public_id: str) -> HttpResponse:
    return _draw(request, public_id)


@page()
def figures(request: HttpRequest, public_id: str) -> HttpResponse:
    """The part of the page that changes."""
    return render(request, "console/_destination.html", _figures(request, public_id))


def _draw(request: HttpRequest, public_id: str, new_secret: str | None = None) -> HttpResponse:
    context = _figures(request, public_id)
    found = context["destination"]
    return draw(
        request,
        "console/destination.html",
        found.name,
        queue=overview.find_queue(found.queue_id),
        calling=calling(found),
        signed=bool(found.config.get("signing", {}).get("enabled")),
        new_secret=new_secret,
        overlap=found.old_secret_until is not None and found.old_secret_until > clock.now(),
        **context,
    )


def _figures(request: HttpRequest, public_id: str) -> dict[str, Any]:
    account_id, found = find_destination(public_id)
    status = request.GET.get("status", "")
    wanted = Status(status) if status in set(Status) else None
    return {
        "destination": found,
        "health": health(found),
        "waiting": waiting(found.id),
        "attempts": push.deliveries(account_id, found.queue, public_id, status=wanted, limit=ATTEMPTS),
        "chosen": status,
        "statuses": [one.value for one in Status],
        "may_operate": roles.may(request, roles.OPERATE),
        "refresh_seconds": REFRESH_SECONDS,
    }


def calling(destination: DestinationInfo) -> list[tuple[str, str]]:
    """How it is called and tried again, in words; of headers the names alone."""
    config = destination.config
    if destination.kind not in OVER_HTTP:
        return []
    policy = config["retry_policy"]
    tries, first, longest = policy["max_attempts"], policy["initial_backoff_ms"], policy["max_backoff_ms"]
    waits = f", {duration(first / 1000)} to {duration(longest / 1000)} apart" if tries > 1 else ""
    signed = "yes" if config.get("signing", {}).get("enabled") else "no"
    return [
        ("Request", f"{config['method']}, at most {duration(config['timeout_ms'] / 1000)}"),
        ("Attempts", f"{tries} at the most{waits}"),
        ("Signed", signed),
        ("Headers", ", ".join(config.get("headers", {})) or "none of its own"),
    ]


@page()
def attempt(request: HttpRequest, public_id: str, log_id: int) -> HttpResponse:
    account_id, found = find_destination(public_id)
    entry = push.delivery(account_id, found.queue, public_id, log_id)
    stored = entry.body is not None and entry.encoding is not None
    return draw(
        request,
        "console/attempt.html",
        f"Attempt {log_id}",
        destination=found,
        attempt=entry,
        body=shown(entry.body or "", entry.encoding or Encoding.JSON) if stored else None,
    )


@action(roles.OPERATE, "console_destination", "public_id")
def enable(request: HttpRequest, public_id: str) -> HttpResponse:
    return _set_enabled(request, public_id, enabled=True)


@action(roles.OPERATE, "console_destination", "public_id")
def disable(request: HttpRequest, public_id: str) -> HttpResponse:
    return _set_enabled(request, public_id, enabled=False)


def _set_enabled(request: HttpRequest, public_id: str, *, enabled: bool) -> HttpResponse:
    account_id, found = find_destination(public_id)
    push.set_enabled(account_id, found.queue, public_id, enabled)
    told = "gets what is published from now on" if enabled else "gets nothing, and what waited is forgotten"
    messages.success(request, f"{found.name} {told}.")
    return _to(public_id)


@action(roles.ADMINISTER, "console_destination", "public_id")
def rotate(request: HttpRequest, public_id: str) -> HttpResponse:
    """The secret stands in this one answer, and nowhere else."""
    account_id, found = find_destination(public_id)
    changed = push.rotate_secret(account_id, found.queue, public_id)
    return _draw(request, public_id, changed.new_secret)


@action(roles.OPERATE, "console_destination", "public_id")
def send_test(request: HttpRequest, public_id: str) -> HttpResponse:
    """Waits for the answer and shows it."""
    account_id, found = find_destination(public_id)
    entry = testing.send_test(account_id, found.queue, public_id)
    return HttpResponseRedirect(reverse("admin:console_attempt", args=[public_id, entry.id]))


@action(roles.OPERATE, "console_destination", "public_id")
def resend(request: HttpRequest, public_id: str, log_id: int) -> HttpResponse:
    account_id, found = find_destination(public_id)
    push.resend(account_id, found.queue, public_id, log_id=log_id)
    messages.success(request, "It is sent again now, with all attempts before it.")
    return _to(public_id)


def _to(public_id: str) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:console_destination", args=[public_id]))
