"""Consumers, figures over time, and figures as they change (agentuity.md section 7)."""

from __future__ import annotations

import json
from contextlib import closing
from typing import Any

import pytest

from queues.api.times import format_time
from queues.broker import clock
from queues.fields import to_datetime
from queues.models import QueueSample
from tests import wsgi

from .client import Client, Queue, data
from .conftest import NewQueue

MINUTE = clock.micros(60)


def sample(queue_id: int, at: int, span: int = 60, **values: int) -> None:
    names = [
        "published_total", "received_total", "acked_total", "nacked_total", "dead_total", "expired_total",
        "pending", "processing", "scheduled", "dead", "bytes",
    ]  # fmt: skip
    columns = {name: values.get(name, 0) for name in names}
    QueueSample.objects.create(queue_id=queue_id, at=to_datetime(at), span_seconds=span, **columns)


def work(q: Queue) -> None:
    """Four published, three handed out, one of them acknowledged, one dead."""
    for payload in ("acked", "dead", "held", "waiting"):
        q.publish(payload)
    acked, dead, _ = q.take(), q.take(), q.take()
    q.ack(acked["id"])
    q.nack(dead["id"])


@pytest.fixture
def busy(new_queue: NewQueue) -> Queue:
    q = new_queue(max_retries=1)
    work(q)
    return q


def test_consumers_are_the_keys_that_hold_messages(q: Queue) -> None:
    listed = data(q.call("GET", "consumers/list"))
    assert listed == {"consumers": [], "total": 0}
    q.publish()
    q.publish()
    q.take()
    taken = q.take()
    found = data(q.call("GET", "consumers/list"))
    (consumer,) = found["consumers"]
    assert found["total"] == 1 and consumer["client_id"].startswith("key ")
    assert consumer["id"].startswith("qcns_") and consumer["id"][5:].isalnum()
    assert (consumer["queue_id"], consumer["last_offset"]) == (taken["queue_id"], 1)


def test_figures_of_a_queue(busy: Queue) -> None:
    found = data(busy.call("GET", "analytics/queue", granularity="minute"))["analytics"]
    assert (found["queue_name"], found["queue_type"]) == (busy.name, "worker")
    assert found["period"]["granularity"] == "minute"
    current = found["current"]
    assert current.pop("oldest_message_age_seconds") >= 0
    assert current == {"backlog": 1, "dlq_count": 1, "messages_in_flight": 1, "active_consumers": 1}
    assert found["period_stats"] == {
        "messages_published": 4,
        "messages_delivered": 2,
        "messages_acknowledged": 1,
        "messages_failed": 1,
        "messages_replayed": 0,
        "bytes_published": 28,
        "delivery_attempts": 3,
        "retry_count": 1,
    }
    assert found["latency"]["max_ms"] >= found["latency"]["p50_ms"] > 0
    assert found["consumer_latency"]["avg_ms"] > 0
    assert found["destinations"] == []


def test_a_period_is_told_from_the_samples_before_and_at_its_end(q: Queue) -> None:
    now = clock.now()
    id = q.handle().id
    sample(id, now - 70 * MINUTE)
    sample(id, now - 50 * MINUTE, published_total=10, received_total=8, acked_total=7, dead_total=1)
    sample(
        id, now - 20 * MINUTE, published_total=30, received_total=20, acked_total=15, dead_total=2, pending=9
    )

    def published(start: int, end: int) -> int:
        asked = {"start": format_time(now - start * MINUTE), "end": format_time(now - end * MINUTE)}
        found = data(q.call("GET", "analytics/queue", **asked))["analytics"]
        return int(found["period_stats"]["messages_published"])

    assert published(60, 10) == 30
    assert published(40, 10) == 20
    assert published(45, 30) == 0
    assert published(15, 5) == 0


