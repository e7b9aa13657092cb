"""Pages of other origins: let in only when the operator says so."""

from __future__ import annotations

from typing import Any

import pytest

from tests import wsgi

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("django_db_setup")]
PREFLIGHT = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
ALLOW = "access-control-allow-origin"


def test_by_default_no_page_is_let_in() -> None:
    assert ALLOW not in wsgi.call("GET", "/live").headers
    answer = wsgi.call("OPTIONS", "/api/v1/tasks", headers=PREFLIGHT)
    assert answer.status == 401 and ALLOW not in answer.headers


@pytest.mark.parametrize("origin", ["*", "https://a.example"])
def test_a_page_that_is_let_in_may_ask_and_call(settings: Any, origin: str) -> None:
    settings.OKMQ_CORS_ORIGIN = origin
    wanted = {**PREFLIGHT, "Access-Control-Request-Headers": "authorization,content-type"}
    answer = wsgi.call("OPTIONS", "/api/v1/tasks", headers=wanted)
    assert (answer.status, answer.content, answer.headers[ALLOW]) == (204, b"", origin)
    assert "DELETE" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"] == "authorization,content-type"
    for path, status in (("/live", 200), ("/api/v1/tasks", 401), ("/nowhere", 404)):
        called = wsgi.call("GET", path, headers={"Origin": "https://a.example"})
        assert (called.status, called.headers[ALLOW]) == (status, origin)
        assert ("vary" in called.headers) == (origin != "*")
        assert "X-Request-ID" in called.headers["access-control-expose-headers"]


def test_the_console_is_not_let_in(settings: Any) -> None:
    settings.OKMQ_CORS_ORIGIN = "*"
    assert ALLOW not in wsgi.call("GET", "/admin/login/").headers
