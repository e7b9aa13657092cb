from __future__ import annotations

import time

import pytest

from okmq_site import health
from tests.server import Server
from tests.site import wire


def test_live_answers(server: Server) -> None:
    answer = wire.get(server, "/live")
    assert answer.status == 200
    assert answer.json() == {"status": "alive"}


@pytest.mark.usefixtures("django_db_setup")
def test_live_asks_no_database(client, django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    with django_assert_num_queries(0):
        assert client.get("/live").status_code == 200


def test_ready_answers_when_the_database_does(server: Server) -> None:
    answer = wire.get(server, "/ready")
    assert answer.status == 200
    assert answer.json() == {"status": "ready"}


@pytest.mark.parametrize("path", ["/live", "/ready"])
def test_head_has_no_body(server: Server, path: str) -> None:
    answer = wire.get(server, path, "HEAD")
    assert (answer.status, answer.body, answer.more) == (200, b"", b"")


@pytest.mark.parametrize("path", ["/live", "/ready"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_refused(server: Server, path: str, method: str) -> None:
    answer = wire.get(server, path, method)
    assert answer.status == 405
    assert answer.headers["allow"] == "GET, HEAD"
    assert list(answer.json()) == ["error"]


def test_ready_says_when_the_database_hangs(monkeypatch: pytest.MonkeyPatch, client) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    monkeypatch.setattr(health, "PROBE_SECONDS", 0.05)
    with health._probing:  # as a probe that never came back holds it
        begin = time.monotonic()
        answer = client.get("/ready")
    assert time.monotonic() - begin < 5
    assert answer.status_code == 503
    assert answer.json() == {"error": "the database does not answer"}
    assert answer["Retry-After"] == "1"


def test_ready_says_when_the_database_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def cursor(self) -> None:
            raise ConnectionError

        def close(self) -> None:
            pass

    monkeypatch.setattr(health, "connection", Broken())
    assert health.database_trouble(5.0) == "the database cannot be used: ConnectionError"
