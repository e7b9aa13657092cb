"""The tasks API's OpenAPI document, but for what the types of its bodies and its routes say."""

from __future__ import annotations

from http import HTTPStatus

from queues.api.openapi.document import (
    Answer,
    Body,
    Document,
    Header,
    Operation,
    Parameter,
    Query,
    created,
    ok,
)
from queues.api.sse import MEDIA_TYPE
from queues.api.tasks import progress_schemas, schedule_schemas, schemas
from queues.api.tasks.errors import Error
from queues.tasks.types import TaskState

DOCUMENT = Document(
    name="tasks",
    title="Task queue HTTP API",
    description=(
        "Tasks with retries, schedules, uniqueness and progress, run by handlers here or by workers "
        "elsewhere.\n\n"
        "A key is shown as `Authorization: Bearer <key>` or `X-API-Key: <key>`, and to streams as `api_key` "
        "in the query, since a browser's `EventSource` sends no headers; none is needed where the operator "
        "lets clients in without. Durations are Go's: `30s`, `1h30m`, `1.5s`."
    ),
    version="1.0.0",
    urlconf="queues.api.tasks.urls",
    security={
        "bearer": {"type": "http", "scheme": "bearer"},
        "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "apiKeyQuery": {"type": "apiKey", "in": "query", "name": "api_key", "description": "Streams only."},
    },
    key_is_optional=True,
    error=Error,
    path_parameters={
        "id": "The task's id.",
        "name": Parameter(
            "name", {"type": "string", "pattern": "^[A-Za-z0-9_.:-]{1,128}$"}, "The name of the schedule."
        ),
        "type": Parameter(
            "type", {"type": "string", "pattern": "^[A-Za-z0-9_.:-]{1,128}$"}, "The name of the type."
        ),
    },
    errors={
        401: "The key is missing or not valid.",
        403: "The key lacks the scope that the call needs.",
        429: "Too many wrong keys, or too many calls of this account at once.",
        500: "Internal server error, or what the code says.",
        503: "The database is not available.",
    },
)

TASKS, PROGRESS, QUEUES, WORKERS = "tasks", "progress", "queues", "beyond"
NO_TASK = {404: "There is no such task."}
BAD_BODY = {400: "The body is not what it should be; the code says what is wrong.", 413: "It is too large."}
HELD = {409: "The lease is lost, or the task was cancelled."}
QUEUE = Query("queue", {"type": "string", "default": "default"}, "Where to look for the task.")
START_ID = Query(
    "start_id",
    {"type": "string", "default": "$"},
    "`0` for all entries, `$` for new ones only, a stream id for those after it.",
)
HISTORY_START = Query(
    "start_id",
    {"type": "string", "default": "-"},
    "The first entry, or with `(` before it the one before the first.",
)
HISTORY = Query(
    "history", {"type": "string", "enum": ["true"]}, "What there is already comes as `history` events."
)
API_KEY = Query("api_key", {"type": "string"}, "The key, from clients that cannot send it in a header.")
LAST_EVENT_ID = Header(
    "Last-Event-ID", {"type": "string"}, "Where a stream that was cut off goes on; beats `start_id`."
)


