"""``/stream``: new messages of a topic as server-sent events, for whoever wants to look on (tinymq.md section
5.2)."""

from __future__ import annotations

import time

import msgspec
from django.conf import settings
from django.db import connection
from django.http import StreamingHttpResponse

from accounts.models import READ
from queues.api import sse
from queues.api.tinymq import filters, openapi, payloads, schemas, topics
from queues.api.tinymq.errors import Refused
from queues.api.tinymq.filters import Filter
from queues.api.tinymq.views import TinymqViewSet
from queues.api.views import DialectRequest
from queues.broker.taps import TAPS, TOLD_SECONDS, Tap

OTHERS_KNOW_SECONDS = 0.15
"""By then other processes have heard that somebody looks on, and pass on what they publish."""

_encoder = msgspec.json.Encoder()


class StreamViewSet(TinymqViewSet):
    action_scopes = {"stream": (READ,)}

    @openapi.stream
    def stream(self, request: DialectRequest, topic: str = "") -> StreamingHttpResponse:
        """Takes nothing away, and shows nothing of the past."""
        topic = topic.removesuffix("/")
        if not topic:
            raise Refused("Topic required")
        if not topics.is_pattern(topic):
            topics.check(topic)
        source = Published(self.key.account_id, topic, filters.read(request.params))
        return sse.response(request._request, source)


class Published(sse.Source):
    """What is published to a topic, or to all that a pattern matches."""

    every_seconds = TOLD_SECONDS / 3

    def __init__(self, account_id: int, topic: str, wanted: Filter | None) -> None:
        prefix = topics.prefix_of(topic)
        self._tap = Tap(account_id, topic if prefix is None else prefix, is_prefix=prefix is not None)
        self._topic = topic
        self._wanted = wanted
        self._is_open = False
        self.channels = (self._tap.channel,)

    def look(self) -> bytes:
        if not self._is_open:
            return self._open()
        TAPS.tell_others(self._tap.account_id)
        found = []
        for topic, message in self._tap.fetch():
            payload = payloads.bytes_of(message.body, message.encoding)
            if self._wanted is None or self._wanted.takes(payload):
                found.append(_data(schemas.shown(message, topic)))
        return b"".join(found)

    def closed(self) -> None:
        TAPS.close(self._tap)

    def _open(self) -> bytes:
        self._is_open = True
        TAPS.open(self._tap)
        if connection.vendor == "postgresql" and settings.OKMQ_PROCESSES > 1:
            time.sleep(OTHERS_KNOW_SECONDS)
        return _data({"status": "connected", "topic": self._topic})


def _data(value: object) -> bytes:
    """An event without a name: a line of JSON."""
    return b"data: " + _encoder.encode(value) + b"\n\n"
