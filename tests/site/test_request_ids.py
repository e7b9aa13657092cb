from __future__ import annotations

import pytest

from okmq_site import request_ids
from tests.server import Server
from tests.site import wire


@pytest.mark.parametrize("text", ["a", "x" * 128, "1-2:3/4 ~", "trace=1;span=2"])
def test_printable_ascii_is_taken_over(server: Server, text: str) -> None:
    for path in ("/live", "/queues", "/nowhere", "/admin/login/", "/static/nowhere.css", "/metrics"):
        assert wire.get(server, path, "GET", f"X-Request-ID: {text}").headers["x-request-id"] == text


@pytest.mark.parametrize("text", ["", "x" * 129, "é", "tab\there"])
def test_anything_else_is_replaced(text: str) -> None:
    made = request_ids.take({"HTTP_X_REQUEST_ID": text})
    assert made != text
    assert request_ids.is_valid(made)
    assert request_ids.current.get() == made


def test_every_request_without_one_gets_its_own(server: Server) -> None:
    made = {
        wire.get(server, path).headers["x-request-id"] for path in ("/live", "/live", "/queues", "/admin")
    }
    assert len(made) == 4


def test_what_gunicorn_refuses_has_one_too(server: Server) -> None:
    assert request_ids.is_valid(wire.exchange(server, b"GARBAGE\r\n\r\n").headers["x-request-id"])
