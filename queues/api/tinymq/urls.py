"""TinyMQ's routes. A topic may contain slashes: it is the rest of the path, less one slash at its end; in an
ack all before the last slash. Routes without a topic have no second form with a slash (tinymq.md section
1)."""

from __future__ import annotations

from django.urls import path

from queues.api import names  # noqa: F401  (the converter ``rest``)
from queues.api.tinymq.management import GroupViewSet, QueueViewSet, ServerViewSet, TopicViewSet
from queues.api.tinymq.streaming import StreamViewSet
from queues.api.tinymq.views import MessageViewSet

urlpatterns = [
    path("publish/<rest:topic>", MessageViewSet.as_view({"post": "publish"})),
    path("consume/<rest:topic>", MessageViewSet.as_view({"get": "consume"})),
    path("ack/<rest:topic>/<str:id>", MessageViewSet.as_view({"post": "ack"})),
    path("requeue", MessageViewSet.as_view({"post": "requeue"})),
    path("webhook/<rest:topic>", TopicViewSet.as_view({"post": "register"})),
    path("api/topics", TopicViewSet.as_view({"post": "create"})),
    path("api/stats", TopicViewSet.as_view({"get": "stats"})),
    path("api/queues", TopicViewSet.as_view({"get": "list", "post": "create_queue"})),
    path("api/queues/peek", QueueViewSet.as_view({"get": "peek"})),
    path("api/queues/publish", QueueViewSet.as_view({"post": "publish"})),
    path("api/queues/consume", QueueViewSet.as_view({"post": "consume"})),
    path("api/queues/purge", QueueViewSet.as_view({"delete": "purge"})),
    path("api/queues/delete", QueueViewSet.as_view({"delete": "delete"})),
    path("api/queues/redrive", QueueViewSet.as_view({"post": "redrive"})),
    path("api/queues/webhooks", QueueViewSet.as_view({"get": "webhooks"})),
    path("api/groups", GroupViewSet.as_view({"get": "list", "post": "create"})),
    path("stream/<rest:topic>", StreamViewSet.as_view({"get": "stream"})),
    path("healthz", ServerViewSet.as_view({"get": "healthz"})),
    path("api/cluster/status", ServerViewSet.as_view({"get": "cluster"})),
]
