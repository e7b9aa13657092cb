"""Agentuity's routes. Each also answers with one slash at its end, without a redirect: that would turn a POST
into a GET."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, path

from queues.api.agentuity.analytics import AnalyticsViewSet
from queues.api.agentuity.destinations import DestinationViewSet
from queues.api.agentuity.messages import DeadLetterViewSet, MessageViewSet
from queues.api.agentuity.sources import IngestViewSet, SourceViewSet
from queues.api.agentuity.views import QueueViewSet


def _both(route: str, view: Any) -> Iterator[URLPattern]:
    yield path(f"queue/{route}", view)
    yield path(f"queue/{route}/", view)


# The hot routes first: the resolver tries them in order.
urlpatterns = [
    *_both("receive/<str:name>", MessageViewSet.as_view({"get": "receive"})),
    *_both("ack/<str:name>/<str:messageId>", MessageViewSet.as_view({"post": "ack"})),
    *_both("messages/publish/<str:name>", MessageViewSet.as_view({"post": "publish"})),
    *_both("messages/batch/<str:name>", MessageViewSet.as_view({"post": "batch"})),
    *_both("nack/<str:name>/<str:messageId>", MessageViewSet.as_view({"post": "nack"})),
    *_both("messages/get/<str:name>/<str:messageId>", MessageViewSet.as_view({"get": "retrieve"})),
    *_both("messages/offset/<str:name>/<str:offset>", MessageViewSet.as_view({"get": "retrieve_at"})),
    *_both("messages/list/<str:name>", MessageViewSet.as_view({"get": "list"})),
    *_both("messages/delete/<str:name>/<str:messageId>", MessageViewSet.as_view({"delete": "destroy"})),
    *_both("messages/replay/<str:name>/<str:messageId>", MessageViewSet.as_view({"post": "replay"})),
    *_both("consume/<str:name>", MessageViewSet.as_view({"get": "consume"})),
    *_both("head/<str:name>", MessageViewSet.as_view({"get": "head"})),
    *_both("tail/<str:name>", MessageViewSet.as_view({"get": "tail"})),
    *_both("create", QueueViewSet.as_view({"post": "create"})),
    *_both("get/<str:name>", QueueViewSet.as_view({"get": "retrieve"})),
    *_both("list", QueueViewSet.as_view({"get": "list"})),
    *_both("update/<str:name>", QueueViewSet.as_view({"patch": "update"})),
    *_both("delete/<str:name>", QueueViewSet.as_view({"delete": "destroy"})),
    *_both("pause/<str:name>", QueueViewSet.as_view({"post": "pause"})),
    *_both("resume/<str:name>", QueueViewSet.as_view({"post": "resume"})),
    *_both("destinations/create/<str:name>", DestinationViewSet.as_view({"post": "create"})),
    *_both("destinations/list/<str:name>", DestinationViewSet.as_view({"get": "list"})),
    *_both(
        "destinations/update/<str:name>/<str:destinationId>",
        DestinationViewSet.as_view({"patch": "update"}),
    ),
    *_both(
        "destinations/delete/<str:name>/<str:destinationId>",
        DestinationViewSet.as_view({"delete": "destroy"}),
    ),
    *_both(
        "destinations/deliveries/<str:name>/<str:destinationId>",
        DestinationViewSet.as_view({"get": "deliveries"}),
    ),
    *_both("sources/create/<str:name>", SourceViewSet.as_view({"post": "create"})),
    *_both("sources/list/<str:name>", SourceViewSet.as_view({"get": "list"})),
    *_both("sources/get/<str:name>/<str:sourceId>", SourceViewSet.as_view({"get": "retrieve"})),
    *_both("sources/update/<str:name>/<str:sourceId>", SourceViewSet.as_view({"patch": "update"})),
    *_both("sources/delete/<str:name>/<str:sourceId>", SourceViewSet.as_view({"delete": "destroy"})),
    *_both("sources/events/<str:name>/<str:sourceId>", SourceViewSet.as_view({"get": "events"})),
    *_both("ingest/<str:sourceId>", IngestViewSet.as_view({"post": "ingest"})),
    *_both("consumers/list/<str:name>", AnalyticsViewSet.as_view({"get": "consumers"})),
    *_both("analytics/org", AnalyticsViewSet.as_view({"get": "of_account"})),
    *_both("analytics/org/timeseries", AnalyticsViewSet.as_view({"get": "series_of_account"})),
    *_both("analytics/queue/<str:name>", AnalyticsViewSet.as_view({"get": "of_queue"})),
    *_both("analytics/timeseries/<str:name>", AnalyticsViewSet.as_view({"get": "series_of_queue"})),
    *_both("analytics/stream", AnalyticsViewSet.as_view({"get": "stream_of_account"})),
    *_both("analytics/stream/<str:name>", AnalyticsViewSet.as_view({"get": "stream_of_queue"})),
    *_both("ws/<str:name>", AnalyticsViewSet.as_view({"get": "websocket"})),
    *_both("dlq/list/<str:name>", DeadLetterViewSet.as_view({"get": "list"})),
    *_both("dlq/replay/<str:name>/<str:messageId>", DeadLetterViewSet.as_view({"post": "replay"})),
    *_both("dlq/purge/<str:name>", DeadLetterViewSet.as_view({"delete": "purge"})),
    *_both("dlq/delete/<str:name>/<str:messageId>", DeadLetterViewSet.as_view({"delete": "destroy"})),
]
