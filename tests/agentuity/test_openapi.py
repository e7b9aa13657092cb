"""The generated Agentuity document against the contract's own, ``agentuity.openapi.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from queues.api.agentuity.openapi import DOCUMENT
from queues.api.openapi.generate import generate
from tests.openapi.comparison import ABSENT, Difference, assert_same_but_for

CONTRACT = json.loads(Path(__file__).with_name("agentuity.openapi.json").read_text(encoding="utf-8"))
METHODS = ("get", "post", "patch", "delete")
NOT_COMPARED = {
    "/queue/ingest/{sourceId}": "the contract leaves a source's address to the server",
    "/queue/ws/{name}": "there is no WebSocket here; every call is a 404",
}
OURS_TOO = {"403", "429", "500", "503"}
"""Keys have scopes, callers are slowed down, and a database may be away."""

CENTURY = 3_153_600_000
BOUNDED = "no time is longer than a hundred years, no factor beyond sense"
ONE_PAGE = "what a page has unless asked for more; offsets are 64 bits wide"
SHOWN = "bounds hold for what is sent; other dialects' queues may have other values"
STORED = "messages are always stored when they are answered, batches whole (docs/dialects.md)"
IGNORED = "properties that mean nothing are ignored everywhere, named or not"
SETTINGS = r"(POST|PATCH) .* body \.settings\."
QUEUE = r".* 200 \.data\.queues?(\[\])?\."
MESSAGE = r".* 200 \.data\.messages?(\[\])?\."
DIFFERENCES = [
    Difference("answers are whole", r".* 200 .* required", False, True),
    Difference("success is true, which is a boolean", r".* 200 \.success type", ABSENT, "boolean"),
    Difference(BOUNDED, SETTINGS + r"(default_ttl|retention)_seconds maximum", ABSENT, CENTURY),
    Difference(BOUNDED, SETTINGS + r"default_retry_(max_)?backoff_ms maximum", ABSENT, CENTURY * 1000),
    Difference(BOUNDED, SETTINGS + r"default_retry_multiplier maximum", ABSENT, 1_000_000.0),
    Difference(BOUNDED, r".* body \.(messages\[\]\.)?ttl_seconds maximum", ABSENT, CENTURY),
    Difference(ONE_PAGE, r".* query limit default", ABSENT, 100),
    Difference(ONE_PAGE, r".* (query|path) offset maximum", ABSENT, 2**63 - 1),
    Difference("said in its text", r"GET /queue/consume/.* query offset required", True, False),
    Difference(SHOWN, QUEUE + "default_max_retries minimum", 0, ABSENT),
    Difference(SHOWN, QUEUE + "default_max_retries maximum", 100, ABSENT),
    Difference(SHOWN, QUEUE + "default_retry_multiplier minimum", 1, ABSENT),
    Difference(SHOWN, QUEUE + "default_visibility_timeout_seconds minimum", 1, ABSENT),
    Difference(SHOWN, QUEUE + "default_visibility_timeout_seconds maximum", 43_200, ABSENT),
    Difference(SHOWN, QUEUE + "max_in_flight_per_client minimum", 1, ABSENT),
    Difference(SHOWN, QUEUE + "max_in_flight_per_client maximum", 1000, ABSENT),
    Difference(SHOWN, QUEUE + "name pattern", "^[a-z_][a-z0-9_-]*$", ABSENT),
    Difference(SHOWN, MESSAGE + "(idempotency|partition)_key maxLength", 256, ABSENT),
    Difference("a key's name is shorter", r".*\.consumers\[\]\.client_id maxLength", 256, ABSENT),
    Difference(STORED, MESSAGE + "offset minimum", -1, 0),
    Difference(STORED, r".* 200 \.data\.failed required", False, ABSENT),
    Difference(STORED, r".* 200 \.data\.failed type", "array", ABSENT),
    Difference(STORED, r".* 200 \.data\.failed\[\] type", "integer", ABSENT),
    Difference(STORED, r".* 200 \.data\.failed\[\] minimum", 0, ABSENT),
    Difference(IGNORED, r".* body .*additionalProperties", True, ABSENT),
    Difference(IGNORED, r".* body \.(messages\[\]\.)?(agent|project)_id type", "string", ABSENT),
    Difference(IGNORED, r".* body \.(messages\[\]\.)?(agent|project)_id required", False, ABSENT),
    Difference("an hour is the usual step", r".* query granularity default", ABSENT, "hour"),
    Difference("whole seconds, at most an hour", r".* query interval type", "number", "integer"),
    Difference("whole seconds, at most an hour", r".* query interval maximum", ABSENT, 3600),
    Difference("times of answers are not kept", r".*\.avg_response_time_ms type", "number", ABSENT),
    Difference("times of answers are not kept", r".*\.avg_response_time_ms required", False, ABSENT),
]


def resolved(document: dict[str, Any], part: Any) -> Any:
    """With shared parameters and responses in place; an enumeration needs no type beside it."""
    if isinstance(part, list):
        return [resolved(document, one) for one in part]
    if not isinstance(part, dict):
        return part
    match part.get("$ref", "").split("/"):
        case ["#", "components", "parameters" | "responses" as kind, name]:
            return resolved(document, document["components"][kind][name])
    without = {"type"} if "enum" in part else set()
    return {name: resolved(document, value) for name, value in part.items() if name not in without}


def comparable(document: dict[str, Any]) -> dict[str, Any]:
    """Without what ``NOT_COMPARED`` says, without errors, which have one body and a test of their own, and
    without the bodies of streams, which OpenAPI cannot say."""
    whole = resolved(document, document)
    paths: dict[str, Any] = {}
    for path, item in whole["paths"].items():
        if path in NOT_COMPARED:
            continue
        for method in METHODS:
            if method in item:
                operation = dict(item[method])
                success = dict(operation["responses"]["200"])
                if "/stream" in path:
                    success.pop("content", None)
                operation["responses"] = {"200": success}
                paths.setdefault(path, {})[method] = operation
    schemes = {"bearer": {"type": "http", "scheme": "bearer"}}
    return {**whole, "paths": paths, "components": {**whole["components"], "securitySchemes": schemes}}


@pytest.mark.once
def test_the_generated_document_is_the_contracts_but_for_what_its_text_says() -> None:
    assert_same_but_for(DIFFERENCES, comparable(CONTRACT), comparable(generate(DOCUMENT)))


@pytest.mark.once
def test_every_error_of_the_contract_is_told_but_payment() -> None:
    ours = generate(DOCUMENT)["paths"]
    for path, item in CONTRACT["paths"].items():
        if path in NOT_COMPARED:
            continue
        for method in set(METHODS) & item.keys():
            theirs = item[method]["responses"].keys() - {"200", "402"}
            assert theirs | OURS_TOO <= ours[path][method]["responses"].keys(), path


@pytest.mark.once
def test_an_error_has_what_the_client_reads() -> None:
    theirs = CONTRACT["components"]["schemas"]["Error"]
    ours = generate(DOCUMENT)["components"]["schemas"]["Error"]
    assert set(theirs["required"]) <= set(ours["required"]) == set(ours["properties"])
    assert set(ours["properties"]) == set(theirs["properties"]) - {"details"}
