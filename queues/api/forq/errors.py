"""Forq's error body, ``{"code": "<code>"}`` and nothing else: its clients refuse any other field (forq.md
sections 3 and 5). Codes that Forq has not are made in the manner of its own."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpResponse

from accounts.authentication import MissingScope
from accounts.models import CONSUME, PUBLISH
from okmq_site import errors
from queues.api.negotiation import json_response
from queues.api.problems import BadRequest, Problem, RequestError
from queues.broker.errors import MessageNotFound, QuotaExceeded

BODY_INVALID = "bad_request.body.invalid"
TOO_LARGE = "bad_request.body.content.exceeds_limit"
IN_PAST = "bad_request.body.processAfter.in_past"
TOO_FAR = "bad_request.body.processAfter.too_far"
QUEUE_NAME = "bad_request.queue.invalid_name"
PRODUCE_TO_DLQ = "bad_request.queue.produce_to_dlq"
MESSAGE_ID = "bad_request.messageId.invalid"
RECEIPT_MISSING = "bad_request.receipt.missing"
RECEIPT_INVALID = "bad_request.receipt.invalid"
NOT_FOUND = "not_found.message"
TOO_MANY = "too_many_requests"
UNHEALTHY = "forq.unhealthy"
INTERNAL = "internal"
MISSING_SCOPE = "forbidden.scope"
QUOTA = "quota_exceeded"

OF_STATUS = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: TOO_LARGE,
    429: TOO_MANY,
    503: UNHEALTHY,
}

CODES = sorted(
    {
        BODY_INVALID,
        TOO_LARGE,
        IN_PAST,
        TOO_FAR,
        QUEUE_NAME,
        PRODUCE_TO_DLQ,
        MESSAGE_ID,
        RECEIPT_MISSING,
        RECEIPT_INVALID,
        NOT_FOUND,
        INTERNAL,
        *OF_STATUS.values(),
        *(f"{MISSING_SCOPE}.{scope}" for scope in (PUBLISH, CONSUME)),
        *(f"{QUOTA}.{quota}" for quota in ("max_channels", "max_messages", "max_mb")),
    }
)
"""All that there are."""

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}
"""On every answer (section 3)."""
if settings.SECURE_HSTS_SECONDS:
    HEADERS["Strict-Transport-Security"] = f"max-age={settings.SECURE_HSTS_SECONDS}; includeSubDomains"


class Refused(RequestError):
    """400 with one of Forq's codes."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def error_response(problem: Problem, action: str) -> HttpResponse:
    status = problem.status
    # It would name a header that does not count here.
    problem.headers.pop("WWW-Authenticate", None)
    if isinstance(problem.cause, QuotaExceeded) and action == "consume":
        status = 429  # too many calls like this one are open
        problem.headers["Retry-After"] = "1"
    return json_response({"code": _code(problem, status)}, status)


def _code(problem: Problem, status: int) -> str:
    match problem.cause:
        case Refused(code=code):
            return code
        case BadRequest():
            return BODY_INVALID
        case MessageNotFound():
            return NOT_FOUND
        case QuotaExceeded(quota=quota) if status != 429:
            return f"{QUOTA}.{quota}"
        case MissingScope(needed=(scope, *_)):
            return f"{MISSING_SCOPE}.{scope}"
    return of_status(status)


def of_status(status: int) -> str:
    """The code of an answer that no view gives."""
    return OF_STATUS.get(status, INTERNAL if status >= 500 else "bad_request")


def _with_text(status: int, message: str) -> object:
    """Forq's clients read no errors of ``/metrics``; who sets up Prometheus wants to know what is wrong."""
    return {"code": of_status(status), "error": message}


errors.register(["/api/v1/", "/healthcheck"], lambda status, message: {"code": of_status(status)}, HEADERS)
errors.register(["/metrics"], _with_text, HEADERS)
