"""``/metrics``: for those who show the metrics' own secret. API keys do not open it."""

from __future__ import annotations

import hmac

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse

from accounts.authentication import key_in_header
from accounts.wrong_keys import seconds_to_wait
from okmq_site import errors


def metrics(request: HttpRequest) -> HttpResponse:
    if not settings.OKMQ_METRICS_ENABLED:
        raise Http404
    if request.method not in ("GET", "HEAD"):
        message = f"method {request.method} is not allowed here"
        return errors.response(request.path_info, 405, message, {"Allow": "GET, HEAD"})
    shown = request.META.get("HTTP_X_API_KEY") or request.META.get("HTTP_AUTHORIZATION") or ""
    if not _is_secret(shown):
        return _refuse(request, shown)
    from okmq_site.metrics import page

    text, content_type = page.render()
    return HttpResponse(text, content_type=content_type, headers=errors.headers_of(request.path_info))


def _is_secret(header: str) -> bool:
    """Bare, as Forq's clients send it, or ``Bearer ...``, as Prometheus does."""
    shown = key_in_header(header) or ""
    return hmac.compare_digest(shown.encode(errors="replace"), settings.OKMQ_METRICS_SECRET.encode())


def _refuse(request: HttpRequest, shown: str) -> HttpResponse:
    wait = seconds_to_wait(request.META) if shown else 0
    if wait:
        message = "too many wrong keys came from this address"
        return errors.response(request.path_info, 429, message, {"Retry-After": str(wait)})
    message = "the metrics' secret is required, which is not an API key"
    return errors.response(request.path_info, 401, message, {"WWW-Authenticate": "Bearer"})
