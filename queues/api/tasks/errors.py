"""The one error body of the tasks API, ``{"error", "code", "details"}`` (tasks.md section 1), and its
codes."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpResponse
from msgspec import Meta, Struct

from okmq_site import errors
from queues.api.negotiation import json_response
from queues.api.problems import PROBLEMS, Problem, RequestError
from queues.api.sse import TooManyStreams
from queues.broker.errors import QueueFull, QuotaExceeded, Unavailable
from queues.tasks.errors import (
    LeaseLost,
    ScheduleNotFound,
    TaskCancelled,
    TaskExists,
    TaskNotFound,
    TaskTypeBuiltin,
    TaskTypeNotFound,
    UnknownTaskType,
    WrongState,
)

PREFIXES = (
    "/api/v1/tasks",
    "/api/v1/task-types",
    "/api/v1/progress",
    "/api/v1/schedules",
    "/api/v1/queues/stats",
    "/health",
    "/ready",
    "/live",
)

OF_STATUS = {
    400: "INVALID_REQUEST",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    409: "CONFLICT",
    413: "REQUEST_TOO_LARGE",
    429: "TOO_MANY_REQUESTS",
    503: "SERVICE_UNAVAILABLE",
}
OF_CAUSE: dict[type[Exception], str] = {
    TaskNotFound: "TASK_NOT_FOUND",
    UnknownTaskType: "INVALID_TASK_TYPE",
    TaskExists: "TASK_ALREADY_EXISTS",
    LeaseLost: "LEASE_LOST",
    TaskCancelled: "TASK_CANCELLED",
    TaskTypeBuiltin: "TASK_TYPE_BUILTIN",
    TaskTypeNotFound: "TASK_TYPE_NOT_FOUND",
    ScheduleNotFound: "SCHEDULE_NOT_FOUND",
    TooManyStreams: "TOO_MANY_STREAMS",
    QuotaExceeded: "QUOTA_EXCEEDED",
    QueueFull: "QUEUE_FULL",
}
WRONG_STATE = {
    "cancel": (500, "CANCEL_FAILED"),
    "destroy": (500, "DELETE_FAILED"),
    "run": (409, "RUN_FAILED"),
}
"""By action. 500 for a wrong state is what the document says (section 3.4)."""
STORE_FAILED = {
    "latest": "PROGRESS_FETCH_ERROR",
    "history": "PROGRESS_HISTORY_ERROR",
    "info": "STREAM_INFO_ERROR",
    "stats": "STATS_FAILED",
    "list": "LIST_TASKS_FAILED",
}
"""By action: what a database that is away is called there, as 500."""

PROBLEMS.update(
    {
        TaskNotFound: (404, "task not found"),
        UnknownTaskType: (400, ""),
        TaskExists: (409, "task already exists"),
        LeaseLost: (409, "the lease is lost: the task is not this worker's any more"),
        TaskCancelled: (409, "the task was cancelled"),
        TaskTypeBuiltin: (409, "the task type is built in"),
        TaskTypeNotFound: (404, "task type not found"),
        ScheduleNotFound: (404, "schedule not found"),
        WrongState: (500, ""),
    }
)


class Error(Struct, omit_defaults=True, forbid_unknown_fields=True):
    """The body of every answer that is not a success."""

    error: Annotated[str, Meta(description="What is wrong, for people.", extra_json_schema={"minLength": 1})]
    code: Annotated[
        str,
        Meta(description="What is wrong, for programs.", extra_json_schema={"pattern": "^[A-Z][A-Z0-9_]*$"}),
    ]
    details: Annotated[dict[str, Any] | None, Meta(description="What else there is to say.")] = None


class Refused(RequestError):
    """400, or another status, with one of the contract's codes."""

    def __init__(self, code: str, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.code = code
        self.status = status


def error_response(problem: Problem, action: str) -> HttpResponse:
    status, code, details = problem.status, OF_STATUS.get(problem.status, "INTERNAL_ERROR"), None
    match problem.cause:
        case Refused(code=given):
            code = given
        case WrongState(state=state):
            status, code = WRONG_STATE[action]
            details = {"state": state}
        case TaskExists(task_id=task_id):
            code, details = "TASK_ALREADY_EXISTS", {"task_id": task_id}
        case QuotaExceeded(quota="max_concurrency"):
            status, code = 429, "TOO_MANY_REQUESTS"
            problem.headers["Retry-After"] = "1"
        case Unavailable() if action in STORE_FAILED:
            status, code = 500, STORE_FAILED[action]
        case cause:
            code = OF_CAUSE.get(type(cause), code)
    response = json_response(Error(problem.text, code, details), status)
    # A 500 that is documented is no event in the server's log, and nobody's mail.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response


def shape(status: int, message: str) -> object:
    """Of an answer that no view gives."""
    return Error(message, OF_STATUS.get(status, "INTERNAL_ERROR" if status >= 500 else "INVALID_REQUEST"))


errors.register(PREFIXES, shape)
