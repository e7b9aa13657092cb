"""What a browser may load and do, by the headers of every console answer."""

from __future__ import annotations

import re

import pytest

from okmq_site.console.policy import POLICY
from tests.server import Server
from tests.site import wire

from .people import Person

DIRECTIVES = dict(part.strip().partition(" ")[::2] for part in POLICY.split(";"))


@pytest.mark.once
@pytest.mark.parametrize(
    "path", ["/admin/login/", "/admin/", "/admin", "/static/console/console.css", "/admin/nothing/"]
)
def test_every_console_answer_carries_the_policy(server: Server, path: str) -> None:
    headers = wire.get(server, path).headers
    assert headers["content-security-policy"] == POLICY
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.once
def test_the_policy_names_no_other_origin_and_lets_nobody_frame() -> None:
    assert DIRECTIVES["default-src"] == "'none'"
    assert DIRECTIVES["frame-ancestors"] == "'none'"
    assert DIRECTIVES["form-action"] == "'self'"
    assert "'unsafe-inline'" not in DIRECTIVES["script-src"]
    sources = {source for value in DIRECTIVES.values() for source in value.split()}
    assert sources <= {"'none'", "'self'", "'unsafe-eval'", "'unsafe-inline'", "data:"}


@pytest.mark.once
def test_no_page_names_another_host(viewer: Person) -> None:
    for path in ("", "queues/", "messages/", "accounts/account/", "accounts/apikey/", "streams/stream/"):
        page = viewer.get(path)
        assert re.findall(r'(?:src|href|action)="(?:https?:)?//[^"]*', page) == []
        assert re.findall(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)", page) == []
