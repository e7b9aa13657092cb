"""Large replays and purges, which a worker does in chunks: how far they are."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from accounts import roles
from okmq_site.console.pages import action, draw, page
from queues.broker import letters

REFRESH_SECONDS = 2


@page()
def job_page(request: HttpRequest, job_id: int) -> HttpResponse:
    context = _context(job_id)
    job = context["job"]
    return draw(request, "console/job.html", f"{job.kind.capitalize()} {job.id}", **context)


@page()
def figures(request: HttpRequest, job_id: int) -> HttpResponse:
    return render(request, "console/_job.html", _context(job_id))


def _context(job_id: int) -> dict[str, Any]:
    return {"job": letters.get_job(job_id), "refresh_seconds": REFRESH_SECONDS}


@action(roles.OPERATE)
def cancel(request: HttpRequest, job_id: int) -> HttpResponse:
    letters.cancel_job(job_id)
    messages.success(request, "It stops after the chunk it is at; what is done stays done.")
    return HttpResponseRedirect(reverse("admin:console_job", args=[job_id]))
