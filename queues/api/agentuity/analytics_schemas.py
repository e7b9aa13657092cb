"""Figures as Agentuity's client spells them (agentuity.md section 7)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from msgspec import Meta, Struct

from queues.analytics import Holder, Taken
from queues.api.agentuity import ids
from queues.api.agentuity.fields import Count, Instant, NullableInstant, Success
from queues.api.times import format_time
from queues.broker import clock
from queues.broker.series import Point
from queues.broker.types import Micros

Granularity = Literal["minute", "hour", "day"]
Number = float
MILLI = 1000
"""Microseconds."""


class Consumer(Struct, kw_only=True):
    """An API key that has messages of the queue in its hands."""

    id: Annotated[str, Meta(description="'qcns_' prefix")]
    queue_id: str
    client_id: str | None
    durable: bool
    ip_address: str | None
    last_offset: int | None
    connected_at: Instant
    disconnected_at: NullableInstant
    created_at: Instant
    updated_at: Instant


class ConsumerListData(Struct):
    consumers: list[Consumer]
    total: Count


class ConsumerListResponse(Struct):
    success: Success
    data: ConsumerListData


class TimePeriod(Struct):
    start: Instant
    end: Instant
    granularity: Granularity


class LatencyStats(Struct):
    """Milliseconds; of the queue's last 1,000 messages those of the period."""

    avg_ms: Number
    p50_ms: Number
    p95_ms: Number
    p99_ms: Number
    max_ms: Number


class Current(Struct):
    backlog: Number
    dlq_count: Number
    messages_in_flight: Number
    active_consumers: Number
    oldest_message_age_seconds: Number | None


class PeriodStats(Struct):
    messages_published: Number
    messages_delivered: Number
    messages_acknowledged: Number
    messages_failed: Number
    messages_replayed: Number
    bytes_published: Annotated[Number, Meta(description="From the mean size of the last 1,000 messages.")]
    delivery_attempts: Number
    retry_count: Number


class DestinationAnalytics(Struct):
    id: str
    type: str
    url: str
    success_count: int
    failure_count: int
    last_success_at: NullableInstant
    last_failure_at: NullableInstant


class QueueAnalytics(Struct, kw_only=True):
    queue_id: str
    queue_name: str
    queue_type: str
    period: TimePeriod
    current: Current
    period_stats: PeriodStats
    latency: LatencyStats
    consumer_latency: LatencyStats
    destinations: list[DestinationAnalytics]


class Summary(Struct):
    total_queues: Number
    total_messages_published: Number
    total_messages_delivered: Number
    total_messages_acknowledged: Number
    total_dlq_messages: Number
    total_bytes_published: Number
    avg_latency_ms: Number
    p95_latency_ms: Number
    error_rate_percent: Number


class QueueSummary(Struct):
    id: str
    name: str
    queue_type: str
    messages_published: Number
    messages_delivered: Number
    messages_acknowledged: Number
    backlog: Number
    dlq_count: Number
    avg_latency_ms: Number
    error_rate_percent: Number


class OrgAnalytics(Struct):
    org_id: str
    period: TimePeriod
    summary: Summary
    queues: Annotated[list[QueueSummary], Meta(description="The 100 with the most messages.")]


class TimeSeriesPoint(Struct):
    """What happened in one step of the period."""

    timestamp: Instant
    throughput: Number
    delivery_rate: Number
    ack_rate: Number
    error_rate: Number
    avg_latency_ms: Number
    p95_latency_ms: Number
    backlog: Number
    messages_in_flight: Number


class TimeSeries(Struct):
    queue_id: str
    queue_name: str
    period: TimePeriod
    series: list[TimeSeriesPoint]


class StatsEvent(Struct):
    timestamp: Instant
    backlog: Number
    messages_in_flight: Number
    throughput_1m: Number
    delivery_rate_1m: Number
    error_rate_1m: Number
    avg_latency_ms: Number
    active_consumers: Number


class QueueAnalyticsData(Struct):
    analytics: QueueAnalytics


class QueueAnalyticsResponse(Struct):
    success: Success
    data: QueueAnalyticsData


class OrgAnalyticsData(Struct):
    analytics: OrgAnalytics


class OrgAnalyticsResponse(Struct):
    success: Success
    data: OrgAnalyticsData


class TimeSeriesData(Struct):
    timeseries: TimeSeries


class TimeSeriesResponse(Struct):
    success: Success
    data: TimeSeriesData


def consumer_json(holder: Holder, queue_id: int) -> Consumer:
    first = format_time(holder.first_claimed_at)
    return Consumer(
        id=ids.CONSUMER + holder.consumer.encode().hex(),
        queue_id=ids.queue_id(queue_id),
        client_id=holder.consumer,
        durable=False,
        ip_address=None,
        last_offset=holder.last_offset,
        connected_at=first,
        disconnected_at=None,
        created_at=first,
        updated_at=format_time(holder.last_claimed_at),
    )


def latency_json(durations: Iterable[Micros | None]) -> LatencyStats:
    found = sorted(duration / MILLI for duration in durations if duration is not None)
    if not found:
        return LatencyStats(0, 0, 0, 0, 0)

    def part(share: float) -> float:
        return found[min(int(len(found) * share), len(found) - 1)]

    return LatencyStats(sum(found) / len(found), part(0.5), part(0.95), part(0.99), found[-1])


def period_json(happened: Point, replayed: int, taken: list[Taken]) -> PeriodStats:
    return PeriodStats(
        messages_published=happened.published,
        messages_delivered=delivered(happened),
        messages_acknowledged=happened.acked,
        messages_failed=happened.died,
        messages_replayed=replayed,
        bytes_published=bytes_of(happened.published, taken),
        delivery_attempts=happened.received,
        retry_count=happened.received - delivered(happened),
    )


def delivered(happened: Point) -> int:
    """Deliveries that were no retries: what was given back comes once more."""
    return max(happened.received - happened.nacked, 0)


def bytes_of(published: int, taken: list[Taken]) -> float:
    mean = sum(one.size for one in taken) / len(taken) if taken else 0
    return round(published * mean)


def error_percent(happened: Point) -> float:
    ended = happened.died + happened.acked
    return round(100 * happened.died / ended, 2) if ended else 0


def within(taken: Iterable[Taken], start: Micros, end: Micros) -> list[Taken]:
    """Those that were handed out in the period."""
    return [one for one in taken if one.claimed_at is not None and start <= one.claimed_at < end]


def points_json(points: Iterable[Point], seconds: int, taken: list[Taken]) -> list[TimeSeriesPoint]:
    shown = []
    for point in points:
        begin = point.at - seconds * clock.SECOND
        latency = latency_json(one.wait for one in within(taken, begin, point.at))
        shown.append(
            TimeSeriesPoint(
                timestamp=format_time(begin),
                throughput=point.published,
                delivery_rate=point.received,
                ack_rate=point.acked,
                error_rate=point.died,
                avg_latency_ms=latency.avg_ms,
                p95_latency_ms=latency.p95_ms,
                backlog=point.pending + point.scheduled,
                messages_in_flight=point.processing,
            )
        )
    return shown
