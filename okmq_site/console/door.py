"""Addresses that lead to the console."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from okmq_site import errors


def door(request: HttpRequest) -> HttpResponse:
    """``/`` and ``/dashboard``. They are API paths to every other method: the answer is JSON."""
    if request.method in ("GET", "HEAD"):
        return HttpResponseRedirect("/admin/")
    message = f"method {request.method} is not allowed here"
    return errors.response(request.path_info, 405, message, {"Allow": "GET, HEAD"})
