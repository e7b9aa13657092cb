"""Who did what, from the console and through the API's destructive calls."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse

from okmq_site.console.pages import draw, page
from queues.admin.fields import Wrong, moment, whole
from queues.broker import audit_log, overview
from queues.broker.audit_log import Entry

PAGE = 50
FIELDS = ("actor", "action", "text", "since")


@page()
def audit_page(request: HttpRequest) -> HttpResponse:
    asked = {name: request.GET.get(name, "").strip() for name in FIELDS}
    problem, entries = "", []
    try:
        since = moment(asked["since"])
        entries = audit_log.entries(
            actor=asked["actor"],
            action=asked["action"],
            text=asked["text"],
            since=since,
            before=_cursor(request.GET.get("before", "")),
            limit=PAGE + 1,
        )
    except Wrong as error:
        problem = str(error)
    accounts = overview.accounts({entry.account_id for entry in entries if entry.account_id is not None})
    return draw(
        request,
        "console/audit.html",
        "Audit log",
        asked=asked,
        filtered=any(asked.values()),
        problem=problem,
        rows=[(one, accounts.get(one.account_id or 0, ""), _details(one)) for one in entries[:PAGE]],
        next=_next(asked, entries),
    )


def _details(entry: Entry) -> list[tuple[str, str]]:
    """Names and values in words: a list is its parts."""
    return [
        (name.replace("_", " "), ", ".join(map(str, value)) if isinstance(value, list) else str(value))
        for name, value in entry.detail.items()
    ]


def _cursor(text: str) -> tuple[int, int] | None:
    at, _, number = text.partition(".")
    before = whole(at), whole(number)
    return None if before[0] is None or before[1] is None else (before[0], before[1])


def _next(asked: dict[str, str], entries: list[Entry]) -> str:
    if len(entries) <= PAGE:
        return ""
    at, number = entries[PAGE - 1].cursor
    kept = {name: value for name, value in asked.items() if value}
    return "?" + urlencode(kept | {"before": f"{at}.{number}"})
