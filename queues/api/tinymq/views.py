"""The TinyMQ API on the broker: publish, consume, ack, requeue (tinymq.md section 4). Translates, and decides
nothing about messages."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpResponse

from accounts.models import CONSUME, PUBLISH, READ
from queues import broker
from queues.api.negotiation import JSON, empty_response, json_response
from queues.api.problems import BadRequest, Problem, TooLarge
from queues.api.tinymq import consuming, openapi, payloads, publishing, schemas, topics
from queues.api.tinymq.authentication import TinymqAuthentication
from queues.api.tinymq.errors import Refused, error_response
from queues.api.views import DialectRequest, DialectViewSet
from queues.broker import clock
from queues.broker.errors import QueueNotFound
from queues.broker.types import Ack, MessageView, Outcome, State

TOO_LARGE = "Payload too large or unreadable (Max 2MB)"
MAX_REQUEUE_BYTES = 8 * 1024 * 1024
"""Holds the largest payload in Base64, and headers."""
WAITING = (State.PENDING, State.SCHEDULED)
GO_CLIENT = "Go-http-client/"


class TinymqViewSet(DialectViewSet):
    authentication_classes = (TinymqAuthentication,)
    document = openapi.DOCUMENT

    def problem_response(self, problem: Problem) -> HttpResponse:
        return error_response(problem)


class MessageViewSet(TinymqViewSet):
    max_request_bytes = MAX_REQUEUE_BYTES
    action_scopes = {
        "publish": (PUBLISH,),
        "consume": (CONSUME, READ),  # with peek READ, without CONSUME
        "ack": (CONSUME,),
        "requeue": (CONSUME,),
    }

    def initialize_request(self, request: Any, *args: Any, **kwargs: Any) -> DialectRequest:
        made = super().initialize_request(request, *args, **kwargs)
        if self.action == "publish":
            made.max_bytes = payloads.MAX_BYTES
        return made

    @openapi.publish
    def publish(self, request: DialectRequest, topic: str = "") -> HttpResponse:
        topic = topic.removesuffix("/")
        if not topic:
            raise Refused("Topic is required. Usage: POST /publish/{topic}")
        payload = read_payload(request)
        if not payload:
            raise Refused("Payload is empty")
        topics.check(topic)
        wishes = publishing.read(request.params, request._request.META, payload)
        if publishing.publish(self.key.account_id, topic, payload, wishes):
            return json_response(schemas.PublishAccepted("accepted", topic), 202)
        return json_response(schemas.PublishIgnored("idempotency_key_exists", "ignored", topic))

    @openapi.consume
    def consume(self, request: DialectRequest, topic: str = "") -> HttpResponse:
        topic = topic.removesuffix("/")
        if not topic:
            raise Refused("Topic is required")
        wishes = consuming.read(request.query_string)
        self.require(READ if wishes.peek else CONSUME)
        if wishes.group:
            topic = topics.group_of(topic, wishes.group)
        elif topics.fault(topic) is not None and not topics.is_pattern(topic):
            return status_response("not_found", "Topic does not exist", status=404)
        if wishes.peek:
            found = [schemas.peeked(view, topic) for view in peek(self.key.account_id, topic, wishes.limit)]
        else:
            taken = consuming.take(self.key.account_id, topic, wishes, request.gone())
            found = [schemas.consumed(message, taken.topic) for message in taken.messages]
        if wants_array(request, wishes):
            return json_response(found) if found else empty_response()
        if not found:
            return status_response("empty", "No messages in topic", status=404)
        return json_response(found[0] if wishes.limit == 1 else found)

    @openapi.ack
    def ack(self, request: DialectRequest, topic: str = "", id: str = "") -> HttpResponse:
        """The id is what comes after the last slash: topics may contain some. Ids of other dialects may, too:
        what is not there is looked for as if the topic ended at the first one."""
        if not topic or not id:
            raise Refused("Topic and Message ID required")
        outcome = self._ack(request, topic, id)
        if outcome is Outcome.UNKNOWN and "/" in topic:
            topic, _, begin = topic.partition("/")
            outcome = self._ack(request, topic, f"{begin}/{id}")
        if outcome is Outcome.DONE:
            return status_response("success", "Message acknowledged")
        return status_response("error", "Message not found or already acknowledged", status=404)

    def _ack(self, request: DialectRequest, topic: str, id: str) -> Outcome:
        ack = Ack(id, once=True, may_be_late=is_go_client(request))
        try:
            return broker.settle(self.key.account_id, topic, [ack])[0]
        except QueueNotFound:
            return Outcome.UNKNOWN

    @openapi.requeue
    def requeue(self, request: DialectRequest) -> HttpResponse:
        """The third time to the dead-letter topic (section 4.5). The client's copy is what counts."""
        try:
            found = schemas.read_requeued(request.content)
        except TooLarge as error:
            raise Refused(f"Invalid message format: {error.text}") from None
        message = schemas.requeued_message(found, clock.now())
        account_id, to = self.key.account_id, ""
        try:
            broker.get_queue(account_id, found.topic)
            if message.retries >= topics.MAX_RETRIES:
                to = topics.dead_letters_of(found.topic)
                topics.check(to)
                topics.ensure(account_id, to)
            broker.give_back(account_id, found.topic, message, to=to)
        except QueueNotFound:
            raise Refused("Topic not found", 404) from None
        return status_response("requeued", status=202)


def status_response(word: str, message: str = "", *, status: int = 200) -> HttpResponse:
    """A short answer, with blanks where the original has them (section 1)."""
    told = {"status": word, "message": message} if message else {"status": word}
    return HttpResponse(json.dumps(told), status=status, content_type=JSON)


def read_payload(request: DialectRequest) -> bytes:
    """The body of a publish. Raises ``Refused``."""
    try:
        return request.content
    except (TooLarge, BadRequest):
        raise Refused(TOO_LARGE, 413) from None


def peek(account_id: int, topic: str, limit: int) -> list[MessageView]:
    """Up to ``limit`` messages that wait, the oldest first; none of a topic that does not exist."""
    try:
        found = [
            view for state in WAITING for view in broker.peek(account_id, topic, state=state, limit=limit)
        ]
    except QueueNotFound:
        return []
    return sorted(found, key=lambda view: view.offset)[:limit]


def is_go_client(request: DialectRequest) -> bool:
    """Whether it may be TinyMQ's Go SDK, of which some releases ack what they have just requeued (section
    9.2)."""
    return str(request._request.META.get("HTTP_USER_AGENT", "")).startswith(GO_CLIENT)


def wants_array(request: DialectRequest, wishes: consuming.Wishes) -> bool:
    """Whether it is Go SDK 3.1, which takes nothing but a list, and for none an empty answer that is a
    success (section 9.4). No other client that is known asks in this way."""
    return wishes.auto_ack and is_go_client(request) and "limit" not in request.params
