"""TinyMQ's topics, groups, figures and webhooks (tinymq.md sections 4.8 to 4.11, 5.2)."""

from __future__ import annotations

import time
from typing import Any, TypeVar

from django.http import HttpResponse

from accounts.models import CONSUME, MANAGE, PUBLISH, READ
from okmq_site.health import PROBE_SECONDS, database_trouble
from queues import broker
from queues.api.negotiation import empty_response, json_response
from queues.api.problems import BadRequest
from queues.api.tinymq import (
    consuming,
    durations,
    json_bodies,
    openapi,
    payloads,
    publishing,
    schemas,
    topics,
    webhooks,
)
from queues.api.tinymq.errors import Refused
from queues.api.tinymq.views import TOO_LARGE, TinymqViewSet, peek, status_response
from queues.api.views import DialectRequest
from queues.broker import census
from queues.broker.errors import QueueExists, QueueNotFound
from queues.broker.names import cleaned
from queues.broker.types import WhenFull
from queues.broker.wakes import HUB
from queues.push import overview

T = TypeVar("T")
POLICIES = {"": WhenFull.REJECT, "reject": WhenFull.REJECT, "drop-oldest": WhenFull.DROP_OLDEST}
PEEKED = 10
COMPATIBLE_WITH = "3.1.6"
"""The release of TinyMQ whose API this is."""

_started = time.monotonic()


class TopicViewSet(TinymqViewSet):
    action_scopes = {
        "create": (MANAGE,),
        "create_queue": (MANAGE,),
        "stats": (READ,),
        "list": (READ,),
        "register": (MANAGE,),
    }

    @openapi.create_topic
    def create(self, request: DialectRequest) -> HttpResponse:
        sent = read_json(schemas.NewTopic, request.content)
        topics.check(sent.name)
        if sent.policy not in POLICIES:
            raise Refused("policy: must be reject or drop-oldest")
        made = topics.settings_for(when_full=POLICIES[sent.policy], retain=_retain(sent.retain))
        try:
            broker.create_queue(self.key.account_id, sent.name, settings=made)
        except QueueExists:
            raise Refused("The Topic already exists", 409) from None
        topics.tie(self.key.account_id, sent.name)
        return status_response("topic_created", status=201)

    @openapi.create_queue
    def create_queue(self, request: DialectRequest) -> HttpResponse:
        return self.create(request)

    @openapi.stats
    def stats(self, request: DialectRequest) -> HttpResponse:
        return json_response(figures(self.key.account_id))

    @openapi.list_queues
    def list(self, request: DialectRequest) -> HttpResponse:
        return json_response(figures(self.key.account_id).stats)

    @openapi.register_webhook
    def register(self, request: DialectRequest, topic: str = "") -> HttpResponse:
        topic = topic.removesuffix("/")
        if not topic:
            raise Refused("Topic is required")
        sent = read_json(schemas.NewWebhook, request.content)
        if not sent.url:
            raise Refused("url: is required")
        topics.check(topic)
        webhooks.register(self.key.account_id, topic, sent.url, sent.secret)
        return status_response("webhook_registered", status=201)


class QueueViewSet(TinymqViewSet):
    """What TinyMQ's dashboard calls. ``queue`` is a topic."""

    action_scopes = {
        "peek": (READ,),
        "publish": (PUBLISH,),
        "consume": (CONSUME,),
        "purge": (MANAGE,),
        "delete": (MANAGE,),
        "redrive": (MANAGE,),
        "webhooks": (READ,),
    }

    @openapi.peek
    def peek(self, request: DialectRequest) -> HttpResponse:
        name = request.params.get("queue", "")
        found = peek(self.key.account_id, name, consuming.limit_in(request.params, PEEKED))
        return json_response([schemas.shown(view, name) for view in found])

    @openapi.queue_publish
    def publish(self, request: DialectRequest) -> HttpResponse:
        """A text; an empty one, too."""
        sent = read_json(schemas.QueuePublish, request.content, "Invalid payload")
        payload = sent.payload.encode()
        if len(payload) > payloads.MAX_BYTES:
            raise Refused(TOO_LARGE, 413)
        _check_named(sent.queue)
        wishes = publishing.Wishes(
            ttl=schemas.lenient_seconds(sent.ttl),
            delay=schemas.lenient_seconds(sent.delay),
            broadcast=sent.broadcast,
        )
        publishing.publish(self.key.account_id, sent.queue, payload, wishes)
        return json_response(schemas.QueueAccepted(sent.queue, "accepted"), 202)

    @openapi.queue_consume
    def consume(self, request: DialectRequest) -> HttpResponse:
        sent = read_json(schemas.QueueConsume, request.content, "Invalid payload")
        if not topics.is_pattern(sent.queue):
            _check_named(sent.queue)
        taken = consuming.take(self.key.account_id, sent.queue, consuming.ONE_ACKED, request.gone())
        if not taken.messages:
            return empty_response()
        return json_response(schemas.shown(taken.messages[0], taken.topic))

    @openapi.purge_queue
    def purge(self, request: DialectRequest) -> HttpResponse:
        """All that waits, and all that somebody holds; what other dialects keep of the past stays."""
        name = request.params.get("queue", "")
        try:
            broker.clear(self.key.account_id, name)
        except QueueNotFound:
            raise Refused("queue not found", 404) from None
        return empty_response(200)

    @openapi.delete_queue
    def delete(self, request: DialectRequest) -> HttpResponse:
        try:
            broker.delete_queue(self.key.account_id, request.params.get("queue", ""))
        except QueueNotFound:
            raise Refused("queue not found", 404) from None
        return empty_response(200)

    @openapi.redrive
    def redrive(self, request: DialectRequest) -> HttpResponse:
        """From the dead-letter topic back to its topic; either may be named."""
        name = request.params.get("queue", "")
        if not name:
            raise Refused("Queue parameter required")
        topic = name.removesuffix(topics.DEAD_LETTER) or name
        dead = topics.dead_letters_of(topic)
        account_id = self.key.account_id
        try:
            broker.get_queue(account_id, dead)
            topics.ensure(account_id, topic)
            moved = broker.move_ready(account_id, dead, topic)
        except QueueNotFound:
            raise Refused(f"DLQ topic '{dead}' not found", 404) from None
        return json_response(schemas.Redriven(moved, "success"))

    @openapi.list_webhooks
    def webhooks(self, request: DialectRequest) -> HttpResponse:
        return json_response(webhooks.urls_of(self.key.account_id, request.params.get("queue", "")))


