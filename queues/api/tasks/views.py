"""The tasks API on the task layer (tasks.md sections 4, 5 and 8). Translates, and decides nothing."""

from __future__ import annotations

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request

from accounts.authentication import OpenAuthentication
from accounts.models import CONSUME, MANAGE, PUBLISH, READ
from queues.api import query, sse
from queues.api.negotiation import empty_response, json_response
from queues.api.problems import BadRequest, Problem
from queues.api.tasks import openapi, progress_schemas, schemas, streams
from queues.api.tasks.errors import Refused, error_response
from queues.api.tasks.scalars import NAME, format_stream_id, format_timestamp
from queues.api.views import DialectRequest, DialectViewSet
from queues.tasks import registry, tasks
from queues.tasks.errors import TaskNotFound
from queues.tasks.types import DEFAULT_QUEUE, TaskState

MAX_REQUEST_BYTES = 1_048_576
MAX_PAGE = 2**53
MAX_STREAMED_TASKS = 10
LAST_EVENT_ID = "HTTP_LAST_EVENT_ID"


class TasksViewSet(DialectViewSet):
    authentication_classes = (OpenAuthentication,)
    document = openapi.DOCUMENT
    max_request_bytes = MAX_REQUEST_BYTES

    def problem_response(self, problem: Problem) -> HttpResponse:
        return error_response(problem, self.action)

    @property
    def account_id(self) -> int:
        return self.key.account_id


class TaskViewSet(TasksViewSet):
    action_scopes = {
        "create": (PUBLISH,),
        "list": (READ,),
        "retrieve": (READ,),
        "destroy": (MANAGE,),
        "cancel": (MANAGE,),
        "run": (MANAGE,),
        "stats": (READ,),
    }

    @openapi.create
    def create(self, request: DialectRequest) -> HttpResponse:
        new = schemas.read_new_task(request.content, lambda name: tasks.is_known(self.account_id, name))
        try:
            made = tasks.create(self.account_id, new)
        except registry.InvalidPayload as error:
            raise Refused("INVALID_PAYLOAD", f"payload: {error}") from error
        response = json_response(schemas.created_json(made), 201)
        response.headers["Location"] = f"/api/v1/tasks/{made.task_id}"
        return response

    @openapi.list_tasks
    def list(self, request: DialectRequest) -> HttpResponse:
        queue, state = _queue(request), _state(request.params)
        if not NAME.fullmatch(queue):
            raise Refused("INVALID_QUEUE", "queue: must be 1 to 128 letters, digits, and _ . : -")
        page = query.integer(request.params, "page", 0, 0, MAX_PAGE)
        size = query.integer(request.params, "size", 20, 1, 100)
        found = tasks.list_tasks(self.account_id, queue, state, limit=size, skip=page * size)
        return json_response([schemas.item_json(item) for item in found])

    @openapi.get
    def retrieve(self, request: DialectRequest, id: str) -> HttpResponse:
        return json_response(schemas.task_json(tasks.get(self.account_id, id, _queue(request))))

    @openapi.delete
    def destroy(self, request: DialectRequest, id: str) -> HttpResponse:
        tasks.delete(self.account_id, id, _queue(request))
        return json_response(schemas.Message("task deleted"))

    @openapi.cancel
    def cancel(self, request: DialectRequest, id: str) -> HttpResponse:
        """In whatever queue it is (section 4.3)."""
        tasks.cancel(self.account_id, id)
        return json_response(schemas.Message("task cancelled"))

    @openapi.run
    def run(self, request: DialectRequest, id: str) -> HttpResponse:
        tasks.run(self.account_id, id)
        return json_response(schemas.Message("task pending"))

    @openapi.stats
    def stats(self, request: DialectRequest) -> HttpResponse:
        found = tasks.stats(self.account_id, request.params.get("queue") or None)
        return json_response([schemas.figures_json(figures) for figures in found])


class WorkViewSet(TasksViewSet):
    """What workers elsewhere do (section 8)."""

    # A result may be as long as a body otherwise; there is a token and a message around it.
    max_request_bytes = MAX_REQUEST_BYTES + 65_536
    action_scopes = dict.fromkeys(("claim", "heartbeat", "complete", "fail"), (CONSUME,))

    @openapi.claim
    def claim(self, request: DialectRequest) -> HttpResponse:
        wanted = schemas.read_claim(request.content)
        found = tasks.claim(
            self.account_id,
            wanted.types,
            wanted.queues,
            worker=wanted.worker,
            limit=wanted.limit,
            lease_seconds=wanted.lease_seconds,
            wait_seconds=wanted.wait_seconds,
            gone=request.gone(),
        )
        return json_response(schemas.ClaimedTasks([schemas.claimed_json(task) for task in found]))

    @openapi.heartbeat
    def heartbeat(self, request: DialectRequest, id: str) -> HttpResponse:
        token, lease_seconds = schemas.read_heartbeat(request.content)
        until = tasks.heartbeat(self.account_id, id, token, lease_seconds)
        return json_response(schemas.Lease(format_timestamp(until)))

    @openapi.complete
    def complete(self, request: DialectRequest, id: str) -> HttpResponse:
        token, said = schemas.read_completion(request.content)
        tasks.complete(self.account_id, id, token, said)
        return json_response(schemas.Message("task completed"))

    @openapi.fail
    def fail(self, request: DialectRequest, id: str) -> HttpResponse:
        said = schemas.read_failure(request.content)
        failed = tasks.fail(
            self.account_id, id, said.token, said.error, retry=said.retry, retry_seconds=said.retry_seconds
        )
        return json_response(schemas.failed_json(failed))


