"""The generated OKMQ document against the contract's own, ``okmq.openapi.json``."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from queues.api.okmq.openapi import DOCUMENT
from queues.api.openapi.generate import generate

from .openapi_facts import facts_of

CONTRACT = Path(__file__).with_name("okmq.openapi.json")
ABSENT = "absent"
ANY = "any value"


class Difference(NamedTuple):
    """``where`` is a regular expression for a fact's whole name; every entry has to be true of some fact."""

    reason: str
    where: str
    theirs: Any
    ours: Any


SIZED = r"(POST /queues|PATCH /queues/\{queue\}) body "
STRATEGY = SIZED + r"\.retry_strategy"
TAKES_MESSAGES = r"POST /(queues/\{queue\}|topics/\{topic\})/messages body \[\]"
DIFFERENCES = [
    Difference("a body is any JSON value (§4.1)", r".*\.body type", "string", ABSENT),
    Difference("every error has a body (§2.4)", r".* (4|5)\d\d application/json", ABSENT, True),
    Difference("every error has a body (§2.4)", r".* (4|5)\d\d \.error type", ABSENT, "string"),
    Difference("every error has a body (§2.4)", r".* (4|5)\d\d  type", ABSENT, "object"),
    Difference("and its text is always there (§2.4)", r".* (4|5)\d\d \.error required", ABSENT, True),
    Difference("and its text is always there (§2.4)", r".* 400 \.error required", False, True),
    Difference("too many consumers, too many wrong keys (§8.4)", r".* 429", ABSENT, True),
    Difference("the database may be away; a client is to try again", r".* 503", ABSENT, True),
    Difference("only what is sent changes (§3.4, §7.1)", r"PATCH .* body \.\w+ required", True, False),
    Difference("answers are always whole (§3.3, §5.2, §7.1)", r"GET .* 200 (\[\])?\.\w+ required", False, True),
    Difference("the same bounds on create as on PATCH (§3.1)", SIZED + r"\.lock_duration maximum", ABSENT, 86_400),
    Difference(
        "the same bounds on create as on PATCH (§3.1)", SIZED + r"\.max_delivery_attempts maximum", ABSENT, 100
    ),
    Difference(
        "the same bounds on create as on PATCH (§3.1)", r"POST /\w+ body \.ttl maximum", ABSENT, 31_536_000
    ),
    Difference("the defaults of the guide (§3.1)", r"POST /queues body \.ttl default", ABSENT, 300),
    Difference("the defaults of the guide (§3.1)", r"POST /queues body \.topics default", ABSENT, []),
    Difference("the defaults of the guide (§7.1)", r"POST /streams body \.ttl default", ABSENT, 0),
    Difference("other types have no meaning (§5.4)", r".*\.retry_strategy\.type enum", ABSENT, ANY),
    Difference("no delay over a year (§5.4)", r".*\.retry_strategy\.\w+_delay maximum", ABSENT, 31_536_000),
    Difference("an empty name cannot be addressed (§2.6)", r"POST /\w+ body \.name minLength", ABSENT, 1),
    Difference("topics are names (§2.6)", SIZED + r"\.topics\[\] minLength", ABSENT, 1),
    Difference("topics are names (§2.6)", SIZED + r"\.topics\[\] maxLength", ABSENT, 50),
    Difference("the guide's lengths (§2.6)", TAKES_MESSAGES + r"\.(id|tag) maxLength", ABSENT, 50),
    Difference("an empty id cannot be addressed (§2.6)", r"POST .*/messages body \[\]\.id minLength", ABSENT, 1),
    Difference("the list could not be read without (§7.1)", r"GET /streams.* 200 .*\.name required", ABSENT, True),
    Difference("the list could not be read without (§7.1)", r"GET /streams.* 200 .*\.name type", ABSENT, "string"),
    Difference("no offset is negative (§7.4)", r"POST .*/commit body \.offset minimum", ABSENT, 0),
    Difference("offsets are 64 bits wide (§5.7)", r"POST .*/commit body \.offset maximum", ABSENT, 2**63 - 1),
    Difference("offsets are 64 bits wide (§5.7)", r".* query offset maximum", ABSENT, 2**63 - 1),
]


NOT_SERVED_YET = ("/account",)


def _load() -> tuple[dict[str, Any], dict[str, Any]]:
    contract, generated = json.loads(CONTRACT.read_text(encoding="utf-8")), generate(DOCUMENT)
    for path in NOT_SERVED_YET:
        assert path not in generated["paths"], f"{path} is served: take it off NOT_SERVED_YET"
        del contract["paths"][path]
    return facts_of(contract), facts_of(generated)


def _allows(difference: Difference, name: str, theirs: Any, ours: Any) -> bool:
    return (
        re.fullmatch(difference.where, name) is not None
        and difference.theirs in (theirs, ANY)
        and (difference.ours == ANY or _same(difference.ours, ours))
    )


def _same(one: Any, other: Any) -> bool:
    """True is not 1 here."""
    return type(one) is type(other) and bool(one == other)


@pytest.mark.once
def test_the_generated_document_is_the_contracts_but_for_what_its_text_says() -> None:
    contract, generated = _load()
    unexplained, used = [], set()
    for name in sorted(contract.keys() | generated.keys()):
        theirs, ours = contract.get(name, ABSENT), generated.get(name, ABSENT)
        if _same(theirs, ours):
            continue
        fitting = [at for at, entry in enumerate(DIFFERENCES) if _allows(entry, name, theirs, ours)]
        used.update(fitting)
        if not fitting:
            unexplained.append(f"{name}: {theirs!r} in the contract, {ours!r} here")
    assert not unexplained, "\n".join(unexplained)
    assert [entry for at, entry in enumerate(DIFFERENCES) if at not in used] == []


@pytest.mark.once
def test_components_have_the_contracts_names_so_that_clients_of_either_look_alike() -> None:
    contract = json.loads(CONTRACT.read_text(encoding="utf-8"))["components"]["schemas"]
    assert sorted(generate(DOCUMENT)["components"]["schemas"]) == sorted(contract)
