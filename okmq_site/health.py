"""``/live``, ``/ready`` and ``/health``: for whoever starts, restarts, routes to and watches this server
(tasks.md section 6)."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse

from okmq_site import errors

RETRY = {"Retry-After": errors.RETRY_AFTER_SECONDS}
NEVER_KEPT = {"Cache-Control": "no-store"}

PROBE_SECONDS = 2.0
"""How long these wait for the database before they say that it does not answer."""

_probing = threading.Lock()


def live(request: HttpRequest) -> HttpResponse:
    """200 while the process serves requests. Asks nothing else: a database that is away is no reason to
    restart this process."""
    if request.method not in ("GET", "HEAD"):
        return _not_allowed(request)
    return JsonResponse({"status": "alive"}, headers=NEVER_KEPT)


def ready(request: HttpRequest) -> HttpResponse:
    """200 when the database answers, else 503 with the reason."""
    if request.method not in ("GET", "HEAD"):
        return _not_allowed(request)
    reason = database_trouble(PROBE_SECONDS)
    if reason is None:
        return JsonResponse({"status": "ready"}, headers=NEVER_KEPT)
    told = {"status": "not ready", "reason": "database unavailable", "detail": reason}
    return JsonResponse(told, status=503, headers=NEVER_KEPT | RETRY)


def health(request: HttpRequest) -> HttpResponse:
    """200 when everything works, else 503, and what does not. ``redis`` is the database under the name that
    clients of the original read."""
    if request.method not in ("GET", "HEAD"):
        return _not_allowed(request)
    state = "healthy" if database_trouble(PROBE_SECONDS) is None else "unhealthy"
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    told = {"status": state, "timestamp": now, "services": {"redis": state, "database": state}}
    if state == "healthy":
        return JsonResponse(told, headers=NEVER_KEPT)
    return JsonResponse(told, status=503, headers=NEVER_KEPT | RETRY)


def database_trouble(seconds: float) -> str | None:
    """Why the database cannot be used, or None when it answered within ``seconds``.

    Asked in a thread of its own, since no driver can be relied on to give up in time; while one such
    thread hangs no other is started.
    """
    if not _probing.acquire(timeout=seconds):
        return "the database does not answer"
    answer: list[str | None] = []
    thread = threading.Thread(target=_probe, args=(answer,), name="ready-probe", daemon=True)
    thread.start()
    thread.join(seconds)
    return answer[0] if answer else "the database does not answer"


def _probe(answer: list[str | None]) -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM accounts_account WHERE 1 = 0")
        answer.append(None)
    except Exception as error:
        answer.append(f"the database cannot be used: {type(error).__name__}")
    finally:
        connection.close()
        _probing.release()


def _not_allowed(request: HttpRequest) -> HttpResponse:
    message = f"method {request.method} is not allowed here"
    return errors.response(request.path_info, 405, message, {"Allow": "GET, HEAD"})
