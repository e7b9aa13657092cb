"""Forq's routes. ``/messages`` also answers with a slash at its end, others do not (forq.md section 3)."""

from __future__ import annotations

from django.urls import path

import queues.api.names  # noqa: F401  (the converter "rest")
from queues.api.forq.views import HealthViewSet, MessageViewSet

MESSAGES = "api/v1/queues/<str:queue>/messages"

_messages = MessageViewSet.as_view({"post": "produce", "get": "consume"})

urlpatterns = [
    path(MESSAGES, _messages),
    path(f"{MESSAGES}/", _messages),
    # An id that another dialect gave may contain slashes.
    path(f"{MESSAGES}/<rest:messageId>/ack", MessageViewSet.as_view({"post": "ack"})),
    path(f"{MESSAGES}/<rest:messageId>/nack", MessageViewSet.as_view({"post": "nack"})),
    path("healthcheck", HealthViewSet.as_view({"get": "healthcheck"})),
]