create = Operation(
    id="createTask",
    tag=TASKS,
    summary="Make a task",
    body=Body(schemas.CreateTask, defaults={"queue": "default", "max_retries": 3, "timeout": "30m"}),
    answer=created("It is made.", schemas.CreatedTask),
    errors={**BAD_BODY, 409: "One like it holds the lock; `details.task_id` is that one."},
)
list_tasks = Operation(
    id="listTasks",
    tag=WORKERS,
    summary="List tasks of a queue",
    query=(
        Query("queue", {"type": "string", "default": "default"}, "The queue."),
        Query("status", {"type": "string", "enum": [str(state) for state in TaskState]}, "Only these."),
        Query("page", {"type": "integer", "minimum": 0, "default": 0}, "From 0."),
        Query("size", {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}, "Of a page."),
    ),
    answer=ok("In the order in which they were made.", list[schemas.TaskListItem]),
    errors={400: "A parameter is not what it should be."},
)
get = Operation(
    id="getTask",
    tag=TASKS,
    summary="Get a task",
    query=(QUEUE,),
    answer=ok("The task.", schemas.Task),
    errors=NO_TASK,
)
delete = Operation(
    id="deleteTask",
    tag=TASKS,
    summary="Delete a task that nobody works on",
    query=(QUEUE,),
    answer=ok("It is gone.", schemas.Message),
    errors=NO_TASK,
)
cancel = Operation(
    id="cancelTask",
    tag=TASKS,
    summary="Cancel a task",
    description="It is archived at once, and not tried again. Its worker learns of it when it reports next.",
    answer=ok("It is cancelled.", schemas.Message),
    errors=NO_TASK,
)
run = Operation(
    id="runTask",
    tag=WORKERS,
    summary="Make a task pending now",
    description="One that is scheduled, waits for a retry, or is archived.",
    answer=ok("It is pending.", schemas.Message),
    errors={**NO_TASK, 409: "It is pending, active or completed."},
)
stats = Operation(
    id="getQueueStats",
    tag=QUEUES,
    summary="Count tasks by state",
    query=(Query("queue", {"type": "string"}, "Only this queue, whether or not there is one."),),
    answer=ok("Of every queue that ever held something, by name.", list[schemas.QueueStats]),
)
latest = Operation(
    id="getProgress",
    tag=PROGRESS,
    summary="Get a task's newest progress",
    answer=ok("The newest entry.", progress_schemas.LatestProgress),
    errors={404: "There is no entry, or no such task."},
)
history = Operation(
    id="getProgressHistory",
    tag=PROGRESS,
    summary="Get a task's progress",
    query=(
        HISTORY_START,
        Query("limit", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 1000}, "Entries."),
    ),
    answer=ok("The oldest first; empty for an unknown task.", progress_schemas.History),
    errors={400: "A parameter is not what it should be."},
)
info = Operation(
    id="getProgressInfo",
    tag=PROGRESS,
    summary="Get the size of a task's progress",
    answer=ok("Zero for an unknown task.", progress_schemas.ProgressInfo),
)
_STREAMED = "Events `progress`, `history`, `done` and `error`; a comment after 15 seconds of silence."
stream = Operation(
    id="streamProgress",
    tag=PROGRESS,
    summary="Follow a task's progress",
    description=_STREAMED,
    query=(HISTORY, START_ID, API_KEY),
    headers=(LAST_EVENT_ID,),
    answer=Answer(HTTPStatus.OK, "Until the task is done.", str, MEDIA_TYPE),
    other_answers={204: "Everything was told already: do not come back."},
    errors={400: "A parameter is not what it should be.", **NO_TASK},
)
stream_several = Operation(
    id="streamMultipleProgress",
    tag=PROGRESS,
    summary="Follow the progress of several tasks",
    description=_STREAMED,
    query=(
        Query("task_ids", {"type": "string"}, "Up to ten ids, separated by commas."),
        Query("start_id", {"type": "string", "enum": ["0", "$"]}, "`0` for all entries there are."),
        API_KEY,
    ),
    headers=(LAST_EVENT_ID,),
    answer=Answer(HTTPStatus.OK, "Until all the tasks are done.", str, MEDIA_TYPE),
    other_answers={204: "Everything was told already: do not come back."},
    errors={400: "None, or more than ten ids.", 404: "There is none of these tasks."},
)
list_types = Operation(
    id="listTaskTypes",
    tag=WORKERS,
    summary="List the known task types",
    answer=ok("By name.", list[schemas.TaskType]),
)
put_type = Operation(
    id="putTaskType",
    tag=WORKERS,
    summary="Register a task type for workers elsewhere",
    answer=ok("It was registered before.", schemas.TaskType),
    other_answers={201: created("It is registered.", schemas.TaskType)},
    errors={400: "No type may have this name.", 409: "It has a handler here."},
)
delete_type = Operation(
    id="deleteTaskType",
    tag=WORKERS,
    summary="Forget a task type",
    answer=ok("No more such tasks are made or claimed.", schemas.Message),
    errors={404: "It is not registered.", 409: "It has a handler here."},
)
claim = Operation(
    id="claimTasks",
    tag=WORKERS,
    summary="Take tasks to work on",
    body=Body(schemas.ClaimRequest),
    answer=ok("The tasks; none when nothing came up.", schemas.ClaimedTasks),
    errors=BAD_BODY,
)
heartbeat = Operation(
    id="heartbeatTask",
    tag=WORKERS,
    summary="Hold a task's lease",
    body=Body(schemas.HeartbeatRequest),
    answer=ok("Never beyond the attempt's deadline.", schemas.Lease),
    errors={**BAD_BODY, **NO_TASK, **HELD},
)
report = Operation(
    id="reportProgress",
    tag=WORKERS,
    summary="Report progress, and hold the lease",
    body=Body(schemas.ProgressReport),
    answer=ok("It is noted.", schemas.Reported),
    errors={**BAD_BODY, **NO_TASK, **HELD},
)
complete = Operation(
    id="completeTask",
    tag=WORKERS,
    summary="Say that a task is done",
    description="May be repeated with the same token.",
    body=Body(schemas.CompleteRequest),
    answer=ok("It is completed.", schemas.Message),
    errors={**BAD_BODY, **NO_TASK, **HELD},
)
fail = Operation(
    id="failTask",
    tag=WORKERS,
    summary="Say that an attempt failed",
    body=Body(schemas.FailRequest),
    answer=ok("It is retried or archived.", schemas.FailedTask),
    errors={**BAD_BODY, **NO_TASK, **HELD},
)

NO_SCHEDULE = {404: "There is no such schedule."}
list_schedules = Operation(
    id="listSchedules",
    tag=WORKERS,
    summary="List the schedules",
    answer=ok("By name.", list[schedule_schemas.Schedule]),
)
put_schedule = Operation(
    id="putSchedule",
    tag=WORKERS,
    summary="Make or replace a schedule",
    body=Body(schedule_schemas.PutSchedule),
    answer=ok("It is replaced; its due times count from now.", schedule_schemas.Schedule),
    other_answers={201: created("It is made.", schedule_schemas.Schedule)},
    errors=BAD_BODY,
)
get_schedule = Operation(
    id="getSchedule",
    tag=WORKERS,
    summary="One schedule",
    answer=ok("The schedule.", schedule_schemas.Schedule),
    errors=NO_SCHEDULE,
)
delete_schedule = Operation(
    id="deleteSchedule",
    tag=WORKERS,
    summary="Remove a schedule",
    answer=ok("It makes no more tasks; those it made stay.", schemas.Message),
    errors=NO_SCHEDULE,
)
run_schedule = Operation(
    id="runSchedule",
    tag=WORKERS,
    summary="Make its task now",
    answer=created("The task.", schemas.CreatedTask),
    errors={**NO_SCHEDULE, 409: "A task like it is there already."},
)
