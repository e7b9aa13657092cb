"""The documents as they are generated and served, and the page that shows them."""

from __future__ import annotations

import json
import re
from collections import Counter
from html.parser import HTMLParser
from importlib import import_module
from typing import Any

import pytest
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.validation import validate_schema

from okmq_site.documents import DOCUMENTS
from queues.api.openapi.document import Document
from queues.api.openapi.generate import generate
from tests.server import Server
from tests.site import wire

pytestmark = pytest.mark.once
OPEN = {("/healthcheck", "get"), ("/healthz", "get"), ("/queue/ingest/{sourceId}", "post")}
"""Operations that ask for no key."""
every_document = pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)


def operations(generated: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (path, method): operation
        for path, item in generated["paths"].items()
        for method, operation in item.items()
    }


@every_document
def test_a_document_is_valid_and_nothing_in_it_is_guessed(document: Document) -> None:
    generated = generate(document)
    validate_schema(generated)  # type: ignore[no-untyped-call]
    assert not GENERATOR_STATS
    names = Counter(operation["operationId"] for operation in operations(generated).values())
    assert [name for name, count in names.items() if count > 1] == []


@every_document
def test_every_route_is_described(document: Document) -> None:
    routed = set()
    for pattern in import_module(document.urlconf).urlpatterns:
        path = "/" + re.sub(r"<\w+:(\w+)>", r"{\1}", str(pattern.pattern))
        # DRF adds "head" when a view is first called; our views refuse it.
        routed |= {(path.rstrip("/"), method) for method in pattern.callback.actions if method != "head"}
    assert operations(generate(document)).keys() == routed


@every_document
def test_every_operation_names_its_key_and_its_errors(document: Document) -> None:
    for place, operation in operations(generate(document)).items():
        for status, answer in operation["responses"].items():
            media = {document.error_media_type, "application/json"}
            assert status < "400" or media & answer["content"].keys(), (place, status)
        if place in OPEN:
            assert "security" not in operation
            continue
        none: list[dict[str, Any]] = [{}] if document.key_is_optional else []
        assert operation["security"] == [{name: []} for name in document.security] + none, place
        assert document.errors.keys() <= {int(status) for status in operation["responses"]}, place


@every_document
def test_what_a_document_refers_to_is_in_it(document: Document) -> None:
    made = generate(document)
    named = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(made)))
    assert named <= made["components"]["schemas"].keys()


@every_document
def test_a_document_is_served_and_need_not_be_sent_twice(document: Document, server: Server) -> None:
    path = f"/openapi/{document.name}.json"
    first = wire.get(server, path)
    assert (first.status, first.json()) == (200, json.loads(json.dumps(generate(document))))
    again = wire.get(server, path, "GET", f"If-None-Match: {first.headers['etag']}")
    assert (again.status, again.body) == (304, b"")


def test_there_are_no_other_documents(server: Server) -> None:
    answer = wire.get(server, "/openapi/nope.json")
    assert (answer.status, answer.json()) == (404, {"error": "not found"})
    answer = wire.get(server, "/openapi/okmq.json", "POST", "Content-Length: 0")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
    assert answer.json()["error"]


class Page(HTMLParser):
    """What a page fetches and links to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.linked: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src") and value:
                (self.linked if tag == "a" else self.fetched).append(value)


def test_the_page_lists_every_document_and_fetches_nothing_from_elsewhere(server: Server) -> None:
    answer = wire.get(server, "/docs/")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/html")
    text = answer.body.decode()
    page = Page(text)
    assert page.linked == [f"/openapi/{name}.json" for name in DOCUMENTS]
    assert len(page.fetched) == 4
    for path in page.fetched:
        assert path.startswith("/static/drf_spectacular_sidecar/"), path
        assert wire.get(server, path).status == 200, path
    # Swagger UI would ask a validator elsewhere about every document.
    assert "validatorUrl: null" in text
    assert "//" not in text.replace(",  // or it", "")


def test_the_page_may_not_reach_another_origin(server: Server) -> None:
    answer = wire.get(server, "/docs/")
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert "//" not in answer.headers["content-security-policy"]
    nonce = re.search(rb'<script nonce="([^"]+)">', answer.body)
    assert nonce is not None
    assert f"'nonce-{nonce[1].decode()}'" in policy["script-src"]
    assert nonce[1] not in wire.get(server, "/docs/").body
    assert wire.get(server, "/docs").headers["location"] == "/docs/"
