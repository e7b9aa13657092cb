"""The Forq API on the broker (forq.md sections 3 and 4). Translates, and decides nothing.

A settlement that shows a receipt is held to Forq 1's rules: it counts for that delivery alone. One that shows
none comes from an older client and has the older document's: whatever is in flight under that id.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import unquote

from django.conf import settings
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request

from accounts.authentication import ApiKeyAuthentication
from accounts.models import CONSUME, PUBLISH, SCOPES
from okmq_site.health import PROBE_SECONDS, database_trouble
from queues import broker
from queues.api.bodies import as_text
from queues.api.forq import openapi, profile, schemas
from queues.api.forq.errors import (
    HEADERS,
    MESSAGE_ID,
    QUEUE_NAME,
    RECEIPT_MISSING,
    UNHEALTHY,
    Refused,
    error_response,
)
from queues.api.negotiation import empty_response, json_response
from queues.api.problems import NotFound, Problem
from queues.api.views import DialectRequest, DialectViewSet
from queues.broker import clock
from queues.broker.errors import MessageNotFound, QueueNotFound
from queues.broker.types import Ack, Nack, Outcome, Received, Settlement

RECEIPT_HEADER = "HTTP_X_FORQ_RECEIPT"
OKHTTP = "okhttp/"


class ForqAuthentication(ApiKeyAuthentication):
    """``X-API-Key`` alone, of several the first (section 2)."""

    def shown(self, request: Request) -> str:
        return str(request._request.META.get("HTTP_X_API_KEY", "")).partition(",")[0]


class ForqViewSet(DialectViewSet):
    authentication_classes = (ForqAuthentication,)
    document = openapi.DOCUMENT

    def problem_response(self, problem: Problem) -> HttpResponse:
        return error_response(problem, self.action)

    def finalize_response(  # type: ignore[override]
        self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        response = super().finalize_response(request, response, *args, **kwargs)
        for name, value in HEADERS.items():
            response.headers[name] = value
        return response


class MessageViewSet(ForqViewSet):
    max_request_bytes = schemas.MAX_REQUEST_BYTES
    action_scopes = {
        "produce": (PUBLISH,),
        "consume": (CONSUME,),
        "ack": (CONSUME,),
        "nack": (CONSUME,),
    }

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Key, queue name, message id, method: in this order (section 3)."""
        super().initial(request, *args, **kwargs)
        schemas.check_queue(self.queue)
        if "messageId" in self.kwargs:
            self._check_id()

    @property
    def queue(self) -> str:
        return str(self.kwargs["queue"])

    @property
    def message_id(self) -> str:
        return str(self.kwargs["messageId"])

    def _check_id(self) -> None:
        """Forq's own ids are UUIDs; other dialects' messages have others, and can be settled here, too."""
        if schemas.is_uuid(self.message_id):
            return
        try:
            broker.get_message(self.key.account_id, self.queue, self.message_id)
        except (MessageNotFound, QueueNotFound):
            raise Refused(MESSAGE_ID) from None

    @openapi.produce
    def produce(self, request: DialectRequest, **path: str) -> HttpResponse:
        """The queue comes into being with its first message, and its dead-letter queue with it."""
        content, process_after = schemas.read_content(request.content)
        schemas.check_producible(self.queue)
        message = schemas.new_message(content, process_after, clock.now())
        try:
            broker.publish(self.key.account_id, self.queue, [message])
        except QueueNotFound:
            broker.ensure_queues(self.key.account_id, profile.queues_for(self.queue))
            broker.publish(self.key.account_id, self.queue, [message])
        return empty_response()

    @openapi.consume
    def consume(self, request: DialectRequest, **path: str) -> HttpResponse:
        """An unknown queue is an empty one that may come into being while the call waits (section 4.2)."""
        messages = broker.receive(
            self.key.account_id,
            self.queue,
            wait_seconds=settings.OKMQ_FORQ_POLL_SECONDS,
            gone=request.gone(),
            await_queue=True,
        )
        if not messages:
            return empty_response()
        return json_response(consumed_json(messages[0], with_receipt=takes_receipt(request)))

    @openapi.ack
    def ack(self, request: DialectRequest, **path: str) -> HttpResponse:
        receipt = self._receipt(request)
        outcome = self._settle(Ack(self.message_id, receipt=receipt, only_leased=True))
        if receipt is not None and outcome is not Outcome.DONE:
            raise MessageNotFound
        return empty_response()  # without a receipt whatever it was: acked before, for all one knows

    @openapi.nack
    def nack(self, request: DialectRequest, **path: str) -> HttpResponse:
        outcome = self._settle(Nack(self.message_id, receipt=self._receipt(request)))
        if outcome not in (Outcome.DONE, Outcome.DEAD):
            raise MessageNotFound
        return empty_response()

    def _receipt(self, request: DialectRequest) -> int | None:
        """None when the client shows none and need not. Raises ``Refused``."""
        header = request._request.META.get(RECEIPT_HEADER)
        if header is not None:
            return schemas.read_receipt(header)
        if settings.OKMQ_FORQ_REQUIRE_RECEIPT:
            raise Refused(RECEIPT_MISSING)
        return None

    def _settle(self, settlement: Settlement) -> Outcome:
        try:
            return broker.settle(self.key.account_id, self.queue, [settlement])[0]
        except QueueNotFound:
            return Outcome.UNKNOWN