class GroupViewSet(TinymqViewSet):
    action_scopes = {"list": (READ,), "create": (MANAGE,)}

    @openapi.list_groups
    def list(self, request: DialectRequest) -> HttpResponse:
        topic = request.params.get("topic", "")
        if not topic:
            raise Refused("topic query parameter is required")
        try:
            followers = broker.followers_of(self.key.account_id, topic)
        except QueueNotFound:
            followers = []
        prefix = topic + topics.GROUP
        groups = sorted(name[len(prefix) :] for name in followers if name.startswith(prefix))
        return json_response(schemas.Groups(groups, cleaned(topic)))

    @openapi.create_group
    def create(self, request: DialectRequest) -> HttpResponse:
        sent = read_json(schemas.NewGroup, request.content)
        if not sent.topic or not sent.group:
            raise Refused("topic and group are required")
        topics.check(sent.topic)
        name = topics.group_of(sent.topic, sent.group)
        topics.ensure(self.key.account_id, name)
        return json_response(schemas.GroupCreated("created", name), 201)


class ServerViewSet(TinymqViewSet):
    action_scopes = {"healthz": (), "cluster": (READ,)}

    def initial(self, request: Any, *args: Any, **kwargs: Any) -> None:
        """Whoever asks how the server does needs no key (section 5.1)."""
        if self.action != "healthz":
            super().initial(request, *args, **kwargs)

    @openapi.healthz
    def healthz(self, request: DialectRequest) -> HttpResponse:
        works = database_trouble(PROBE_SECONDS) is None
        uptime = int(time.monotonic() - _started)
        health = schemas.Health("ok" if works else "unavailable", uptime, COMPATIBLE_WITH)
        return json_response(health, 200 if works else 503)

    @openapi.cluster_status
    def cluster(self, request: DialectRequest) -> HttpResponse:
        return json_response(schemas.ClusterStatus(clustering_enabled=False))


def figures(account_id: int) -> schemas.Stats:
    """Of all topics. Who waits is counted in this process; where several serve one database, in the one that
    is asked."""
    hooked = overview.urls_per_queue(account_id)
    listed = [
        schemas.TopicStat(
            name=found.name,
            message_count=found.messages,
            waiting_consumers=HUB.waiting(found.queue_id),
            is_dlq=topics.is_dead_letters(found.name),
            has_webhooks=found.queue_id in hooked,
        )
        for found in census.waiting(account_id)
    ]
    return schemas.Stats(listed, sum(hooked.values()))


def read_json(kind: type[T], content: bytes, words: str = "Invalid JSON") -> T:
    """Raises ``Refused``: in the original's words, and what is wrong."""
    try:
        return json_bodies.read(kind, content)
    except BadRequest as error:
        raise Refused(f"{words}: {error.text}") from None


def _check_named(topic: str) -> None:
    if not topic:
        raise Refused("queue: is required")
    topics.check(topic)


def _retain(text: str) -> float | None:
    if not text:
        return None
    try:
        retain = durations.seconds(text)
    except ValueError as error:
        raise Refused(f"retain: {error}") from None
    if retain < 0:
        raise Refused("retain: must not be negative")
    return retain or None
