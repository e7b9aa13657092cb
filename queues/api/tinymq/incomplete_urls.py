"""The same without the topic or id they need: the views say so. No part of the API's document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, path

from queues.api.tinymq.management import TopicViewSet
from queues.api.tinymq.streaming import StreamViewSet
from queues.api.tinymq.views import MessageViewSet


def _both(verb: str, view: Any) -> Iterator[URLPattern]:
    yield path(f"{verb}/", view)
    yield path(verb, view)


urlpatterns = [
    *_both("publish", MessageViewSet.as_view({"post": "publish"})),
    *_both("consume", MessageViewSet.as_view({"get": "consume"})),
    *_both("ack", MessageViewSet.as_view({"post": "ack"})),
    path("ack/<rest:topic>", MessageViewSet.as_view({"post": "ack"})),
    *_both("stream", StreamViewSet.as_view({"get": "stream"})),
    *_both("webhook", TopicViewSet.as_view({"post": "register"})),
]
