"""The generated OKMQ document against the contract's own, ``okmq.openapi.json``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from queues.api.okmq.openapi import DOCUMENT
from queues.api.openapi.generate import generate
from tests.openapi.comparison import ABSENT, Difference, assert_same_but_for

CONTRACT = Path(__file__).with_name("okmq.openapi.json")


QUEUE_SETTINGS = r"(POST /queues|PATCH /queues/\{queue\}) body "
MESSAGES = r"POST /(queues/\{queue\}|topics/\{topic\})/messages body \[\]"
ERROR = r".* (4|5)\d\d "
YEAR = 31_536_000
SAME_AS_PATCH = "the same bounds on create as on PATCH (§3.1)"
HAS_A_BODY = "every error has a body, with a text (§2.4)"
NEEDS_A_NAME = "a list could not be read without (§7.1)"
WIDE = "offsets are 64 bits wide (§5.7)"
DIFFERENCES = [
    Difference("a body is any JSON value (§4.1)", r".*\.body type", "string", ABSENT),
    Difference(HAS_A_BODY, ERROR + "application/json", ABSENT, True),
    Difference(HAS_A_BODY, ERROR + " type", ABSENT, "object"),
    Difference(HAS_A_BODY, ERROR + r"\.error type", ABSENT, "string"),
    Difference(HAS_A_BODY, ERROR + r"\.error required", ABSENT, True),
    Difference(HAS_A_BODY, ERROR + r"\.error required", False, True),
    Difference("keys have scopes here", r".* 403", ABSENT, True),
    Difference("too many consumers, too many wrong keys (§8.4)", r".* 429", ABSENT, True),
    Difference("the database may be away; a client is to try again", r".* 503", ABSENT, True),
    Difference("only what is sent changes (§3.4, §7.1)", r"PATCH .* body \.\w+ required", True, False),
    Difference("answers are whole (§3.3, §5.2, §7.1)", r"GET .* 200 (\[\])?\.\w+ required", False, True),
    Difference(SAME_AS_PATCH, QUEUE_SETTINGS + r"\.lock_duration maximum", ABSENT, 86_400),
    Difference(SAME_AS_PATCH, QUEUE_SETTINGS + r"\.max_delivery_attempts maximum", ABSENT, 100),
    Difference(SAME_AS_PATCH, r"POST /\w+ body \.ttl maximum", ABSENT, YEAR),
    Difference("the guide's defaults (§3.1)", r"POST /queues body \.ttl default", ABSENT, 300),
    Difference("the guide's defaults (§3.1)", r"POST /queues body \.topics default", ABSENT, []),
    Difference("the guide's defaults (§7.1)", r"POST /streams body \.ttl default", ABSENT, 0),
    Difference("no delay over a year (§5.4)", r".*\.retry_strategy\.\w+_delay maximum", ABSENT, YEAR),
    Difference("no name is empty (§2.6)", r"POST /\w+ body \.name minLength", ABSENT, 1),
    Difference("topics are names (§2.6)", QUEUE_SETTINGS + r"\.topics\[\] minLength", ABSENT, 1),
    Difference("topics are names (§2.6)", QUEUE_SETTINGS + r"\.topics\[\] maxLength", ABSENT, 50),
    Difference("the guide's lengths (§2.6)", MESSAGES + r"\.(id|tag) maxLength", ABSENT, 50),
    Difference("no id is empty (§2.6)", r"POST .*/messages body \[\]\.id minLength", ABSENT, 1),
    Difference(NEEDS_A_NAME, r"GET /streams.* 200 .*\.name type", ABSENT, "string"),
    Difference(NEEDS_A_NAME, r"GET /streams.* 200 .*\.name required", ABSENT, True),
    Difference("no offset is negative (§7.4)", r"POST .*/commit body \.offset minimum", ABSENT, 0),
    Difference(WIDE, r"POST .*/commit body \.offset maximum", ABSENT, 2**63 - 1),
    Difference(WIDE, r".* query offset maximum", ABSENT, 2**63 - 1),
]


@pytest.mark.once
def test_the_generated_document_is_the_contracts_but_for_what_its_text_says() -> None:
    assert_same_but_for(DIFFERENCES, json.loads(CONTRACT.read_text(encoding="utf-8")), generate(DOCUMENT))


@pytest.mark.once
def test_components_have_the_contracts_names_so_that_clients_of_either_look_alike() -> None:
    contract = json.loads(CONTRACT.read_text(encoding="utf-8"))["components"]["schemas"]
    assert sorted(generate(DOCUMENT)["components"]["schemas"]) == sorted(contract)
