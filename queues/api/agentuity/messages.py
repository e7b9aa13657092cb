"""Messages and dead letters of the Agentuity dialect (agentuity.md sections 3 and 5)."""

from __future__ import annotations

import re

from django.http import HttpResponse

from accounts.models import CONSUME, MANAGE, PUBLISH, READ
from queues import broker
from queues.api import query
from queues.api.agentuity import answers, openapi
from queues.api.agentuity import message_schemas as schemas
from queues.api.agentuity.fields import MAX_OFFSET
from queues.api.agentuity.message_schemas import FILTERS
from queues.api.agentuity.views import AgentuityViewSet, Page, read_choice, read_page
from queues.api.problems import BadRequest
from queues.api.views import DialectRequest
from queues.broker.browse import Which
from queues.broker.errors import MessageNotFound
from queues.broker.types import Ack, Ids, MessageView, Nack, Outcome, Settlement, State

_SECONDS = re.compile(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
"""However a client writes a number: 30, 0.30000000000000004, 1e-07."""


class MessageViewSet(AgentuityViewSet):
    action_scopes = {
        "publish": (PUBLISH,),
        "batch": (PUBLISH,),
        "retrieve": (READ,),
        "retrieve_at": (READ,),
        "list": (READ,),
        "destroy": (MANAGE,),
        "replay": (MANAGE,),
        "consume": (READ,),
        "receive": (CONSUME,),
        "ack": (CONSUME,),
        "nack": (CONSUME,),
        "head": (READ,),
        "tail": (READ,),
    }

    @openapi.publish
    def publish(self, request: DialectRequest, name: str) -> HttpResponse:
        queue = self.named(request, name)
        message = self.after_lookup(queue, lambda: schemas.read_message(request.content))
        (published,) = broker.publish(self.account_id, queue, [message])
        stored = self._stored(queue, [published.public_id] if published.duplicate else [])
        view = stored.get(published.public_id)
        return answers.one("message", schemas.published_view(view, message, published))

    @openapi.batch
    def batch(self, request: DialectRequest, name: str) -> HttpResponse:
        """All or none: what cannot be stored refuses the whole call, so nothing is ever ``failed``."""
        queue = self.named(request, name)
        sent = self.after_lookup(queue, lambda: schemas.read_batch(request.content))
        published = broker.publish(self.account_id, queue, sent)
        stored = self._stored(queue, [one.public_id for one in published if one.duplicate])
        shown = [
            schemas.published_view(stored.get(one.public_id), message, one)
            for message, one in zip(sent, published, strict=True)
        ]
        return answers.fields(schemas.BatchPublishData(shown))

    @openapi.get_message
    def retrieve(self, request: DialectRequest, name: str, messageId: str) -> HttpResponse:  # noqa: N803
        queue = self.named(request, name)
        return self._shown(self._find(queue, messageId))

    @openapi.get_message_by_offset
    def retrieve_at(self, request: DialectRequest, name: str, offset: str) -> HttpResponse:
        queue = self.named(request, name)
        at = self.after_lookup(queue, lambda: query.integer({"offset": offset}, "offset", 0, 0, MAX_OFFSET))
        found = broker.read_log(self.account_id, queue, at, limit=1)
        if not found or found[0].offset != at:
            raise MessageNotFound(f"offset {at}")
        return self._shown(found[0])

    @openapi.list_messages
    def list(self, request: DialectRequest, name: str) -> HttpResponse:
        queue = self.named(request, name)
        which, window = self.after_lookup(queue, lambda: _read_list(request.params))
        if which is None:
            broker.get_queue(self.account_id, queue)
            return answers.fields(schemas.MessageListData([], 0))
        page = broker.page(self.account_id, queue, which, limit=window.limit, skip=window.skip)
        return answers.fields(schemas.MessageListData(schemas.messages_json(page.messages), page.total))

    @openapi.delete_message
    def destroy(self, request: DialectRequest, name: str, messageId: str) -> HttpResponse:  # noqa: N803
        queue = self.named(request, name)
        if not broker.delete_messages(self.account_id, queue, ids=[self.message_id(queue, messageId)]):
            raise MessageNotFound(messageId)
        return answers.done()

    @openapi.replay_message
    def replay(self, request: DialectRequest, name: str, messageId: str) -> HttpResponse:  # noqa: N803
        queue = self.named(request, name)
        broker.replay(self.account_id, queue, ids=[self.message_id(queue, messageId)], any_state=True)
        return self._shown(self._find(queue, messageId))

    @openapi.consume
    def consume(self, request: DialectRequest, name: str) -> HttpResponse:
        queue = self.named(request, name)
        window = self.after_lookup(queue, lambda: _read_consume(request.params))
        found = broker.read_log(self.account_id, queue, window.skip, limit=window.limit)
        return answers.fields(schemas.MessageListData(schemas.messages_json(found)))

    @openapi.receive
    def receive(self, request: DialectRequest, name: str) -> HttpResponse:
        queue = self.named(request, name)
        seconds = self.after_lookup(queue, lambda: read_timeout(request.params))
        found = broker.receive(
            self.account_id,
            queue,
            wait_seconds=seconds,
            consumer=self.key.actor,
            gone=request.gone(),
        )
        return answers.fields(schemas.ReceiveData(schemas.received_json(found[0]) if found else None))

    @openapi.ack
    def ack(self, request: DialectRequest, name: str, messageId: str) -> HttpResponse:  # noqa: N803
        """Again for a message that is acknowledged already: a client that lost the answer asks twice."""
        queue = self.named(request, name)
        public_id = self.message_id(queue, messageId)
        if self._settle(queue, Ack(public_id, only_leased=True)) is Outcome.DONE:
            return answers.done()
        if self._find(queue, messageId).state is State.ACKED:
            return answers.done()
        raise MessageNotFound(messageId)

    @openapi.nack
    def nack(self, request: DialectRequest, name: str, messageId: str) -> HttpResponse:  # noqa: N803
        queue = self.named(request, name)
        outcome = self._settle(queue, Nack(self.message_id(queue, messageId)))
        if outcome not in (Outcome.DONE, Outcome.DEAD):
            raise MessageNotFound(messageId)
        return answers.done()

    @openapi.head
    def head(self, request: DialectRequest, name: str) -> HttpResponse:
        head, _ = broker.log_ends(self.account_id, self.named(request, name))
        return answers.fields(schemas.OffsetData(head))

    @openapi.tail
    def tail(self, request: DialectRequest, name: str) -> HttpResponse:
        _, tail = broker.log_ends(self.account_id, self.named(request, name))
        return answers.fields(schemas.OffsetData(tail))

    def _settle(self, queue: str, settlement: Settlement) -> Outcome:
        return broker.settle(self.account_id, queue, [settlement])[0]

    def _stored(self, queue: str, public_ids: Ids) -> dict[str, MessageView]:
        """The messages that were there before they were published again."""
        return broker.get_messages(self.account_id, queue, public_ids) if public_ids else {}

    def _find(self, queue: str, message_id: str) -> MessageView:
        try:
            return broker.get_message(self.account_id, queue, self.message_id(queue, message_id))
        except MessageNotFound:
            raise MessageNotFound(message_id) from None  # by the name the client knows

    def _shown(self, view: MessageView) -> HttpResponse:
        return answers.one("message", schemas.message_json(view))


class DeadLetterViewSet(AgentuityViewSet):
    action_scopes = {"list": (READ,), "replay": (MANAGE,), "purge": (MANAGE,), "destroy": (MANAGE,)}

    @openapi.list_dead_letters
    def list(self, request: DialectRequest, name: str) -> HttpResponse:
        queue = self.named(request, name)
        window = self.after_lookup(queue, lambda: read_page(request.params))
        page = broker.page(self.account_id, queue, Which.DEAD, limit=window.limit, skip=window.skip)
        shown = [schemas.dead_letter_json(view) for view in page.messages]
        return answers.fields(schemas.DeadLetterListData(shown, page.total))

    @openapi.replay_dead_letter
    def replay(self, request: DialectRequest, name: str, messageId: str) -> HttpResponse:  # noqa: N803
        queue = self.named(request, name)
        public_id = self.message_id(queue, messageId)
        if not broker.replay(self.account_id, queue, ids=[public_id], keep_attempts=True):
            raise MessageNotFound(messageId)
        view = broker.get_message(self.account_id, queue, public_id)
        return answers.one("message", schemas.message_json(view))

    @openapi.purge_dead_letters
    def purge(self, request: DialectRequest, name: str) -> HttpResponse:
        broker.delete_messages(self.account_id, self.named(request, name), state=State.FAILED)
        return answers.done()

    @openapi.delete_dead_letter
    def destroy(self, request: DialectRequest, name: str, messageId: str) -> HttpResponse:  # noqa: N803
        queue = self.named(request, name)
        public_id = self.message_id(queue, messageId)
        if not broker.delete_messages(self.account_id, queue, ids=[public_id], state=State.FAILED):
            raise MessageNotFound(messageId)
        return answers.done()


def _read_list(params: query.Params) -> tuple[Which | None, Page]:
    return read_choice(params, "state", FILTERS, Which.ALL), read_page(params)


def _read_consume(params: query.Params) -> Page:
    if "offset" not in params:
        raise BadRequest("offset: is required")
    return read_page(params)


def read_timeout(params: query.Params) -> float:
    """Seconds to wait. Out of range it is the nearest in it: the CLI sends what its user typed."""
    text = params.get("timeout")
    if text is None:
        return 0
    if not _SECONDS.fullmatch(text):
        raise BadRequest("timeout: must be a number of seconds")
    return min(max(float(text), 0), openapi.MAX_TIMEOUT)
