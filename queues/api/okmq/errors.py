"""OKMQ's error body, ``{"error": "<text>"}`` (contract section 2.4), and where its codes deviate."""

from __future__ import annotations

from django.http import HttpResponse

from queues.api.negotiation import json_response
from queues.api.problems import Problem
from queues.broker.errors import QuotaExceeded

STORING = ("enqueue", "produce")
RECEIVING = ("receive", "consume")


def error_response(problem: Problem, action: str) -> HttpResponse:
    """413 is in the document for enqueuing and producing only, all else that is too large is 400 (sections 1,
    4.1, 8).

    A consumer over the account's concurrency is told to come back: 429 (section 8.4).
    """
    status = problem.status
    if action in RECEIVING and isinstance(problem.cause, QuotaExceeded):
        status = 429
        problem.headers["Retry-After"] = "1"
    elif status == 413 and action not in STORING:
        status = 400
    return json_response({"error": problem.text}, status)
