"""The generated TinyMQ document against the contract's own, ``tinymq.openapi.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from queues.api.openapi.generate import generate
from queues.api.tinymq.openapi import DOCUMENT
from tests.openapi.comparison import ABSENT, Difference, assert_same_but_for

CONTRACT = json.loads(Path(__file__).with_name("tinymq.openapi.json").read_text(encoding="utf-8"))
NOT_OFFERED = {"/ws", "/api/drain"}
ELSEWHERE = {"/metrics", "/dashboard"}
"""The server's own, for all dialects (docs/operations.md), and in no document."""
OPTIONAL_KEY: list[dict[str, list[str]]] = [{}, {"Bearer": []}, {"Basic": []}, {"TokenQuery": []}]
OURS_TOO = "keys have scopes here, and whatever goes wrong is told"
WHOLE = "answers are whole"
WORDS = "a word is a string"
EMPTY_TOO = "nothing named is nothing found: [] or 404 (§4.11)"
NEVER_NULL = "a payload is never null in an answer; null counts as absent"
DIFFERENCES = [
    Difference(
        "a key is needed unless the operator says otherwise", r".* security", OPTIONAL_KEY, OPTIONAL_KEY[1:]
    ),
    Difference(
        "the same",
        "security Bearer",
        {"type": "http", "scheme": "bearer", "description": "Only when a key is configured."},
        {"type": "http", "scheme": "bearer"},
    ),
    Difference(
        "not deprecated here",
        "security TokenQuery",
        {"type": "apiKey", "in": "query", "name": "token", "description": "Deprecated."},
        {"type": "apiKey", "in": "query", "name": "token"},
    ),
    Difference(OURS_TOO, r".* (403|413|500)( text/plain)?", ABSENT, True),
    Difference(OURS_TOO, r".* (403|413|500)  type", ABSENT, "string"),
    Difference("any route answers so", r".* 405( text/plain)?", True, ABSENT),
    Difference("any route answers so", r".* 405  type", "string", ABSENT),
    Difference(EMPTY_TOO, r".* query (queue|topic) required", True, False),
    Difference(WHOLE, r".* (20\d|503) \.\w+ required", False, True),
    Difference(
        "nobody is elected; the database may be away",
        r"GET /healthz (200|503) \.status enum",
        ["electing", "ok"],
        ["ok", "unavailable"],
    ),
    Difference(WORDS, r".* 20\d \.(status|reason) type", ABSENT, "string"),
    Difference(NEVER_NULL, r".*\.payload type", ["string", "null"], "string"),
    Difference("any id is settled and requeued", r"POST /requeue body \.id minLength", 8, ABSENT),
    Difference("the default is told", r"POST /requeue body \.retry_count default", ABSENT, 0),
    Difference("the default is told", r"POST /api/queues/publish body \.broadcast default", ABSENT, False),
    Difference(
        "an object is no list: either word",
        r"GET /consume/.* 200  anyOf",
        ABSENT,
        [
            {"type": "array", "items": {"$ref": "#/components/schemas/ConsumedMessage"}},
            {"$ref": "#/components/schemas/ConsumedMessage"},
        ],
    ),
    Difference(
        "an object is no list: either word",
        r"GET /consume/.* 200  oneOf",
        [
            {"$ref": "#/components/schemas/ConsumedMessage"},
            {"type": "array", "items": {"$ref": "#/components/schemas/ConsumedMessage"}},
        ],
        ABSENT,
    ),
]
CLUSTER_FACTS = ("role", "term", "leader_http", "peers", "cluster_role", "cluster_term")


def comparable(document: dict[str, Any]) -> dict[str, Any]:
    """Without what is not offered or told elsewhere, and without the second label the original gives to
    bodies that are JSON."""
    left_out = NOT_OFFERED | ELSEWHERE
    paths = {path: item for path, item in document["paths"].items() if path not in left_out}
    found: dict[str, Any] = _without_clusters(_with_one_label({**document, "paths": paths}))
    return found


def _without_clusters(part: Any) -> Any:
    """There is no cluster of TinyMQ, only servers on one database: all there is to say is that there is
    none."""
    if isinstance(part, list):
        return [_without_clusters(one) for one in part]
    if not isinstance(part, dict):
        return part
    return {name: _without_clusters(value) for name, value in part.items() if name not in CLUSTER_FACTS}


def _with_one_label(part: Any) -> Any:
    if isinstance(part, list):
        return [_with_one_label(one) for one in part]
    if not isinstance(part, dict):
        return part
    if {"text/plain", "application/json"} <= part.keys():
        part = {label: content for label, content in part.items() if label != "text/plain"}
    return {name: _with_one_label(value) for name, value in part.items()}


@pytest.mark.once
def test_the_generated_document_is_the_contracts_but_for_what_its_text_says() -> None:
    assert_same_but_for(DIFFERENCES, comparable(CONTRACT), comparable(generate(DOCUMENT)))