def test_a_series_has_a_point_for_each_step(q: Queue) -> None:
    now = clock.now()
    start = now - 5 * MINUTE
    id = q.handle().id
    sample(id, start - MINUTE, published_total=100, received_total=50)
    sample(id, start + MINUTE // 2, published_total=103, received_total=51, pending=7, processing=2)
    sample(id, start + 3 * MINUTE - 1, published_total=110, received_total=60, acked_total=4, dead_total=2)
    asked = {"start": format_time(start), "end": format_time(start + 4 * MINUTE), "granularity": "minute"}
    series = data(q.call("GET", "analytics/timeseries", **asked))["timeseries"]
    assert series["queue_name"] == q.name
    points = series["series"]
    assert [point["throughput"] for point in points] == [3, 0, 7, 0]
    assert [point["delivery_rate"] for point in points] == [1, 0, 9, 0]
    assert [(point["ack_rate"], point["error_rate"]) for point in points][2] == (4, 2)
    assert (points[0]["backlog"], points[1]["messages_in_flight"]) == (7, 2)
    assert points[0]["timestamp"] == format_time(start)


def test_long_periods_are_told_from_the_hourly_samples(q: Queue) -> None:
    now = clock.now()
    id = q.handle().id
    sample(id, now - 90 * 60 * MINUTE, span=3600)
    for hours in (80, 60, 50):
        sample(id, now - hours * 60 * MINUTE, span=3600, published_total=100 - hours)
    start, end = now - 100 * 24 * 60 * MINUTE, now - 40 * 60 * MINUTE
    asked = {"start": format_time(start), "end": format_time(end), "granularity": "day"}
    series = data(q.call("GET", "analytics/timeseries", **asked))["timeseries"]["series"]
    assert len(series) == 90
    assert [point["throughput"] for point in series[-3:]] == [0, 20, 30]


def test_figures_of_the_account(ag: Client, busy: Queue, new_queue: NewQueue) -> None:
    idle = new_queue()
    found = data(ag.call("GET", "/queue/analytics/org"))["analytics"]
    assert found["org_id"] == str(ag.account.public_id)
    summary = found["summary"]
    assert (summary["total_queues"], summary["total_messages_published"]) == (2, 4)
    assert (summary["total_messages_acknowledged"], summary["total_dlq_messages"]) == (1, 1)
    assert summary["error_rate_percent"] == 50 and summary["avg_latency_ms"] > 0
    assert [queue["name"] for queue in found["queues"]] == [busy.name, idle.name]
    assert found["queues"][0]["messages_published"] == 4
    series = data(ag.call("GET", "/queue/analytics/org/timeseries", granularity="minute"))["timeseries"]
    assert sum(point["throughput"] for point in series["series"]) == 4


@pytest.mark.parametrize(
    "query",
    [{"granularity": "year"}, {"start": "yesterday"}, {"end": "2026"}, {"start": "9000-01-01T00:00:00Z"}],
)
def test_what_is_no_period(ag: Client, q: Queue, query: dict[str, Any]) -> None:
    for path in ("/queue/analytics/org", f"/queue/analytics/queue/{q.name}"):
        ag.call("GET", path, **query).expect(400)
    ag.call("GET", "/queue/analytics/queue/none", **query).expect(404)


@pytest.mark.parametrize("of_queue", [True, False])
def test_figures_as_they_change(busy: Queue, of_queue: bool) -> None:
    path = f"/queue/analytics/stream/{busy.name}" if of_queue else "/queue/analytics/stream"
    headers, stream = wsgi.open_stream(f"{path}?interval=1", {"Authorization": f"Bearer {busy.client.key}"})
    assert headers["content-type"].startswith("text/event-stream")
    with closing(stream):
        lines = (line for chunk in stream for line in chunk.decode().splitlines())
        told = (json.loads(line[6:]) for line in lines if line.startswith("data: "))
        first, second = next(told), next(told)
    assert first == first | {"backlog": 1, "messages_in_flight": 1, "throughput_1m": 4, "error_rate_1m": 1}
    assert (first["active_consumers"], first["delivery_rate_1m"]) == (1, 3)
    assert second["timestamp"] > first["timestamp"]


def test_figures_of_the_account_have_queues_that_came_later(ag: Client, q: Queue) -> None:
    _, stream = wsgi.open_stream("/queue/analytics/stream?interval=1", {"Authorization": f"Bearer {ag.key}"})
    with closing(stream):
        lines = (line for chunk in stream for line in chunk.decode().splitlines())
        told = (json.loads(line[6:]) for line in lines if line.startswith("data: "))
        assert next(told)["backlog"] == 0
        ag.create(f"{q.name}-2").publish()
        assert next(told)["backlog"] == 1


@pytest.mark.parametrize("end", ["0001-01-01T00:00:00.1Z", "9999-12-31T23:59:59Z"])
def test_a_period_may_lie_at_either_end_of_time(ag: Client, busy: Queue, end: str) -> None:
    for action in ("analytics/queue", "analytics/timeseries"):
        data(busy.call("GET", action, end=end, granularity="day"))
    for path in ("/queue/analytics/org", "/queue/analytics/org/timeseries"):
        data(ag.call("GET", path, end=end, granularity="day"))


def test_no_stream_of_nothing(ag: Client) -> None:
    ag.call("GET", "/queue/analytics/stream/none").expect(404)
    ag.call("GET", "/queue/analytics/stream", interval=0).expect(400)


def test_there_is_no_websocket(ag: Client, q: Queue) -> None:
    answer = ag.call("GET", f"/queue/ws/{q.name}").expect(404)
    assert "/queue/receive" in answer.json()["message"]
