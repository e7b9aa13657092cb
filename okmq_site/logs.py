"""How log lines look: a JSON object each, or text for a person at a terminal.

Whoever logs more than a sentence gives it as ``extra={"fields": {...}}``; both formats show these fields.
Nothing that a client sent as a body, key or query string may be among them.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from typing import Any

import msgspec

from okmq_site import request_ids

_encoder = msgspec.json.Encoder(enc_hook=str)
_ONE_LINE = {code: f"\\x{code:02x}" for code in (*range(32), 127)}
_second: tuple[int, str] = (-1, "")


def default_format() -> str:
    """Text for a terminal, JSON for whatever else collects standard error."""
    return "text" if sys.stderr.isatty() else "json"


def timestamp(seconds: float) -> str:
    """RFC 3339 in UTC with milliseconds. The part down to the second is kept from line to line."""
    global _second
    whole, text = _second
    if whole != int(seconds):
        whole = int(seconds)
        text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
        _second = whole, text
    return f"{text}.{int((seconds - whole) * 1000):03d}Z"


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """What the line says, in order."""
    fields: dict[str, Any] = {
        "time": timestamp(record.created),
        "level": record.levelname,
        "logger": record.name,
        "message": record.getMessage(),
        "pid": os.getpid(),
    }
    if request_id := getattr(record, "request_id", None) or request_ids.current.get():
        fields["request_id"] = request_id
    fields |= getattr(record, "fields", {})
    return fields


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        fields = fields_of(record)
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        try:
            return _encoder.encode(fields).decode()
        except UnicodeEncodeError:  # a lone surrogate out of a path
            return json.dumps(fields, default=str)


class TextFormatter(logging.Formatter):
    """``time level logger: message name=value ...``; an exception's traceback follows on lines of its own."""

    def format(self, record: logging.LogRecord) -> str:
        fields = fields_of(record)
        head = "{time} {level} {logger}: {message}".format(**fields)
        values = [f"{name}={_plain(value)}" for name, value in list(fields.items())[4:] if value is not None]
        line = " ".join([head, *values]).translate(_ONE_LINE)
        text = line.encode(errors="backslashreplace").decode()
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


def _plain(value: object) -> str:
    text = str(value)
    return json.dumps(text) if not text or " " in text or '"' in text else text


class GunicornFilter(logging.Filter):
    """Keeps what clients sent out of gunicorn's own lines.

    It quotes a broken header or request line, which may hold a key; our request line tells of the refusal
    without quoting. With an exception it names the URI, whose query string may hold one. A client that takes
    nothing of its answer for too long is its own mistake and no event here.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if str(record.msg).startswith("Invalid request from ip="):
            return False
        if record.exc_info and isinstance(record.exc_info[1], BlockingIOError):
            return False
        if isinstance(record.args, tuple):
            record.args = tuple(_without_query(value) for value in record.args)
        return True


def _without_query(value: Any) -> Any:
    return value.partition("?")[0] if isinstance(value, str) and value.startswith("/") else value


def configuration(log_format: str, level: str) -> dict[str, Any]:
    """Django's ``LOGGING``: everything to standard error in one format."""
    # What no line shows need not be found out for each.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    formatter = "okmq_site.logs.JsonFormatter" if log_format == "json" else "okmq_site.logs.TextFormatter"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": formatter}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Django warns of every answer from 400 up: a client's mistake is no event in the server's log.
            "django.request": {"level": "ERROR"},
            # Its debug lines show statements with their values.
            "django.db.backends": {"level": "INFO"},
            # It tells several lines of every login; that somebody is locked out is a warning.
            "axes": {"level": "WARNING"},
            # Its own handlers would print the line twice.
            "django": {"handlers": [], "propagate": True},
        },
    }
