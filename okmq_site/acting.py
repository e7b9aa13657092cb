"""Who acts in the console, for the audit log. (In the APIs their views say it.)"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from queues.broker import audit


class ActorMiddleware:
    """Has what a request does recorded as done by its user. After AuthenticationMiddleware."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.method in ("GET", "HEAD") or not request.user.is_authenticated:
            # Changes nothing; and asking for the user would cost every page and file a look-up.
            with audit.acting(audit.ANONYMOUS):
                return self.get_response(request)
        with audit.acting(f"user {request.user.get_username()}"):
            return self.get_response(request)
