from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

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


@pytest.mark.parametrize("path", ["/live", "/ready", "/health"])
def test_head_has_no_body(server: Server, path: str) -> None:
    answer = wire.get(server, path, "HEAD")
    assert (answer.status, answer.body, answer.more) == (200, b"", b"")


@pytest.mark.parametrize("path", ["/live", "/ready", "/health"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_refused(server: Server, path: str, method: str) -> None:
    answer = wire.get(server, path, method)
    assert answer.status == 405
    assert answer.headers["allow"] == "GET, HEAD"
    assert answer.json()["error"]


def test_ready_says_when_the_database_hangs(monkeypatch: pytest.MonkeyPatch, client) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    monkeypatch.setattr(health, "PROBE_SECONDS", 0.05)
    with health._probing:  # as a probe that never came back holds it
        begin = time.monotonic()
        answer = client.get("/ready")
    assert time.monotonic() - begin < 5
    assert answer.status_code == 503
    assert answer.json() == {
        "status": "not ready",
        "reason": "database unavailable",
        "detail": "the database does not answer",
    }
    assert answer["Retry-After"] == "1"


@pytest.mark.parametrize("state", ["healthy", "unhealthy"])
def test_health_tells_of_each_service(monkeypatch: pytest.MonkeyPatch, client, state: str) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    monkeypatch.setattr(health, "database_trouble", lambda seconds: None if state == "healthy" else "away")
    answer = client.get("/health")
    assert answer.status_code == (200 if state == "healthy" else 503)
    told = answer.json()
    assert told["status"] == state
    assert told["services"] == {"redis": state, "database": state}
    assert abs(datetime.fromisoformat(told["timestamp"]) - datetime.now(UTC)) < timedelta(minutes=5)
    assert answer["Cache-Control"] == "no-store"


def test_ready_says_when_the_database_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def cursor(self) -> None:
            raise ConnectionError

        def close(self) -> None:
            pass

    monkeypatch.setattr(health, "connection", Broken())
    assert health.database_trouble(5.0) == "the database cannot be used: ConnectionError"
