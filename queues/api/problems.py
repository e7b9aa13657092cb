"""Why a request is refused, before a dialect puts it into its own words.

``problem_of`` turns what a view may raise on purpose, our refusals, the broker's errors and DRF's, into one
``Problem``; each dialect renders problems in its documented error shape. Whatever is unforeseen leaves the
view and is answered by ``okmq_site.errors``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db import InterfaceError, OperationalError
from rest_framework.exceptions import APIException
from rest_framework.settings import api_settings

from queues.broker import errors as broker_errors
from queues.broker.names import cleaned
from queues.push import errors as push_errors
from queues.sources import errors as source_errors
from streams import errors as stream_errors


@dataclass(slots=True)
class Problem:
    """``status`` is the HTTP status before a dialect's own deviations, ``text`` is never empty."""

    status: int
    text: str
    cause: Exception
    headers: dict[str, str] = field(default_factory=dict)


class RequestError(Exception):
    """The request cannot be served as it stands. ``text`` names the field and the reason."""

    status = 400

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class BadRequest(RequestError):
    """Malformed: wrong syntax, type, length or range."""


class NotFound(RequestError):
    status = 404


class TooLarge(RequestError):
    """A message or the whole request is larger than allowed."""

    status = 413


class TooManyRequests(RequestError):
    status = 429


PROBLEMS: dict[type[Exception], tuple[int, str]] = {
    broker_errors.QueueNotFound: (404, "queue not found"),
    broker_errors.MessageNotFound: (404, "message not found"),
    broker_errors.TopicNotFound: (404, "topic not found: no queue subscribes to it"),
    broker_errors.QueueExists: (409, "a queue of that name exists already"),
    stream_errors.StreamNotFound: (404, "stream not found"),
    stream_errors.StreamExists: (409, "a stream of that name exists already"),
    stream_errors.OffsetNotAssigned: (400, ""),
    broker_errors.QuotaExceeded: (413, ""),
    broker_errors.QueueFull: (429, ""),
    broker_errors.PageTooLarge: (400, ""),
    broker_errors.InvalidSettings: (400, ""),
    push_errors.DestinationNotFound: (404, "destination not found"),
    push_errors.DestinationExists: (409, ""),
    push_errors.InvalidDestination: (400, ""),
    push_errors.DestinationDisabled: (409, "the destination is disabled"),
    push_errors.DeliveryNotFound: (404, "delivery not found"),
    source_errors.SourceNotFound: (404, "source not found"),
    source_errors.SourceExists: (409, ""),
    source_errors.InvalidSource: (400, ""),
    source_errors.NotAuthorized: (401, ""),
    broker_errors.Unavailable: (503, "the database is not available, try again"),
    broker_errors.ShuttingDown: (503, "the server is stopping, try again"),
    # A lost or busy database seen outside the broker, for example while looking up a key.
    OperationalError: (503, "the database is not available, try again"),
    InterfaceError: (503, "the database is not available, try again"),
}
RETRY_LATER = {429: "1", 503: "1"}


def problem_of(exc: Exception) -> Problem | None:
    """What to tell the client, or None when nobody foresaw this exception."""
    told = _status_and_text(exc)
    if told is None:
        return None
    status, text = told
    # It may quote what was sent, and that may be text which no answer can carry.
    problem = Problem(status, cleaned(text), cause=exc)
    if problem.status in RETRY_LATER:
        problem.headers["Retry-After"] = str(getattr(exc, "wait", None) or RETRY_LATER[problem.status])
    return problem


def _status_and_text(exc: Exception) -> tuple[int, str] | None:
    if isinstance(exc, RequestError):
        return exc.status, exc.text
    if isinstance(exc, APIException):
        return exc.status_code, detail_text(exc.detail)
    kind = next((kind for kind in type(exc).__mro__ if kind in PROBLEMS), None)
    if kind is None:
        return None
    status, text = PROBLEMS[kind]
    return status, text or str(exc)


def detail_text(detail: Any, path: str = "") -> str:
    """DRF's nested error details as one line: ``retry_strategy.type: This field is required.; ttl: …``."""
    if isinstance(detail, dict):
        return "; ".join(detail_text(value, _join(path, key)) for key, value in detail.items())
    if isinstance(detail, list):
        return "; ".join(detail_text(value, path) for value in detail)
    return f"{path}: {detail}" if path else str(detail)


def _join(path: str, key: Any) -> str:
    if isinstance(key, int):
        return f"{path}[{key}]"
    if key == api_settings.NON_FIELD_ERRORS_KEY:
        return path or "request body"
    return f"{path}.{key}" if path else str(key)
