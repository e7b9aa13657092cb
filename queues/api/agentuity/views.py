"""What all views of the Agentuity dialect share, and those of queues. They translate, and decide nothing.

Order of checks: key, named queue, body and query. To spare a look-up, bodies are parsed first, and only a bad
one has the queue looked up to tell 404 from 400.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from django.http import HttpResponse

from accounts.authentication import BearerAuthentication
from accounts.models import MANAGE, READ
from queues import broker
from queues.api import query
from queues.api.agentuity import answers, ids, openapi
from queues.api.agentuity import queue_schemas as schemas
from queues.api.agentuity.errors import error_response
from queues.api.agentuity.fields import MAX_OFFSET
from queues.api.names import is_text
from queues.api.problems import BadRequest, Problem, RequestError
from queues.api.views import DialectRequest, DialectViewSet
from queues.broker import directory
from queues.broker.directory import Sort
from queues.broker.errors import MessageNotFound, QueueNotFound
from queues.broker.types import QueueInfo, QueueStats
from queues.push.errors import InvalidDestination
from queues.sources.errors import InvalidSource

T = TypeVar("T")

TYPES: dict[str, str | None] = {"worker": "worker", "pubsub": "pubsub"}
STATUSES: dict[str, bool | None] = {"active": False, "paused": True}
SORTS = {
    "name": Sort.NAME,
    "created": Sort.CREATED,
    "updated": Sort.UPDATED,
    "message_count": Sort.MESSAGES,
    "dlq_count": Sort.DEAD,
}


class AgentuityViewSet(DialectViewSet):
    authentication_classes = (BearerAuthentication,)
    document = openapi.DOCUMENT

    @property
    def account_id(self) -> int:
        return self.key.account_id

    def problem_response(self, problem: Problem) -> HttpResponse:
        return error_response(problem, self.action)

    def named(self, request: DialectRequest, name: str) -> str:
        """A queue name from the path. Raises ``QueueNotFound`` for what cannot be one."""
        if not is_text(name, request._request):
            raise QueueNotFound(name)
        return name

    def message_id(self, queue: str, written: str) -> str:
        """The engine's id for one in the path. Raises ``QueueNotFound``, ``MessageNotFound``."""
        found = ids.public_id(written)
        if found is None:
            broker.get_queue(self.account_id, queue)
            raise MessageNotFound(written)
        return found

    def after_lookup(self, queue: str, read: Callable[[], T]) -> T:
        """What ``read`` makes of the request; if it refuses, a missing queue is told first."""
        try:
            return read()
        except (RequestError, InvalidDestination, InvalidSource):
            broker.get_queue(self.account_id, queue)
            raise


class Page(NamedTuple):
    limit: int
    skip: int


def read_page(params: query.Params) -> Page:
    """Raises ``BadRequest``."""
    return Page(
        query.integer(params, "limit", openapi.DEFAULT_LIMIT, 1, openapi.MAX_LIMIT),
        query.integer(params, "offset", 0, 0, MAX_OFFSET),
    )


def read_choice(params: query.Params, name: str, choices: dict[str, T], default: T) -> T:
    """Raises ``BadRequest`` for what is none of the choices."""
    word = params.get(name)
    if word is None:
        return default
    if word not in choices:
        raise BadRequest(f"{name}: must be one of {', '.join(choices)}")
    return choices[word]


class QueueViewSet(AgentuityViewSet):
    action_scopes = {
        "create": (MANAGE,),
        "retrieve": (READ,),
        "list": (READ,),
        "update": (MANAGE,),
        "destroy": (MANAGE,),
        "pause": (MANAGE,),
        "resume": (MANAGE,),
    }

    @openapi.create_queue
    def create(self, request: DialectRequest) -> HttpResponse:
        made = broker.create_queue(self.account_id, **schemas.read_create(request.content))
        return answers.one("queue", schemas.queue_json(made, QueueStats()))

    @openapi.get_queue
    def retrieve(self, request: DialectRequest, name: str) -> HttpResponse:
        return self._shown(broker.get_queue(self.account_id, self.named(request, name)))

    @openapi.list_queues
    def list(self, request: DialectRequest) -> HttpResponse:
        params = request.params
        window = read_page(params)
        found = directory.page(
            self.account_id,
            name_part=params.get("name", ""),
            kind=read_choice(params, "queue_type", TYPES, None),
            paused=read_choice(params, "status", STATUSES, None),
            sort=read_choice(params, "sort", SORTS, Sort.CREATED),
            descending=read_choice(params, "direction", {"asc": False, "desc": True}, True),
            limit=window.limit,
            skip=window.skip,
        )
        queues = [schemas.queue_json(queue, stats) for queue, stats in found.queues]
        return answers.fields(schemas.QueueListData(queues, found.total))

    @openapi.update_queue
    def update(self, request: DialectRequest, name: str) -> HttpResponse:
        queue = self.named(request, name)
        changes = self.after_lookup(queue, lambda: schemas.read_update(request.content))
        return self._shown(broker.update_queue(self.account_id, queue, **changes))

    @openapi.delete_queue
    def destroy(self, request: DialectRequest, name: str) -> HttpResponse:
        broker.delete_queue(self.account_id, self.named(request, name))
        return answers.done()

    @openapi.pause_queue
    def pause(self, request: DialectRequest, name: str) -> HttpResponse:
        """The body, an empty object or none at all, is not looked at."""
        return self._shown(broker.pause_queue(self.account_id, self.named(request, name)))

    @openapi.resume_queue
    def resume(self, request: DialectRequest, name: str) -> HttpResponse:
        return self._shown(broker.resume_queue(self.account_id, self.named(request, name)))

    def _shown(self, queue: QueueInfo) -> HttpResponse:
        stats = broker.stats(self.account_id, queue.name)
        return answers.one("queue", schemas.queue_json(queue, stats))
