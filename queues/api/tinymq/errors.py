"""TinyMQ's errors: a line of plain text, whatever went wrong (tinymq.md section 1). What is JSON there, the
answers of consume and ack that find nothing, their views say themselves."""

from __future__ import annotations

from django.http import HttpResponse
from rest_framework.exceptions import MethodNotAllowed

from okmq_site import errors
from queues.api.problems import Problem, RequestError
from queues.broker.errors import QueueFull, QuotaExceeded

TEXT = "text/plain; charset=utf-8"
NOSNIFF = {"X-Content-Type-Options": "nosniff"}
PREFIXES = (
    "/publish", "/consume", "/ack", "/requeue", "/webhook", "/stream/", "/healthz", "/api/topics",
    "/api/stats", "/api/queues", "/api/groups", "/api/cluster",
)  # fmt: skip
WORDS = {401: "unauthorized", 404: "404 page not found", 405: "Method not allowed"}
"""What the original says, to the letter."""


class Refused(RequestError):
    """Answered with ``text`` and ``status``."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


def text_response(text: str, status: int) -> HttpResponse:
    return HttpResponse(f"{text}\n", status=status, content_type=TEXT, headers=NOSNIFF)


def error_response(problem: Problem) -> HttpResponse:
    status, text = problem.status, problem.text
    cause = problem.cause
    if isinstance(cause, QueueFull):
        text = f"queue capacity reached (max {cause.limit} messages)"
    elif isinstance(cause, QuotaExceeded):
        status = 429
        text = "broker maximum topic limit reached" if cause.quota == "max_channels" else str(cause)
    elif isinstance(cause, MethodNotAllowed):
        text = WORDS[405]
    elif status == 401:
        text = WORDS[401]
    return text_response(text, status)


def shape(status: int, message: str) -> str:
    """For errors that no view answers."""
    return f"{WORDS.get(status, message)}\n"


errors.register(PREFIXES, shape, NOSNIFF)
