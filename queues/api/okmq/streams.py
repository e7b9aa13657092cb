"""The OKMQ stream API on the log (contract section 7). Translates, and decides nothing.

As for queues, bodies are parsed first, and only a bad one has the stream looked up to tell 404 from 400.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

from django.conf import settings
from django.http import HttpResponse

from accounts.models import CONSUME, MANAGE, PUBLISH, READ
from queues.api import query
from queues.api.names import is_text
from queues.api.negotiation import empty_response, json_response
from queues.api.okmq import stream_openapi as openapi
from queues.api.okmq import stream_schemas as schemas
from queues.api.okmq.fields import MAX_OFFSET
from queues.api.okmq.views import OkmqViewSet
from queues.api.problems import RequestError
from queues.api.views import DialectRequest
from streams import log

T = TypeVar("T")


class OkmqStreamViewSet(OkmqViewSet):
    def named(self, request: DialectRequest, name: str) -> str:
        """A stream name from the path. Raises ``StreamNotFound`` for what cannot be one."""
        if not is_text(name, request._request):
            raise log.StreamNotFound
        return name

    def after_lookup(self, queue: str, read: Callable[[], T]) -> T:
        """What ``read`` makes of the request; if it refuses, a missing stream is told first."""
        try:
            return read()
        except RequestError:
            log.get_stream(self.key.account_id, queue)
            raise


class StreamViewSet(OkmqStreamViewSet):
    action_scopes = {
        "list": (READ,),
        "retrieve": (READ,),
        "create": (MANAGE,),
        "partial_update": (MANAGE,),
        "destroy": (MANAGE,),
    }

    @openapi.list_streams
    def list(self, request: DialectRequest) -> HttpResponse:
        return json_response([schemas.stream_json(s) for s in log.list_streams(self.key.account_id)])

    @openapi.create_stream
    def create(self, request: DialectRequest) -> HttpResponse:
        serializer = schemas.CreateStreamSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        sent = serializer.validated_data
        log.create_stream(self.key.account_id, sent["name"], **schemas.settings_sent(sent))
        return empty_response(201)

    @openapi.get_stream
    def retrieve(self, request: DialectRequest, stream: str) -> HttpResponse:
        found = log.get_stream(self.key.account_id, self.named(request, stream))
        return json_response(schemas.stream_json(found))

    @openapi.update_stream
    def partial_update(self, request: DialectRequest, stream: str) -> HttpResponse:
        name = self.named(request, stream)
        log.get_stream(self.key.account_id, name)
        serializer = schemas.UpdateStreamSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        sent = schemas.settings_sent(serializer.validated_data)
        log.update_stream(self.key.account_id, name, **sent)
        return empty_response()

    @openapi.delete_stream
    def destroy(self, request: DialectRequest, stream: str) -> HttpResponse:
        log.delete_stream(self.key.account_id, self.named(request, stream))
        return empty_response()


class StreamMessageViewSet(OkmqStreamViewSet):
    action_scopes = {
        "consume": (CONSUME,),
        "commit": (CONSUME,),
        "produce": (PUBLISH,),
        "delete_many": (MANAGE,),
    }

    @openapi.consume
    def consume(self, request: DialectRequest, stream: str) -> HttpResponse:
        """What comes after the committed offset (sections 7.3, 5.3)."""
        name = self.named(request, stream)
        entries = log.consume(
            self.key.account_id,
            name,
            limit=self.after_lookup(name, lambda: read_limit(request.query_string)),
            wait_seconds=settings.OKMQ_POLL_SECONDS,
            gone=request.gone(),
        )
        return json_response(schemas.entries_json(entries))

    @openapi.produce
    def produce(self, request: DialectRequest, stream: str) -> HttpResponse:
        name = self.named(request, stream)
        entries = self.after_lookup(name, lambda: schemas.read_entries(request.content))
        log.produce(self.key.account_id, name, entries)
        return empty_response()

    @openapi.commit
    def commit(self, request: DialectRequest, stream: str) -> HttpResponse:
        name = self.named(request, stream)
        offset = self.after_lookup(name, lambda: schemas.read_commit(request.content))
        log.commit(self.key.account_id, name, offset)
        return empty_response()

    @openapi.delete_messages
    def delete_many(self, request: DialectRequest, stream: str) -> HttpResponse:
        """Those before an offset, or all (section 7.5)."""
        name = self.named(request, stream)
        before = self.after_lookup(name, lambda: read_before(request.query_string))
        log.delete_messages(self.key.account_id, name, before=before)
        return empty_response()


@lru_cache(maxsize=512)
def read_limit(query_string: str) -> int:
    """How many messages a consume asks for. Raises ``BadRequest``. Consumers repeat theirs: cached."""
    return query.integer(query.parse_query(query_string), "limit", 10, 1, schemas.MAX_ITEMS)


def read_before(query_string: str) -> int | None:
    """The first offset a delete is to leave; None when it names none. Raises ``BadRequest``."""
    params = query.parse_query(query_string)
    if "offset" not in params:
        return None
    return query.integer(params, "offset", 0, 0, MAX_OFFSET)
