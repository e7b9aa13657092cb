"""TinyMQ's OpenAPI document, but for what the types of its bodies and its routes say."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

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
from queues.api.tinymq import durations, schemas, topics

DURATION = durations.SCHEMA
FLAG = {"type": "string", "enum": ["true", "false"]}
TEXT = {"type": "string"}

DOCUMENT = Document(
    name="tinymq",
    title="TinyMQ API",
    description=(
        "Publish bytes to topics and consume them. A topic comes into being with its first use. What is "
        "consumed is nobody else's for an hour, and comes back then unless it is acknowledged; acknowledged "
        "it is deleted.\n\nA key is shown as `Authorization: Bearer KEY`, as password of any user (`Basic`), "
        "or as `?token=KEY`; the server may name an account for those who show none. Durations are Go's "
        "(`500ms`, `1h30m`), and the only word for yes is `true`. Errors are plain text. A topic may contain "
        "slashes."
    ),
    version="3.1.6",
    urlconf="queues.api.tinymq.urls",
    security={
        "Bearer": {"type": "http", "scheme": "bearer"},
        "Basic": {"type": "http", "scheme": "basic", "description": "Any user name, the key as password."},
        "TokenQuery": {"type": "apiKey", "in": "query", "name": "token"},
    },
    error=str,
    error_media_type="text/plain",
    path_parameters={
        "topic": Parameter("topic", topics.NAME_SCHEMA, "The topic's name."),
        "id": "The message's id.",
    },
    errors={
        401: "The key is missing or not valid.",
        403: "The key lacks the scope that the call needs.",
        429: "A limit is reached: messages of the topic, topics, calls at once, or wrong keys.",
        500: "Internal server error.",
        503: "The database is not available; `Retry-After` says when to come back.",
    },
)

CORE, EXTENDED = "core", "extended"
BAD_BODY = {400: "The body is not what it should be."}
TOPIC_OR_PATTERN = Parameter(
    "topic",
    {"type": "string", "pattern": topics.OR_PATTERN},
    "The topic's name, or what names begin with and a `*`.",
)
QUEUE = Query("queue", TEXT, "The topic.")
FILTERS = (
    Query("filter_key", TEXT, "A member of JSON payloads, at their top."),
    Query("filter_val", TEXT, "Its value, as text."),
)


def accepted(description: str, kind: Any) -> Answer:
    """202."""
    return Answer(HTTPStatus.ACCEPTED, description, kind)


def not_found(description: str) -> Answer:
    """404 with a JSON body."""
    return Answer(HTTPStatus.NOT_FOUND, description, schemas.StatusMessage)


publish = Operation(
    id="publish",
    tag=CORE,
    summary="Publish bytes to a topic",
    description="The topic is made if it does not exist. Headers that begin with `X-MQ-` are kept.",
    query=(
        Query("ttl", DURATION, "Not delivered after this time."),
        Query("delay", DURATION, "Not delivered before this time."),
        Query("broadcast", FLAG, "A copy for everybody who waits now, and none is stored."),
        Query(
            "priority",
            {"type": "string", "enum": ["high", "normal", "low"], "default": "normal"},
            "What is consumed first.",
        ),
        Query(
            "idempotency", {"type": "string", "enum": ["auto"]}, "Ignore the same payload for five minutes."
        ),
    ),
    headers=(Header("Idempotency-Key", TEXT, "Ignore the same key on this topic for five minutes."),),
    body=Body(
        bytes, media_type="*/*", description="Up to 2,097,152 bytes; their media type is not looked at."
    ),
    answer=accepted("Stored.", schemas.PublishAccepted),
    other_answers={200: ok("Ignored, as a repetition.", schemas.PublishIgnored)},
    errors={
        400: "No topic, no name for a topic, or no payload.",
        413: "The payload is longer than 2 MiB, or could not be read.",
    },
)
consume = Operation(
    id="consume",
    tag=CORE,
    summary="Take messages, or wait for one",
    description=(
        "An object where `limit` is 1, else a list. A name that ends with `*` stands for all topics that "
        "begin so; one of them is served at a time. Who waits is served before those who wait for the topic "
        "by its name. Nobody waits longer than 15 minutes."
    ),
    path=(TOPIC_OR_PATTERN,),
    query=(
        Query("timeout", DURATION, "How long to wait for a message; not at all by default."),
        Query(
            "limit",
            {"type": "integer", "minimum": 1, "maximum": 1000, "default": 1},
            "At most so many; what is no such number counts as 1.",
        ),
        Query("auto_ack", FLAG, "Acknowledge them, too."),
        Query("group", TEXT, "Take the copies that are kept for this consumer group, from its first use on."),
        Query("peek", FLAG, "Look only."),
        *FILTERS,
    ),
    answer=ok("A message, or a list of them.", schemas.ConsumedMessage | list[schemas.ConsumedMessage]),
    other_answers={
        204: "Nothing: for clients that take a list only.",
        404: not_found("Nothing is ready, or no topic can have this name."),
    },
    errors={400: "No topic, no duration, or no name for a group."},
)
ack = Operation(
    id="ack",
    tag=CORE,
    summary="Acknowledge a message",
    answer=ok("It is deleted.", schemas.StatusMessage),
    other_answers={404: not_found("There is none of this id, or it is acknowledged already.")},
    errors={400: "No topic or no id."},
)
requeue = Operation(
    id="requeue",
    tag=CORE,
    summary="Put a message back, counting one more retry",
    description="With the third retry it goes to `TOPIC.dlq`. The message need not be known.",
    body=Body(schemas.RequeueMessage),
    answer=accepted("It is at the end of the topic, or in the dead-letter topic.", schemas.Status),
    errors=BAD_BODY | {404: "There is no such topic."},
)
register_webhook = Operation(
    id="registerWebhook",
    tag=CORE,
    summary="Have new messages of a topic sent to a URL",
    description=(
        "The payload alone is sent; what fails is tried again. A URL that is registered already is left "
        "alone."
    ),
    body=Body(schemas.NewWebhook),
    answer=created("Registered.", schemas.Status),
    errors={
        400: "The body is not what it should be.",
        403: "No scope for it, or the URL leads where it must not.",
    },
)
create_topic = Operation(
    id="createTopic",
    tag=CORE,
    summary="Make an empty topic",
    body=Body(schemas.NewTopic),
    answer=created("It is made.", schemas.Status),
    errors=BAD_BODY | {409: "It exists already."},
)
create_queue = Operation(
    id="createQueue",
    tag=EXTENDED,
    summary="The same",
    body=Body(schemas.NewTopic),
    answer=created("It is made.", schemas.Status),
    errors=BAD_BODY | {409: "It exists already."},
)
stats = Operation(
    id="stats", tag=CORE, summary="All topics and their figures", answer=ok("The figures.", schemas.Stats)
)
list_queues = Operation(
    id="listQueues",
    tag=EXTENDED,
    summary="The same as a list",
    answer=ok("The topics.", list[schemas.TopicStat]),
)
peek = Operation(
    id="peek",
    tag=CORE,
    summary="Look at messages that wait",
    query=(QUEUE, Query("limit", {"type": "integer", "minimum": 1, "default": 10}, "At most so many.")),
    answer=ok("The oldest first; none of a topic that does not exist.", list[schemas.Message]),
)
queue_publish = Operation(
    id="queuePublish",
    tag=EXTENDED,
    summary="Publish a text",
    body=Body(schemas.QueuePublish),
    answer=accepted("Stored.", schemas.QueueAccepted),
    errors=BAD_BODY | {413: "The payload is longer than 2 MiB."},
)
queue_consume = Operation(
    id="queueConsume",
    tag=EXTENDED,
    summary="Take a message and acknowledge it",
    body=Body(schemas.QueueConsume),
    answer=ok("The message.", schemas.Message),
    other_answers={204: "Nothing is ready."},
    errors=BAD_BODY,
)
NO_QUEUE = {404: "There is no such topic."}
purge_queue = Operation(
    id="purgeQueue",
    tag=EXTENDED,
    summary="Delete a topic's messages",
    query=(QUEUE,),
    answer=ok("Deleted."),
    errors=NO_QUEUE,
)
delete_queue = Operation(
    id="deleteQueue",
    tag=EXTENDED,
    summary="Delete a topic with its messages and webhooks",
    query=(QUEUE,),
    answer=ok("Deleted."),
    errors=NO_QUEUE,
)
redrive = Operation(
    id="redrive",
    tag=EXTENDED,
    summary="Publish dead letters anew to their topic",
    query=(QUEUE,),
    answer=ok("How many.", schemas.Redriven),
    errors={400: "No topic is named.", 404: "There is no dead-letter topic."},
)
list_webhooks = Operation(
    id="listWebhooks",
    tag=EXTENDED,
    summary="The URLs a topic's messages are sent to",
    query=(QUEUE,),
    answer=ok("The URLs.", list[str]),
)
list_groups = Operation(
    id="listGroups",
    tag=EXTENDED,
    summary="The consumer groups of a topic",
    query=(Query("topic", TEXT, "The topic."),),
    answer=ok("Their names.", schemas.Groups),
    errors={400: "No topic is named."},
)
create_group = Operation(
    id="createGroup",
    tag=EXTENDED,
    summary="Make a consumer group",
    description="It gets copies of what is published to the topic from now on.",
    body=Body(schemas.NewGroup),
    answer=created("It is there.", schemas.GroupCreated),
    errors=BAD_BODY,
)
healthz = Operation(
    id="healthz",
    tag=EXTENDED,
    summary="Whether the server and its database answer",
    is_public=True,
    answer=ok("They do.", schemas.Health),
    other_answers={503: Answer(HTTPStatus.SERVICE_UNAVAILABLE, "The database does not.", schemas.Health)},
)
cluster_status = Operation(
    id="clusterStatus",
    tag=EXTENDED,
    summary="Whether this is a cluster of TinyMQ",
    description="It is not: several servers share one database.",
    answer=ok("No.", schemas.ClusterStatus),
)
stream = Operation(
    id="stream",
    tag=EXTENDED,
    summary="Look on as messages are published",
    description="Server-sent events without names: first the status, then messages. Nothing is consumed.",
    path=(TOPIC_OR_PATTERN,),
    query=FILTERS,
    answer=Answer(HTTPStatus.OK, "Event stream.", str, "text/event-stream"),
    errors={400: "No topic, or no name for one."},
)
