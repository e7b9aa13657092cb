"""Sources of the Agentuity dialect, and the address that each of them has (agentuity.md section 7)."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request as DRFRequest

from accounts.models import MANAGE, READ
from accounts.wrong_keys import client_address
from queues.api.agentuity import answers, ids, source_openapi
from queues.api.agentuity import source_schemas as schemas
from queues.api.agentuity.message_schemas import read_payload
from queues.api.agentuity.views import AgentuityViewSet, read_choice, read_page
from queues.api.problems import Problem, problem_of
from queues.api.views import DialectRequest
from queues.broker import audit
from queues.broker.errors import Unavailable
from queues.models import Source
from queues.sources import directory, ingest

INGEST = "/queue/ingest"
FAILED: dict[str, bool | None] = {"success": False, "failed": True}


class SourceViewSet(AgentuityViewSet):
    action_scopes = {
        "create": (MANAGE,),
        "list": (READ,),
        "retrieve": (READ,),
        "update": (MANAGE,),
        "destroy": (MANAGE,),
        "events": (READ,),
    }

    @source_openapi.create
    def create(self, request: DialectRequest, name: str) -> HttpResponse:
        queue = self.named(request, name)
        made = self.after_lookup(
            queue, lambda: directory.create(self.account_id, queue, **schemas.read_create(request.content))
        )
        return self._shown(request, made)

    @source_openapi.list_all
    def list(self, request: DialectRequest, name: str) -> HttpResponse:
        found = directory.list_all(self.account_id, self.named(request, name))
        base = _base_url(request)
        return answers.fields(schemas.SourceListData([schemas.source_json(row, base) for row in found]))

    @source_openapi.get
    def retrieve(self, request: DialectRequest, name: str, sourceId: str) -> HttpResponse:  # noqa: N803
        return self._shown(request, directory.get(self.account_id, self.named(request, name), sourceId))

    @source_openapi.update
    def update(self, request: DialectRequest, name: str, sourceId: str) -> HttpResponse:  # noqa: N803
        queue = self.named(request, name)
        sent = self.after_lookup(queue, lambda: schemas.read_update(request.content))
        changed = self.after_lookup(queue, lambda: directory.update(self.account_id, queue, sourceId, **sent))
        return self._shown(request, changed)

    @source_openapi.delete
    def destroy(self, request: DialectRequest, name: str, sourceId: str) -> HttpResponse:  # noqa: N803
        directory.delete(self.account_id, self.named(request, name), sourceId)
        return answers.done()

    @source_openapi.events
    def events(self, request: DialectRequest, name: str, sourceId: str) -> HttpResponse:  # noqa: N803
        queue = self.named(request, name)
        failed, window = self.after_lookup(
            queue,
            lambda: (read_choice(request.params, "status", FAILED, None), read_page(request.params)),
        )
        source = directory.get(self.account_id, queue, sourceId)
        found = directory.events(
            self.account_id, queue, sourceId, failed=failed, limit=window.limit, offset=window.skip
        )
        return answers.fields(schemas.SourceEventListData([schemas.event_json(row, source) for row in found]))

    def _shown(self, request: DialectRequest, row: Source) -> HttpResponse:
        return answers.one("source", schemas.source_json(row, _base_url(request)))


class IngestViewSet(AgentuityViewSet):
    """Public: the source says who may."""

    action_scopes = {"ingest": ()}

    def initial(self, request: DRFRequest, *args: Any, **kwargs: Any) -> None:
        audit.set_actor(audit.ANONYMOUS)

    @source_openapi.ingest
    def ingest(self, request: DialectRequest, sourceId: str, rest: str = "") -> HttpResponse:  # noqa: N803
        source = ingest.find(sourceId)
        sent = ingest.Request(dict(request._request.headers), client_address(request._request.META))
        try:
            ingest.authorize(source, lambda name: request._request.headers.get(name, ""))
            body, size = read_payload(request.content)
            published = ingest.take(source, body, size)
        except Exception as error:
            problem = problem_of(error)
            if problem is not None and problem.status != 503:
                ingest.record(source, sent, status=self._status(problem), error=problem.text)
            raise
        with suppress(Unavailable):
            # It is stored. Told otherwise, whoever sent it would send it again, and there would be two.
            ingest.record(source, sent, status=200, message_id=published.public_id, body=body)
        return answers.fields(schemas.IngestData(ids.message_id(published.public_id), published.offset))

    def _status(self, problem: Problem) -> int:
        return self.problem_response(problem).status_code


def _base_url(request: DialectRequest) -> str:
    """The server as this client sees it. Not Django's ``build_absolute_uri``, which refuses what
    ``OKMQ_ALLOWED_HOSTS`` does not name: that is for the console."""
    meta = request._request.META
    host = meta.get("HTTP_HOST") or f"{meta['SERVER_NAME']}:{meta['SERVER_PORT']}"
    return f"{request._request.scheme}://{host}{INGEST}"
