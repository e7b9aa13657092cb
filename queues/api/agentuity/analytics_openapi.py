"""The OpenAPI document's part on consumers and figures, which the original's document does not have."""

from __future__ import annotations

from http import HTTPStatus

from queues.api.agentuity import analytics_schemas as schemas
from queues.api.agentuity.openapi import BAD_REQUEST, BEYOND, NO_QUEUE, ORG, one_of
from queues.api.openapi.document import Answer, Operation, Query, ok

INSTANT = {"type": "string", "format": "date-time"}
PERIOD = (
    Query("start", INSTANT, "From; else an hour, a day or 30 days before the end, as granularity is."),
    Query("end", INSTANT, "To; else now."),
    Query("granularity", one_of("minute", "hour", "day", default="hour"), "At most 24 h, 7 d, 90 d of them."),
    Query("project_id", {"type": "string"}, "Has no effect."),
    Query("agent_id", {"type": "string"}, "Has no effect."),
)
INTERVAL = (
    Query(
        "interval",
        {"type": "integer", "minimum": 1, "maximum": 3600, "default": 5},
        "Seconds between events.",
    ),
)
STREAM = {503: "Too many streams are open, or the database is not available."}

consumers = Operation(
    id="listConsumers",
    tag=BEYOND,
    summary="List the API keys that have messages of a queue in their hands",
    headers=ORG,
    answer=ok("The consumers.", schemas.ConsumerListResponse),
    errors=NO_QUEUE,
)
of_account = Operation(
    id="getOrgAnalytics",
    tag=BEYOND,
    summary="Figures over all queues",
    headers=ORG,
    query=PERIOD,
    answer=ok("The figures.", schemas.OrgAnalyticsResponse),
    errors=BAD_REQUEST,
)
of_queue = Operation(
    id="getQueueAnalytics",
    tag=BEYOND,
    summary="Figures of one queue",
    headers=ORG,
    query=PERIOD,
    answer=ok("The figures.", schemas.QueueAnalyticsResponse),
    errors=BAD_REQUEST | NO_QUEUE,
)
series_of_account = Operation(
    id="getOrgTimeSeries",
    tag=BEYOND,
    summary="Figures over all queues, step by step",
    headers=ORG,
    query=PERIOD,
    answer=ok("The series.", schemas.TimeSeriesResponse),
    errors=BAD_REQUEST,
)
series_of_queue = Operation(
    id="getQueueTimeSeries",
    tag=BEYOND,
    summary="Figures of one queue, step by step",
    headers=ORG,
    query=PERIOD,
    answer=ok("The series.", schemas.TimeSeriesResponse),
    errors=BAD_REQUEST | NO_QUEUE,
)
stream_of_account = Operation(
    id="streamOrgAnalytics",
    tag=BEYOND,
    summary="Figures over all queues as they change",
    description="Server-sent events: a line `data: ` with a StatsEvent each.",
    headers=ORG,
    query=INTERVAL,
    answer=ok("The events."),
    errors=BAD_REQUEST | STREAM,
)
stream_of_queue = Operation(
    id="streamQueueAnalytics",
    tag=BEYOND,
    summary="Figures of one queue as they change",
    description="Server-sent events: a line `data: ` with a StatsEvent each.",
    headers=ORG,
    query=INTERVAL,
    answer=ok("The events."),
    errors=BAD_REQUEST | NO_QUEUE | STREAM,
)
websocket = Operation(
    id="subscribeToQueue",
    tag=BEYOND,
    summary="Not served: this server has no WebSocket",
    answer=Answer(HTTPStatus.SWITCHING_PROTOCOLS, "Never."),
    errors={404: "Always, with a text that says what to use instead."},
)
