"""Whose login attempts are counted together, and what is told when there were too many."""

from __future__ import annotations

import ipaddress
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from accounts.wrong_keys import client_address


def address(request: HttpRequest) -> str | None:
    """The client's address, or None where a proxy told something that is none."""
    try:
        return str(ipaddress.ip_address(client_address(request.META)))
    except ValueError:
        return None


def locked_out(request: HttpRequest, credentials: dict[str, Any] | None = None) -> HttpResponse:
    """In the console's own look: without what its site tells, the theme would have no style."""
    from okmq_site.console.pages import draw  # needs the apps, which are not there yet when settings are read

    answer = draw(
        request,
        "console/locked_out.html",
        "Too many wrong passwords",
        status=429,
        failure_limit=settings.AXES_FAILURE_LIMIT,
        username=request.POST.get("username", ""),
    )
    answer.headers["Retry-After"] = str(int(settings.AXES_COOLOFF_TIME.total_seconds()))
    return answer
