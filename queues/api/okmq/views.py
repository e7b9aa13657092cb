"""The OKMQ queue and topic API on the broker (contract sections 2 to 5). Translates, and decides nothing.

Visible order of checks (section 2.2): key, named object, body and query. To spare a look-up, bodies are
parsed first, and only a bad one has the queue looked up to tell 404 from 400.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from django.conf import settings
from django.http import HttpResponse
from rest_framework.request import Request

from accounts.models import CONSUME, MANAGE, PUBLISH, READ
from queues import broker
from queues.api import query
from queues.api.names import is_text, is_whole
from queues.api.negotiation import empty_response, json_response
from queues.api.okmq import openapi, schemas
from queues.api.okmq.errors import error_response
from queues.api.okmq.serializers import (
    DEFAULT_SETTINGS,
    CreateQueueSerializer,
    UpdateQueueSerializer,
    changed_settings,
    queue_json,
    stats_json,
    topics_of,
    without_unchanged,
)
from queues.api.problems import BadRequest, NotFound, Problem, RequestError
from queues.api.views import DialectRequest, DialectViewSet
from queues.broker.errors import MessageNotFound, QueueNotFound, TopicNotFound
from queues.broker.types import MessageView, QueueStats, State

T = TypeVar("T")
MAX_OFFSET = 2**63 - 1
ALL = "all"


class OkmqViewSet(DialectViewSet):
    document = openapi.DOCUMENT

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        # Kind, name, action: a slash may only be in the id that follows.
        if not is_whole(request._request, 3):
            raise NotFound("not found")
        super().initial(request, *args, **kwargs)

    def problem_response(self, problem: Problem) -> HttpResponse:
        return error_response(problem, self.action)

    def named(self, request: DialectRequest, name: str) -> str:
        """A queue name from the path. Raises ``QueueNotFound`` for what cannot be one."""
        if not is_text(name, request._request):
            raise QueueNotFound
        return name

    def after_lookup(self, queue: str, read: Callable[[], T]) -> T:
        """What ``read`` makes of the request; if it refuses, a missing queue is told first."""
        try:
            return read()
        except RequestError:
            broker.get_queue(self.key.account_id, queue)
            raise


class QueueViewSet(OkmqViewSet):
    action_scopes = {
        "list": (READ,),
        "retrieve": (READ,),
        "stats": (READ,),
        "create": (MANAGE,),
        "partial_update": (MANAGE,),
        "destroy": (MANAGE,),
    }

    @openapi.list_queues
    def list(self, request: DialectRequest) -> HttpResponse:
        return json_response([queue_json(queue) for queue in broker.list_queues(self.key.account_id)])

    @openapi.create_queue
    def create(self, request: DialectRequest) -> HttpResponse:
        serializer = CreateQueueSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        sent = serializer.validated_data
        broker.create_queue(
            self.key.account_id,
            sent["name"],
            settings=changed_settings(DEFAULT_SETTINGS, sent),
            topics=topics_of(sent) or (),
        )
        return empty_response(201)

    @openapi.get_queue
    def retrieve(self, request: DialectRequest, queue: str) -> HttpResponse:
        return json_response(queue_json(broker.get_queue(self.key.account_id, self.named(request, queue))))

    @openapi.update_queue
    def partial_update(self, request: DialectRequest, queue: str) -> HttpResponse:
        name = self.named(request, queue)
        found = broker.get_queue(self.key.account_id, name)
        serializer = UpdateQueueSerializer(data=without_unchanged(request.data, found.settings))
        serializer.is_valid(raise_exception=True)
        sent = serializer.validated_data
        broker.update_queue(
            self.key.account_id,
            name,
            settings=lambda old: changed_settings(old, sent),
            topics=topics_of(sent),
        )
        return empty_response()

    @openapi.delete_queue
    def destroy(self, request: DialectRequest, queue: str) -> HttpResponse:
        broker.delete_queue(self.key.account_id, self.named(request, queue))
        return empty_response()

    @openapi.get_stats
    def stats(self, request: DialectRequest, queue: str) -> HttpResponse:
        """A missing queue counts as an empty one: the document has no 404 here (section 5.1)."""
        try:
            name = self.named(request, queue)
            counts = broker.stats(self.key.account_id, name, tag=query.tag_filter(request.params))
        except QueueNotFound:
            counts = QueueStats()
        return json_response(stats_json(counts))


class MessageViewSet(OkmqViewSet):
    action_scopes = {
        "receive": (CONSUME, READ),  # with peek READ, without CONSUME
        "enqueue": (PUBLISH,),
        "ack": (CONSUME,),
        "retrieve": (READ,),
        "reset_failed": (MANAGE,),
        "destroy": (MANAGE,),
        "delete_many": (MANAGE,),
    }

    @openapi.receive
    def receive(self, request: DialectRequest, queue: str) -> HttpResponse:
        """Deliver, or with ``peek`` only show, messages (sections 5.2, 5.3, 5.7)."""
        name = self.named(request, queue)
        asked = self.after_lookup(name, lambda: read_window(request.query_string))
        self.require(READ if asked.peek else CONSUME)
        if asked.peek:
            views = broker.peek(
                self.key.account_id,
                name,
                state=asked.state,
                tag=asked.tag,
                limit=asked.limit,
                skip=asked.offset,
            )
            return json_response(schemas.peeked_json(views))
        messages = broker.receive(
            self.key.account_id,
            name,
            limit=asked.limit,
            tag=asked.tag,
            wait_seconds=settings.OKMQ_POLL_SECONDS,
            gone=request.gone(),
        )
        return json_response(schemas.received_json(messages))

    @openapi.enqueue
    def enqueue(self, request: DialectRequest, queue: str) -> HttpResponse:
        name = self.named(request, queue)
        messages = self.after_lookup(name, lambda: schemas.read_messages(request.content))
        broker.publish(self.key.account_id, name, messages)
        return empty_response()

    @openapi.delete_messages
    def delete_many(self, request: DialectRequest, queue: str) -> HttpResponse:
        """By ids with a body, else by state and tag (section 5.9)."""
        name = self.named(request, queue)
        chosen = self.after_lookup(name, lambda: _messages_to_delete(request))
        broker.delete_messages(self.key.account_id, name, **chosen)
        return empty_response()

    @openapi.ack
    def ack(self, request: DialectRequest, queue: str) -> HttpResponse:
        """A missing queue is no error: the document has no 404 here (section 5.6)."""
        settlements = schemas.read_settlements(request.content)
        with suppress(QueueNotFound):
            broker.settle(self.key.account_id, self.named(request, queue), settlements)
        return empty_response()

    @openapi.reset_failed
    def reset_failed(self, request: DialectRequest, queue: str) -> HttpResponse:
        name = self.named(request, queue)
        ids = self.after_lookup(name, lambda: schemas.read_optional_ids(request.content))
        broker.replay(self.key.account_id, name, ids=ids, tag=query.tag_filter(request.params))
        return empty_response()

    @openapi.get_message
    def retrieve(self, request: DialectRequest, queue: str, id: str) -> HttpResponse:
        return json_response(schemas.message_json(self._find(request, queue, id)))

    @openapi.delete_message
    def destroy(self, request: DialectRequest, queue: str, id: str) -> HttpResponse:
        found = self._find(request, queue, id)
        if not broker.delete_messages(self.key.account_id, queue, ids=[found.public_id]):
            raise MessageNotFound  # another call was faster
        return empty_response()

    def _find(self, request: DialectRequest, queue: str, id: str) -> MessageView:
        """The message of exactly that id, else of the id without one trailing slash, which routes allow."""
        name = self.named(request, queue)
        if not is_text(id, request._request):
            broker.get_queue(self.key.account_id, name)
            raise MessageNotFound
        try:
            return broker.get_message(self.key.account_id, name, id)
        except MessageNotFound:
            if not id.endswith("/"):
                raise
            return broker.get_message(self.key.account_id, name, id[:-1])


class TopicViewSet(OkmqViewSet):
    action_scopes = {"publish": (PUBLISH,)}

    @openapi.publish
    def publish(self, request: DialectRequest, topic: str) -> HttpResponse:
        """An independent copy for every queue that subscribes to the topic (section 4.5)."""
        if not is_text(topic, request._request):
            raise TopicNotFound
        try:
            messages = schemas.read_messages(request.content)
        except RequestError:
            broker.publish_topic(self.key.account_id, topic, [])  # raises for a topic that does not exist
            raise
        broker.publish_topic(self.key.account_id, topic, messages)
        return empty_response()


class Window(NamedTuple):
    """Which messages a read asks for."""

    limit: int
    tag: str
    peek: bool
    state: State | None
    offset: int


@lru_cache(maxsize=512)
def read_window(query_string: str) -> Window:
    """The query of a read (contract table, #8). Raises ``BadRequest``. Consumers repeat theirs: cached."""
    params = query.parse_query(query_string)
    return Window(
        limit=query.integer(params, "limit", 10, 1, 100),
        tag=query.tag_filter(params),
        peek=query.boolean(params, "peek", False),
        state=_state(params),
        offset=query.integer(params, "offset", 0, 0, MAX_OFFSET),
    )


def _state(params: query.Params) -> State | None:
    word = params.get("type", ALL)
    if word == ALL:
        return None
    try:
        return State(word)
    except ValueError:
        raise BadRequest(f"type: must be one of {', '.join([ALL, *State])}") from None


def _messages_to_delete(request: DialectRequest) -> dict[str, Any]:
    if request.content:
        return {"ids": schemas.read_ids(request.content)}
    return {"state": _state(request.params), "tag": query.tag_filter(request.params)}