class HealthViewSet(ForqViewSet):
    """``/healthcheck``: open to everybody."""

    action_scopes: ClassVar[Mapping[str, tuple[str, ...]]] = {"healthcheck": ()}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """No key is asked for."""

    @openapi.healthcheck
    def healthcheck(self, request: DialectRequest) -> HttpResponse:
        if database_trouble(PROBE_SECONDS) is None:
            return empty_response()
        return json_response({"code": UNHEALTHY}, 503)


class NowhereViewSet(ForqViewSet):
    """Whatever nobody serves below ``/api/v1/``: it asks for the key first, and looks at a queue's name and
    a message's id before it finds that there is no such path (section 3)."""

    action_scopes = {"nowhere": SCOPES}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        parts = self._path().removeprefix("/api/v1/").split("/")
        if parts[0] == "queues" and len(parts) > 1 and parts[1]:
            schemas.check_queue(unquote(parts[1]))
            if "%2f" in parts[1].lower():
                raise Refused(QUEUE_NAME)
            if parts[2:3] == ["messages"] and any(parts[3:4]) and not schemas.is_uuid(unquote(parts[3])):
                raise Refused(MESSAGE_ID)
        raise NotFound("there is nothing here")

    def _path(self) -> str:
        """As it was sent, where the server says so: an escaped slash is part of a name."""
        return str(self.request.META.get("RAW_URI", self.request.path)).partition("?")[0]

    def nowhere(self, request: DialectRequest, **path: str) -> HttpResponse:
        raise AssertionError("initial() has refused it")


def takes_receipt(request: DialectRequest) -> bool:
    """Forq's Java library before 1.0 takes no field it does not know; of all libraries it alone sends with
    OkHttp (section 0). Without a receipt whatever is in flight is settled, unless that is not allowed."""
    if settings.OKMQ_FORQ_V0:
        return False
    agent = str(request._request.META.get("HTTP_USER_AGENT", ""))
    return bool(settings.OKMQ_FORQ_REQUIRE_RECEIPT) or not agent.startswith(OKHTTP)


def consumed_json(message: Received, *, with_receipt: bool) -> schemas.Message:
    """Exactly the fields its clients know (section 4.2). A queue of another dialect may have acked the
    message already: then there is nothing left to settle, and 0 is the receipt of no delivery."""
    receipt = str(message.receipt or 0) if with_receipt else ""
    return schemas.Message(message.public_id, as_text(message.body, message.encoding), receipt)
