"""Keys over HTTP: revoked in every process within five seconds, wrong ones slowed down by address."""

from __future__ import annotations

from time import monotonic, sleep

import pytest

from tests.server import Server, ServerFactory

from .client import Client, Queue
from .conftest import NewClient

REVOKED_WITHIN_SECONDS = 5.5  # five, and the answer's way


@pytest.fixture(scope="module")
def strict(server_factory: ServerFactory) -> Server:
    """Two processes with the real limit on wrong keys."""
    return server_factory.start(processes=2, OKMQ_WRONG_KEYS_PER_MINUTE="5", OKMQ_TRUST_PROXY_HEADERS="true")


def statuses(client: Client, times: int, key: str, address: str) -> list[int]:
    """Each on a connection of its own: they reach different processes."""
    found = []
    for _ in range(times):
        one = Client(f"http://{client.host}:{client.port}", key)
        headers = {"X-Forwarded-For": f"6.6.6.6, {address}"}
        answer = one.request("GET", "/account", headers=headers)
        if answer.status == 429:
            assert 1 <= int(answer.headers["Retry-After"]) <= 60
        found.append(answer.status)
        one.close()
    return found


def test_the_sixth_wrong_key_from_an_address_waits(client_of: NewClient, strict: Server) -> None:
    mq = client_of(on=strict)
    wrong = ["wrong", mq.key[:-1] + ("a" if mq.key[-1] != "a" else "b")]
    assert statuses(mq, 3, wrong[0], "10.0.0.1") + statuses(mq, 2, wrong[1], "10.0.0.1") == [401] * 5
    assert statuses(mq, 6, wrong[0], "10.0.0.1") == [429] * 6
    assert statuses(mq, 4, mq.key, "10.0.0.1") == [200] * 4
    assert statuses(mq, 2, wrong[1], "10.0.0.1") == [429] * 2
    assert statuses(mq, 5, wrong[0], "10.0.0.2") == [401] * 5


def test_no_key_is_not_a_wrong_key(client_of: NewClient, strict: Server) -> None:
    mq = client_of(on=strict)
    for _ in range(8):
        mq.request("GET", "/account", headers={"Authorization": None, "X-Forwarded-For": "10.0.0.3"}).expect(
            401
        )
    assert statuses(mq, 1, "wrong", "10.0.0.3") == [401]


def test_a_revoked_key_is_refused_everywhere_within_five_seconds(
    client_of: NewClient, strict: Server
) -> None:
    owner = client_of(on=strict)
    Queue(owner, "q").create()
    lost = client_of(owner.email, on=strict)
    # On many connections, so that every process has it in its cache.
    assert statuses(lost, 20, lost.key, "10.0.0.4") == [200] * 20
    done = strict.run_python("manage.py", "revokekey", lost.key.split("_")[1])
    assert "revoked" in done.communicate(timeout=60)[0]
    revoked = monotonic()
    while monotonic() < revoked + REVOKED_WITHIN_SECONDS:
        sleep(0.1)
        owner.get("/queues").expect(200)
        statuses(lost, 1, lost.key, "10.0.0.6")
    assert set(statuses(lost, 20, lost.key, "10.0.0.5")) <= {401, 429}
    owner.get("/account").expect(200)
