"""Agentuity's error body, ``{success: false, code, message, error}`` (agentuity.md section 6).

The client shows ``error`` before ``message``, so both say the same; ``code`` is a string, or the client drops
the whole body. A 409 never carries a ``Retry-After``: the client would sleep so long three times.
"""

from __future__ import annotations

from django.http import HttpResponse

from okmq_site import errors
from queues.api.negotiation import json_response
from queues.api.problems import Problem
from queues.broker.errors import MessageNotFound, QueueExists, QueueNotFound, QuotaExceeded
from queues.sources.errors import SourceExists

CODES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    409: "ALREADY_EXISTS",
    413: "PAYLOAD_TOO_LARGE",
    429: "RATE_LIMITED",
    501: "NOT_IMPLEMENTED",
    503: "UNAVAILABLE",
}
QUOTA = "QUOTA_EXCEEDED"
MAX_SHOWN = 64


def error_response(problem: Problem, action: str) -> HttpResponse:
    status, code = problem.status, None
    if isinstance(problem.cause, QuotaExceeded):
        code = QUOTA
        if action == "receive":
            status = 429  # too many calls like this one are open
            problem.headers["Retry-After"] = "1"
        elif action == "create":
            status = 403
    return json_response(error_json(status, _text(problem), code), status)


def error_json(status: int, text: str, code: str | None = None) -> dict[str, object]:
    return {"success": False, "code": code or code_of(status), "message": text, "error": text}


def code_of(status: int) -> str:
    return CODES.get(status, "INTERNAL" if status >= 500 else "INVALID_ARGUMENT")


def _text(problem: Problem) -> str:
    match problem.cause:
        case QueueNotFound(args=(name,)):
            return f"queue '{str(name)[:MAX_SHOWN]}' not found"
        case QueueExists(args=(name,)):
            return f"queue '{name}' already exists"
        case SourceExists(args=(name,)):
            return f"a source called '{name}' already exists"
        case MessageNotFound(args=(message,)):
            return f"message '{str(message)[:MAX_SHOWN]}' not found"
    return problem.text


# A base URL that ends with a slash makes the path begin with two.
errors.register(["/queue/", "//queue/"], error_json)