class TaskTypeViewSet(TasksViewSet):
    action_scopes = {"list": (READ,), "update": (MANAGE,), "destroy": (MANAGE,)}

    @openapi.list_types
    def list(self, request: DialectRequest) -> HttpResponse:
        found = tasks.known_types(self.account_id)
        return json_response(
            [schemas.TaskType(kind.name, "builtin" if kind.builtin else "remote") for kind in found]
        )

    @openapi.put_type
    def update(self, request: DialectRequest, type: str) -> HttpResponse:
        if not NAME.fullmatch(type):
            raise Refused("INVALID_TASK_TYPE", "type: must be 1 to 128 letters, digits, and _ . : -")
        made = tasks.register(self.account_id, type)
        return json_response(schemas.TaskType(type, "remote"), 201 if made else 200)

    @openapi.delete_type
    def destroy(self, request: DialectRequest, type: str) -> HttpResponse:
        tasks.remove(self.account_id, type)
        return json_response(schemas.Message("task type deleted"))


class ProgressViewSet(TasksViewSet):
    """Ids are unique: no queue is asked for (section 5.2)."""

    action_scopes = {"latest": (READ,), "history": (READ,), "info": (READ,), "report": (CONSUME,)}

    @openapi.report
    def report(self, request: DialectRequest, id: str) -> HttpResponse:
        token, said = schemas.read_report(request.content)
        until = tasks.report(self.account_id, id, token, said)
        return json_response(schemas.Reported(format_stream_id(said.position), format_timestamp(until)))

    @openapi.latest
    def latest(self, request: DialectRequest, id: str) -> HttpResponse:
        entry = tasks.latest(self.account_id, id)
        if entry is None:
            raise Refused("PROGRESS_NOT_FOUND", "there is no progress of this task", 404)
        return json_response(progress_schemas.latest_json(id, entry))

    @openapi.history
    def history(self, request: DialectRequest, id: str) -> HttpResponse:
        after, limit = progress_schemas.history_window(request.params)
        return json_response(
            progress_schemas.history_json(id, tasks.history(self.account_id, id, after, limit))
        )

    @openapi.info
    def info(self, request: DialectRequest, id: str) -> HttpResponse:
        return json_response(progress_schemas.info_json(id, tasks.info(self.account_id, id)))


class StreamAuthentication(OpenAuthentication):
    """A key in the query, too: a browser's ``EventSource`` sends no headers of ours."""

    def shown(self, request: Request) -> str:
        return super().shown(request) or query.parse_query(request._request.META.get("QUERY_STRING", "")).get(
            "api_key", ""
        )


class StreamViewSet(TasksViewSet):
    authentication_classes = (StreamAuthentication,)
    action_scopes = dict.fromkeys(("one", "several"), (READ,))

    @openapi.stream
    def one(self, request: DialectRequest, id: str) -> HttpResponseBase:
        """Where it starts: section 5.3."""
        standing = streams.at_connect(self.account_id, [id]).get(id)
        if standing is None:
            raise TaskNotFound(id)
        seen = progress_schemas.last_event_position(request._request.META.get(LAST_EVENT_ID, ""))
        start = progress_schemas.stream_start(request.params) if seen is None else None
        history_until = -1
        if seen is not None:
            if standing.status and seen >= standing.last:
                return empty_response()
            after = seen
        elif request.params.get("history") == "true":
            after, history_until = (-1 if start is None else start), standing.last
        elif start is not None:
            after = start
        else:
            # What is over is told once more: the stream must not end without a word.
            after = standing.last - 1 if standing.status else standing.last
        source = streams.OneTask(self.account_id, id, after, history_until)
        return sse.response(request._request, source)

    @openapi.stream_several
    def several(self, request: DialectRequest) -> HttpResponseBase:
        """Starts with what is new, or where ``Last-Event-ID`` left off (section 5.4)."""
        ids = _task_ids(request.params)
        standings = streams.at_connect(self.account_id, ids)
        if not standings:
            raise TaskNotFound(",".join(ids))
        seen = _last_positions(request._request.META.get(LAST_EVENT_ID, ""), len(ids))
        places = dict.fromkeys(ids, 0)
        for at, id in enumerate(ids):
            standing = standings.get(id)
            if standing is None:
                continue
            if seen is not None:
                places[id] = seen[at]
            elif request.params.get("start_id") in progress_schemas.BEGINNING:
                places[id] = -1
            else:
                places[id] = standing.last - 1 if standing.status else standing.last
        if seen is not None and all(s.status and places[id] >= s.last for id, s in standings.items()):
            return empty_response()
        unknown = [id for id in ids if id not in standings]
        return sse.response(request._request, streams.SeveralTasks(self.account_id, places, unknown))


def _queue(request: DialectRequest) -> str:
    """GET and DELETE look in one queue (section 4.2)."""
    return request.params.get("queue") or DEFAULT_QUEUE


def _state(params: query.Params) -> TaskState | None:
    word = params.get("status", "")
    if not word:
        return None
    try:
        return TaskState(word)
    except ValueError:
        raise Refused("INVALID_TASK_STATE", f"status: must be one of {', '.join(TaskState)}") from None


def _task_ids(params: query.Params) -> list[str]:
    given = [text.strip() for text in params.get("task_ids", "").split(",")]
    ids = list(dict.fromkeys(text for text in given if text))
    if not 1 <= len(ids) <= MAX_STREAMED_TASKS:
        raise BadRequest(f"task_ids: must name 1 to {MAX_STREAMED_TASKS} tasks, separated by commas")
    return ids


def _last_positions(text: str, count: int) -> list[int] | None:
    parts = [progress_schemas.last_event_position(part) for part in text.split(",")]
    found = [part for part in parts if part is not None]
    return found if len(found) == len(parts) == count else None
