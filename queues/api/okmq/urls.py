"""OKMQ's routes. Each also answers with one trailing slash, without a redirect (contract section 1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, path

import queues.api.names  # noqa: F401  (the converter "rest")
from queues.api.okmq.account import AccountViewSet
from queues.api.okmq.streams import StreamMessageViewSet, StreamViewSet
from queues.api.okmq.views import MessageViewSet, QueueViewSet, TopicViewSet


def _both(route: str, view: Any) -> Iterator[URLPattern]:
    yield path(route, view)
    yield path(route + "/", view)


# The hot routes first: the resolver tries them in order.
urlpatterns = [
    *_both(
        "queues/<str:queue>/messages",
        MessageViewSet.as_view({"get": "receive", "post": "enqueue", "delete": "delete_many"}),
    ),
    *_both("queues/<str:queue>/ack", MessageViewSet.as_view({"post": "ack"})),
    *_both("topics/<str:topic>/messages", TopicViewSet.as_view({"post": "publish"})),
    *_both(
        "streams/<str:stream>/messages",
        StreamMessageViewSet.as_view({"get": "consume", "post": "produce", "delete": "delete_many"}),
    ),
    *_both("streams/<str:stream>/commit", StreamMessageViewSet.as_view({"post": "commit"})),
    # An id may contain slashes; the view deals with one trailing slash.
    path(
        "queues/<str:queue>/messages/<rest:id>",
        MessageViewSet.as_view({"get": "retrieve", "delete": "destroy"}),
    ),
    *_both("queues/<str:queue>/resetfailed", MessageViewSet.as_view({"post": "reset_failed"})),
    *_both("queues/<str:queue>/stats", QueueViewSet.as_view({"get": "stats"})),
    *_both(
        "queues/<str:queue>",
        QueueViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
    ),
    *_both("queues", QueueViewSet.as_view({"get": "list", "post": "create"})),
    *_both(
        "streams/<str:stream>",
        StreamViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
    ),
    *_both("streams", StreamViewSet.as_view({"get": "list", "post": "create"})),
    *_both("account", AccountViewSet.as_view({"get": "retrieve"})),
]
