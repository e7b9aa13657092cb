"""The generated document against the contract's own, ``tasks.openapi.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from queues.api.openapi.generate import generate
from queues.api.tasks.openapi import DOCUMENT
from queues.api.tasks.scalars import DURATION_PATTERN, TIMESTAMP_PATTERN
from tests.openapi.comparison import ABSENT, Difference, assert_same_but_for

CONTRACT = json.loads(Path(__file__).with_name("tasks.openapi.json").read_text(encoding="utf-8"))
OF_THE_SERVER = ("/health", "/live", "/ready")

ERROR = r".* (4|5)\d\d"
MORE_ERRORS = "what may go wrong anywhere is said everywhere: no scope, too many calls, no database"
NULL = "null and an empty text count as absent, as everywhere (§4.1)"
RUN = "the other obvious gap (§8.5)"
EMPTY = "an empty text where there is none (§5.2)"
ID_OR_EMPTY = [{"$ref": "#/components/schemas/StreamId"}, {"const": ""}]
SUPPORTED = "supported, too (§5.4)"
OURS_TO_REFUSE = "refused by the server, not by a client's library"
ONE_READING = "the same texts, each with one reading: a million digits are refused at once"
THEIR_DURATION = CONTRACT["components"]["schemas"]["Duration"]["pattern"]


SCHEDULE = r".*/schedules\S* 20\d (\[\])?\."
WHOLE = "a schedule is shown whole, with null for what is not yet (§8.4)"
SKIPPED = "ticks that were skipped are counted, and why (§8.4)"


def nullable(name: str) -> list[dict[str, str]]:
    return [{"$ref": f"#/components/schemas/{name}"}, {"type": "null"}]


def texts_or_null(name: str, theirs: str, pattern: str) -> list[Difference]:
    choices = [{"$ref": f"#/components/schemas/{theirs}"}, {"type": "null"}, {"const": ""}]
    where = rf".* \S*\.{name} "
    return [
        Difference(NULL, where + "oneOf", choices, ABSENT),
        Difference(NULL, where + "type", ABSENT, "string"),
        Difference(NULL, where + "pattern", ABSENT, pattern),
    ]


DIFFERENCES = [
    Difference(MORE_ERRORS, ERROR, ABSENT, True),
    Difference(MORE_ERRORS, ERROR + " application/json", ABSENT, True),
    Difference(MORE_ERRORS, ERROR + "  type", ABSENT, "object"),
    Difference(MORE_ERRORS, ERROR + "  additionalProperties", ABSENT, False),
    Difference(MORE_ERRORS, ERROR + r" \.(error|code) type", ABSENT, "string"),
    Difference(MORE_ERRORS, ERROR + r" \.(error|code) required", ABSENT, True),
    Difference(MORE_ERRORS, ERROR + r" \.error minLength", ABSENT, 1),
    Difference(MORE_ERRORS, ERROR + r" \.code pattern", ABSENT, "^[A-Z][A-Z0-9_]*$"),
    Difference(MORE_ERRORS, ERROR + r" \.details type", ABSENT, "object"),
    Difference(MORE_ERRORS, ERROR + r" \.details required", ABSENT, False),
    *texts_or_null("timeout", "Duration", DURATION_PATTERN),
    *texts_or_null("unique", "Duration", DURATION_PATTERN),
    *texts_or_null("process_at", "Timestamp", TIMESTAMP_PATTERN),
    Difference(
        ONE_READING, r".* \S*\.(timeout|lease|wait|retry_in) pattern", THEIR_DURATION, DURATION_PATTERN
    ),
    Difference(NULL, r".* \S*\.max_retries type", ["integer", "null"], "integer"),
    Difference(NULL, r".* \S*\.metadata type", ["object", "null"], "object"),
    Difference("an empty default is none", r".* body \.message default", "", ABSENT),
    Difference("said in words", r".*/claim body \.queues default", ["default"], ABSENT),
    Difference("who works on it (§4.2)", r"GET /api/v1/tasks/\{id\} 200 \.worker required", ABSENT, False),
    Difference("who works on it (§4.2)", r"GET /api/v1/tasks/\{id\} 200 \.worker type", ABSENT, "string"),
    Difference(EMPTY, r".*/info 200 \..*_entry oneOf", ID_OR_EMPTY, ABSENT),
    Difference(EMPTY, r".*/info 200 \..*_entry type", ABSENT, "string"),
    Difference("exactly this text (§5.3)", r".* query history enum", ABSENT, ["true"]),
    Difference(SUPPORTED, r"GET /api/v1/progress/.* query start_id enum", ABSENT, ["$", "0"]),
    Difference(SUPPORTED, r"GET /api/v1/progress/.* query start_id required", ABSENT, False),
    Difference(SUPPORTED, r"GET /api/v1/progress/.* query start_id type", ABSENT, "string"),
    Difference(OURS_TO_REFUSE, r".* query task_ids required", True, False),
    Difference(OURS_TO_REFUSE, r".* query task_ids minLength", 1, ABSENT),
    Difference(WHOLE, SCHEDULE + r"enabled default", True, ABSENT),
    Difference(WHOLE, SCHEDULE + r"timezone default", "UTC", ABSENT),
    Difference(WHOLE, SCHEDULE + r"(next_run_at|last_run_at|last_task_id) required", False, True),
    Difference(WHOLE, SCHEDULE + r"(next|last)_run_at oneOf", nullable("Timestamp"), ABSENT),
    Difference(WHOLE, SCHEDULE + r"last_task_id oneOf", nullable("TaskId"), ABSENT),
    Difference(WHOLE, SCHEDULE + r"(\w+_run_at|last_task_id) type", ABSENT, ["string", "null"]),
    Difference(WHOLE, SCHEDULE + r"\w+_run_at pattern", ABSENT, TIMESTAMP_PATTERN),
    Difference(WHOLE, SCHEDULE + r"last_task_id format", ABSENT, "uuid"),
    Difference(SKIPPED, SCHEDULE + r"(skipped|last_error) required", ABSENT, True),
    Difference(SKIPPED, SCHEDULE + r"skipped type", ABSENT, "integer"),
    Difference(SKIPPED, SCHEDULE + r"skipped minimum", ABSENT, 0),
    Difference(SKIPPED, SCHEDULE + r"last_error type", ABSENT, "string"),
    Difference("as it is shown (§8.4)", r"PUT /api/v1/schedules/.* body \.enabled default", ABSENT, True),
    Difference("as it is shown (§8.4)", r"PUT /api/v1/schedules/.* body \.timezone default", ABSENT, "UTC"),
    Difference(RUN, r"POST /api/v1/tasks/.*/run (200|path id required)", ABSENT, True),
    Difference(RUN, r"POST /api/v1/tasks/.*/run 200 (\.message required|application/json)", ABSENT, True),
    Difference(RUN, r"POST /api/v1/tasks/.*/run 200  type", ABSENT, "object"),
    Difference(RUN, r"POST /api/v1/tasks/.*/run (path id|200 \.message) type", ABSENT, "string"),
    Difference(RUN, r"POST /api/v1/tasks/.*/run security", ABSENT, CONTRACT["security"]),
]


def comparable(document: dict[str, Any]) -> dict[str, Any]:
    """Without what is not this dialect's alone (``okmq_site/health.py``)."""
    paths = {path: item for path, item in document["paths"].items() if path not in OF_THE_SERVER}
    return {**document, "paths": paths}


@pytest.mark.once
def test_the_generated_document_is_the_contracts_but_for_what_its_text_says() -> None:
    assert_same_but_for(DIFFERENCES, comparable(CONTRACT), comparable(generate(DOCUMENT)))


@pytest.mark.once
def test_components_that_both_have_are_called_the_same() -> None:
    ours, theirs = generate(DOCUMENT)["components"]["schemas"], CONTRACT["components"]["schemas"]
    assert set(theirs) - set(ours) == {
        # Written where they are used, or told by streams and other pages.
        "Duration", "Timestamp", "StreamId", "TaskId", "TaskState", "FinalStatus", "ServiceState", "Health",
        "NotReady", "DoneEvent", "MultiProgressEvent", "StreamError",
    }  # fmt: skip
