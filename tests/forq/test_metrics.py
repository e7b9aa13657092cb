"""Forq's figures on the metrics page (forq.md section 9); what else is on it: tests/site/test_metrics.py."""

from __future__ import annotations

import re
from typing import Any

import pytest

from okmq_site.metrics import queue_figures
from okmq_site.metrics.instruments import Watch
from queues.broker import observe
from tests import wsgi

from .client import SECURITY, Client, Queue
from .test_life import fail

SECRET = "the metrics have a secret of their own"


@pytest.fixture(autouse=True)
def enabled(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.OKMQ_METRICS_ENABLED = True
    settings.OKMQ_METRICS_SECRET = SECRET.replace(" ", "-")
    settings.OKMQ_METRICS_QUEUES = 100_000
    monkeypatch.setattr(observe, "watcher", Watch())


def page(key: str | None = SECRET.replace(" ", "-")) -> wsgi.Answer:
    queue_figures.READER._until = 0.0  # figures are used for a moment
    return wsgi.call("GET", "/metrics", headers={} if key is None else {"X-API-Key": key})


def value(series: str) -> float | None:
    """The value in the line that begins with ``series``; None when there is no such line."""
    found = re.search(
        rf"^{re.escape(series)} ([0-9.e+]+)$", page().expect(200).content.decode(), re.MULTILINE
    )
    return None if found is None else float(found[1])


def of_queue(name: str, queue: str, kind: str = "regular") -> float | None:
    return value(f'forq_{name}{{queue_name="{queue}",queue_type="{kind}"}}')


@pytest.mark.contract("46")
def test_they_open_to_their_own_secret(forq: Client, settings: Any) -> None:
    for key in (None, forq.key, "wrong"):
        answer = page(key).expect(401)
        assert answer.json()["code"] == "unauthorized"
    answer = page().expect(200)
    assert answer.headers["content-type"].startswith("text/plain")
    assert SECURITY.items() <= answer.headers.items()
    assert b"\nforq_messages_stale_recovered_total " in answer.content
    settings.OKMQ_METRICS_ENABLED = False
    for key in (None, SECRET.replace(" ", "-")):
        page(key).expect(404)


@pytest.mark.contract("47")
def test_each_queue_has_its_figures(q: Queue) -> None:
    q.produce("x").expect(204)
    q.nack(q.take()).expect(204)
    for name in ("produced", "consumed", "nacked"):
        assert of_queue(f"messages_{name}_total", q.name) == 1
    assert of_queue("messages_acked_total", q.name) is None
    assert of_queue("queue_depth", q.name) == 1
    q.produce(5).expect(400)
    assert of_queue("messages_produced_total", q.name) == 1
    q.age(1)
    q.ack(q.take()).expect(204)
    assert of_queue("messages_acked_total", q.name) == 1
    assert of_queue("queue_depth", q.name) is None


@pytest.mark.contract("48")
def test_a_dead_letter_queue_is_told_as_one(q: Queue) -> None:
    before = {
        series: value(series) or 0
        for series in (
            'forq_messages_moved_to_dlq_total{reason="failed"}',
            'forq_messages_cleanup_total{reason="failed"}',
            "forq_messages_stale_recovered_total",
        )
    }
    q.produce("x").expect(204)
    fail(q)
    q.dlq().take()
    assert of_queue("messages_consumed_total", q.dlq().name, "dlq") == 1
    assert of_queue("queue_depth", q.dlq().name, "dlq") == 1
    assert of_queue("messages_produced_total", q.dlq().name, "dlq") is None
    q.dlq().age(301)
    for wait in (5, 15, 30, 0):
        q.dlq().nack(q.dlq().take()).expect(204)
        q.dlq().age(wait)
    assert q.dlq().ids() == []
    assert {series: (value(series) or 0) - count for series, count in before.items()} == dict.fromkeys(
        before, 1
    )
