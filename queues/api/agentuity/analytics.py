"""Consumers, figures, and figures as they change, of the Agentuity dialect (agentuity.md section 7)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import msgspec
from django.http import HttpResponse
from django.http.response import HttpResponseBase

from accounts.models import READ
from accounts.services import get_account
from queues import analytics, broker
from queues.api import query, sse
from queues.api.agentuity import analytics_openapi, answers, ids
from queues.api.agentuity import analytics_schemas as schemas
from queues.api.agentuity.fields import instant_or_none
from queues.api.agentuity.views import AgentuityViewSet, read_choice
from queues.api.problems import BadRequest, NotFound
from queues.api.times import MIN_INSTANT, format_time, parse_time
from queues.api.views import DialectRequest
from queues.broker import clock, directory, series
from queues.broker.samples import Values
from queues.broker.series import Point
from queues.broker.types import Micros, QueueInfo
from queues.push import destinations

HOUR, DAY = 3600, 86_400
STEPS: dict[str, int] = {"minute": 60, "hour": HOUR, "day": DAY}
LONGEST = {"minute": DAY, "hour": 7 * DAY, "day": 90 * DAY}
"""Seconds that a period may have with each granularity (section 7); a longer one is cut at its beginning."""
USUAL = {"minute": HOUR, "hour": DAY, "day": 30 * DAY}
LONGEST_INTERVAL = 3600

Happened = Callable[["Period", Values], Point]
_encoder = msgspec.json.Encoder()


class Period(NamedTuple):
    start: Micros
    end: Micros
    granularity: str

    def shown(self) -> schemas.TimePeriod:
        return schemas.TimePeriod(
            format_time(self.start),
            format_time(self.end),
            self.granularity,  # type: ignore[arg-type]
        )


class AnalyticsViewSet(AgentuityViewSet):
    action_scopes = dict.fromkeys(
        (
            "consumers", "of_account", "of_queue", "series_of_account", "series_of_queue",
            "stream_of_account", "stream_of_queue", "websocket",
        ),
        (READ,),
    )  # fmt: skip

    @analytics_openapi.consumers
    def consumers(self, request: DialectRequest, name: str) -> HttpResponse:
        queue = broker.get_queue(self.account_id, self.named(request, name))
        found = [schemas.consumer_json(holder, queue.id) for holder in analytics.holders(queue.id)]
        return answers.fields(schemas.ConsumerListData(found, len(found)))

    @analytics_openapi.of_queue
    def of_queue(self, request: DialectRequest, name: str) -> HttpResponse:
        queue, period = self._asked(request, name)
        now = analytics.now_of([queue.id])
        taken = analytics.last_messages(queue.id)
        part = schemas.within(taken, period.start, period.end)
        happened = self._happened(period, now, queue.name)
        replayed = analytics.replayed(queue.id, period.start, period.end)
        shown = schemas.QueueAnalytics(
            queue_id=ids.queue_id(queue.id),
            queue_name=queue.name,
            queue_type=queue.kind,
            period=period.shown(),
            current=schemas.Current(
                now.pending,
                now.dead,
                now.processing,
                len(analytics.holders(queue.id)),
                analytics.oldest_ready_seconds(queue.id),
            ),
            period_stats=schemas.period_json(happened, replayed, taken),
            latency=schemas.latency_json(one.wait for one in part),
            consumer_latency=schemas.latency_json(one.work for one in part),
            destinations=[
                schemas.DestinationAnalytics(
                    one.public_id,
                    one.kind.value,
                    one.target,
                    one.success_count,
                    one.failure_count,
                    instant_or_none(one.last_success_at),
                    instant_or_none(one.last_failure_at),
                )
                for one in destinations.list_all(self.account_id, queue.name)
            ],
        )
        return answers.one("analytics", shown)

    @analytics_openapi.of_account
    def of_account(self, request: DialectRequest) -> HttpResponse:
        period = read_period(request.params)
        every = analytics.queues_of(self.account_id)
        now = analytics.now_of(every)
        happened = self._happened(period, now)
        page = directory.page(
            self.account_id, sort=directory.Sort.MESSAGES, descending=True, limit=analytics.QUEUES_OF_ACCOUNT
        )
        taken: list[analytics.Taken] = []
        shown = []
        for queue, _ in page.queues:
            recent = analytics.last_messages(queue.id, analytics.RECENT_OF_EACH)
            taken += recent
            shown.append(self._summary(queue, period, recent))
        part = schemas.within(taken, period.start, period.end)
        latency = schemas.latency_json(one.wait for one in part)
        summary = schemas.Summary(
            total_queues=len(every),
            total_messages_published=happened.published,
            total_messages_delivered=schemas.delivered(happened),
            total_messages_acknowledged=happened.acked,
            total_dlq_messages=now.dead,
            total_bytes_published=schemas.bytes_of(happened.published, taken),
            avg_latency_ms=latency.avg_ms,
            p95_latency_ms=latency.p95_ms,
            error_rate_percent=schemas.error_percent(happened),
        )
        org = str(get_account(self.account_id).public_id)
        return answers.one("analytics", schemas.OrgAnalytics(org, period.shown(), summary, shown))

    @analytics_openapi.series_of_queue
    def series_of_queue(self, request: DialectRequest, name: str) -> HttpResponse:
        queue, period = self._asked(request, name)
        taken = analytics.last_messages(queue.id)
        points = self._points(period, STEPS[period.granularity], analytics.now_of([queue.id]), queue.name)
        return self._series(period, points, taken, ids.queue_id(queue.id), queue.name)

    @analytics_openapi.series_of_account
    def series_of_account(self, request: DialectRequest) -> HttpResponse:
        period = read_period(request.params)
        every = analytics.queues_of(self.account_id)
        busiest = analytics.busiest(self.account_id)
        taken = [
            one for queue_id in busiest for one in analytics.last_messages(queue_id, analytics.RECENT_OF_EACH)
        ]
        points = self._points(period, STEPS[period.granularity], analytics.now_of(every))
        return self._series(period, points, taken, "", "")

    @analytics_openapi.stream_of_queue
    def stream_of_queue(self, request: DialectRequest, name: str) -> HttpResponseBase:
        name = self.named(request, name)
        interval = self.after_lookup(name, lambda: read_interval(request.params))
        queue = broker.get_queue(self.account_id, name)
        return sse.response(
            request._request, Live(partial(self._happened, queue=name), lambda: [queue.id], interval)
        )

    @analytics_openapi.stream_of_account
    def stream_of_account(self, request: DialectRequest) -> HttpResponseBase:
        interval = read_interval(request.params)
        every = partial(analytics.queues_of, self.account_id)
        return sse.response(request._request, Live(self._happened, every, interval))

    @analytics_openapi.websocket
    def websocket(self, request: DialectRequest, name: str) -> HttpResponse:
        raise NotFound(
            "this server has no WebSocket: receive messages with /queue/receive, or read them by offset with "
            "/queue/consume"
        )

    def _asked(self, request: DialectRequest, name: str) -> tuple[QueueInfo, Period]:
        name = self.named(request, name)
        period = self.after_lookup(name, lambda: read_period(request.params))
        return broker.get_queue(self.account_id, name), period

    def _series(
        self, period: Period, points: Sequence[Point], taken: list[analytics.Taken], queue_id: str, name: str
    ) -> HttpResponse:
        shown = schemas.points_json(points, STEPS[period.granularity], taken)
        return answers.one("timeseries", schemas.TimeSeries(queue_id, name, period.shown(), shown))

    def _points(self, period: Period, step: int, now: Values, queue: str | None = None) -> Sequence[Point]:
        """What happened in the period, to one queue or to all, in steps of so many seconds."""
        latest = now if period.end >= clock.now() - 60 * clock.SECOND else None
        if queue is None:
            return series.of_account(self.account_id, period.start, period.end, step, now=latest)
        return series.of_queue(self.account_id, queue, period.start, period.end, step, now=latest)

    def _happened(self, period: Period, now: Values, queue: str | None = None) -> Point:
        """The same in one step."""
        return self._points(period, -(-(period.end - period.start) // clock.SECOND), now, queue)[-1]

    def _summary(
        self, queue: QueueInfo, period: Period, recent: list[analytics.Taken]
    ) -> schemas.QueueSummary:
        now = analytics.now_of([queue.id])
        happened = self._happened(period, now, queue.name)
        part = schemas.within(recent, period.start, period.end)
        return schemas.QueueSummary(
            id=ids.queue_id(queue.id),
            name=queue.name,
            queue_type=queue.kind,
            messages_published=happened.published,
            messages_delivered=schemas.delivered(happened),
            messages_acknowledged=happened.acked,
            backlog=now.pending,
            dlq_count=now.dead,
            avg_latency_ms=schemas.latency_json(one.wait for one in part).avg_ms,
            error_rate_percent=schemas.error_percent(happened),
        )


class Live(sse.Source):
    """The figures of some queues, again and again. ``queue_ids``: which they are by then."""

    def __init__(self, happened: Happened, queue_ids: Callable[[], list[int]], interval: float) -> None:
        self.happened = happened
        self.queue_ids = queue_ids
        self.every_seconds = interval

    def look(self) -> bytes:
        at = clock.now()
        queue_ids = self.queue_ids()
        now = analytics.now_of(queue_ids)
        happened = self.happened(Period(at - 60 * clock.SECOND, at, "minute"), now)
        recent = [
            one
            for queue_id in queue_ids[: analytics.QUEUES_OF_ACCOUNT]
            for one in analytics.last_messages(queue_id, analytics.RECENT_OF_EACH)
        ]
        part = schemas.within(recent, at - 60 * clock.SECOND, at)
        consumers = {
            holder.consumer
            for queue_id in queue_ids[: analytics.QUEUES_OF_ACCOUNT]
            for holder in analytics.holders(queue_id)
        }
        told = schemas.StatsEvent(
            timestamp=format_time(at),
            backlog=now.pending,
            messages_in_flight=now.processing,
            throughput_1m=happened.published,
            delivery_rate_1m=happened.received,
            error_rate_1m=happened.died,
            avg_latency_ms=schemas.latency_json(one.wait for one in part).avg_ms,
            active_consumers=len(consumers),
        )
        return b"data: " + _encoder.encode(told) + b"\n\n"


def read_period(params: query.Params) -> Period:
    """Raises BadRequest."""
    granularity = read_choice(params, "granularity", {name: name for name in STEPS}, "hour")
    end = _instant(params, "end", clock.now())
    usual = max(end - USUAL[granularity] * clock.SECOND, MIN_INSTANT)
    start = _instant(params, "start", usual)
    if start >= end:
        raise BadRequest("start: must be before end")
    start = max(start, end - LONGEST[granularity] * clock.SECOND)
    return Period(start, end, granularity)


def read_interval(params: query.Params) -> float:
    """Seconds between two events. Raises BadRequest."""
    return query.integer(params, "interval", 5, 1, LONGEST_INTERVAL)


def _instant(params: query.Params, name: str, default: Micros) -> Micros:
    text = params.get(name)
    if text is None:
        return default
    try:
        return parse_time(text)
    except ValueError as error:
        raise BadRequest(f"{name}: {error}") from None
