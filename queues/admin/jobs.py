"""Large replays and purges, which a worker does in chunks: how far they are."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from accounts import roles
from okmq_site.console.pages import action, draw, page
from queues.admin.letters import described
from queues.broker import beats, letters, overview

REFRESH_SECONDS = 2


@page()
def job_page(request: HttpRequest, job_id: int) -> HttpResponse:
    context = _context(request, job_id)
    job = context["job"]
    return draw(request, "console/job.html", f"{job.kind.capitalize()} {job.id}", **context)


@page()
def figures(request: HttpRequest, job_id: int) -> HttpResponse:
    return render(request, "console/_job.html", _context(request, job_id))


def _context(request: HttpRequest, job_id: int) -> dict[str, Any]:
    job = letters.get_job(job_id)
    rest = max(job.expected - job.done, 0) if job.open and job.expected is not None else 0
    return {
        "job": job,
        "account": overview.accounts({job.account_id}).get(job.account_id, ""),
        "which": described(job.wanted),
        "alive": not job.open or any(not worker.late for worker in beats.workers()),
        "left": rest / job.per_second if job.per_second else 0,
        "may_operate": roles.may(request, roles.OPERATE),
        "refresh_seconds": REFRESH_SECONDS,
    }


@action(roles.OPERATE, "console_job", "job_id")
def cancel(request: HttpRequest, job_id: int) -> HttpResponse:
    letters.cancel_job(job_id)
    messages.success(request, "It stops after the chunk it is at; what is done stays done.")
    return HttpResponseRedirect(reverse("admin:console_job", args=[job_id]))
