"""The generated Forq document against the contract's own, ``forq.openapi.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from queues.api.forq.errors import CODES
from queues.api.forq.openapi import DOCUMENT
from queues.api.openapi.generate import generate
from tests.openapi.comparison import ABSENT, Difference, assert_same_but_for

CONTRACT = json.loads(Path(__file__).with_name("forq.openapi.json").read_text(encoding="utf-8"))
THEIR_CODES: list[str] = sorted(CONTRACT["components"]["schemas"]["Error"]["properties"]["code"]["enum"])
OF_THEIR_CONSOLE = "bad_request.dlq_only_operation"

ERROR = r".* (4|5)\d\d "
OURS_TOO = "keys have scopes here, and a database that is away is told as that"
ANY_ID = "messages of other dialects have ids of their own (docs/dialects.md)"
OPTIONAL = "older clients show no receipt, and may be given none (§0)"
DIFFERENCES = [
    Difference("codes of ours, and none of their console's", ERROR + r"\.code enum", THEIR_CODES, CODES),
    Difference(OURS_TOO, r".* (403|503)", ABSENT, True),
    Difference(OURS_TOO, r".* (403|503) application/json", ABSENT, True),
    Difference(OURS_TOO, r".* (403|503)  type", ABSENT, "object"),
    Difference(OURS_TOO, r".* (403|503)  additionalProperties", ABSENT, False),
    Difference(OURS_TOO, r".* (403|503) \.code type", ABSENT, "string"),
    Difference(OURS_TOO, r".* (403|503) \.code required", ABSENT, True),
    Difference(OURS_TOO, r".* (403|503) \.code enum", ABSENT, CODES),
    Difference(OPTIONAL, r".* header X-Forq-Receipt required", True, False),
    Difference(ANY_ID, r".* 200 \.id format", "uuid", ABSENT),
    Difference(ANY_ID, r".* path messageId format", "uuid", ABSENT),
    Difference(OPTIONAL, r"GET .* 200 \.receipt required", True, False),
    Difference(
        "null counts as absent, as everywhere", r".*\.processAfter type", ["integer", "null"], "integer"
    ),
    Difference("zero counts as absent (§4.1)", r".*\.processAfter default", ABSENT, 0),
]


def comparable(document: dict[str, Any]) -> dict[str, Any]:
    """Without ``/metrics``, which is one page for all dialects (docs/operations.md) and in no document, and
    without what a key is said to be."""
    paths = {path: item for path, item in document["paths"].items() if path != "/metrics"}
    schemes = {
        name: {key: value for key, value in scheme.items() if key != "description"}
        for name, scheme in document["components"]["securitySchemes"].items()
        if name != "MetricsKey"
    }
    return {**document, "paths": paths, "components": {**document["components"], "securitySchemes": schemes}}


@pytest.mark.once
def test_the_generated_document_is_the_contracts_but_for_what_its_text_says() -> None:
    assert_same_but_for(DIFFERENCES, comparable(CONTRACT), comparable(generate(DOCUMENT)))


@pytest.mark.once
def test_components_have_the_contracts_names_so_that_clients_of_either_look_alike() -> None:
    assert sorted(generate(DOCUMENT)["components"]["schemas"]) == sorted(CONTRACT["components"]["schemas"])


@pytest.mark.once
def test_every_code_of_theirs_is_one_of_ours() -> None:
    assert set(THEIR_CODES) - set(CODES) == {OF_THEIR_CONSOLE}
