"""OKMQ's OpenAPI document, but for what the types of its bodies and its routes say: queues and topics."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from queues.api.okmq import schemas, serializers
from queues.api.okmq.fields import MAX_OFFSET
from queues.api.openapi.document import Body, Document, Operation, Query, created, no_content, ok
from queues.broker.types import State


class Error(Struct):
    """The body of every answer that is not a success."""

    error: Annotated[str, Meta(description="What is wrong, never empty.")]


DOCUMENT = Document(
    name="okmq",
    title="OKMQ API",
    description=(
        "Message queues with retries, delayed delivery and topics, and streams.\n\n"
        "Every call needs an API key: `Authorization: Bearer <key>`, or the key alone. Whatever is wrong "
        "with a request is answered with a 4xx code and an `Error`, and changes nothing; a batch takes "
        "effect as a whole or not at all. Times are RFC 3339 in UTC, durations are seconds."
    ),
    version="1.0.0",
    urlconf="queues.api.okmq.urls",
    security={"apiKey": {"type": "apiKey", "in": "header", "name": "Authorization"}},
    error=Error,
    path_parameters={
        "queue": "The queue's name.",
        "topic": "The topic's name.",
        "stream": "The stream's name.",
        "id": "The message's id; it may contain anything, percent-encoded.",
    },
    errors={
        401: "The key is missing or not valid.",
        403: "The key lacks the scope that the call needs.",
        429: "Too many wrong keys, or too many receives at once; `Retry-After` says when to come back.",
        500: "Internal server error.",
        503: "The database is not available; `Retry-After` says when to come back.",
    },
)

MANAGEMENT, MESSAGES = "Queue Management", "Queue Operations"
BAD_BODY = {400: "The body is not what it should be."}
BAD_QUERY = {400: "A parameter is not what it should be."}
NO_QUEUE = {404: "There is no such queue."}
NO_MESSAGE = {404: "There is no such queue or message."}
TAG = Query("tag", {"type": "string"}, "Only messages with exactly this tag.")
TYPE = Query(
    "type", {"type": "string", "enum": ["all", *State], "default": "all"}, "Only messages in this state."
)


list_queues = Operation(
    id="list_queues",
    tag=MANAGEMENT,
    summary="List all queues",
    answer=ok("The account's queues, the oldest first.", list[serializers.Queue]),
)
create_queue = Operation(
    id="create_queue",
    tag=MANAGEMENT,
    summary="Create a queue",
    body=Body(
        serializers.CreateQueueSerializer,
        defaults={**serializers.settings_json(serializers.DEFAULT_SETTINGS), "topics": []},
    ),
    answer=created("The queue was made."),
    errors={
        400: "A bad body, or no more queues and streams are allowed.",
        409: "It exists already.",
    },
)
get_queue = Operation(
    id="get_queue",
    tag=MANAGEMENT,
    summary="Get a queue's settings",
    query=(Query("tag", {"type": "string"}, "Has no effect."),),
    answer=ok("The queue.", serializers.Queue),
    errors=NO_QUEUE,
)
update_queue = Operation(
    id="update_queue",
    tag=MANAGEMENT,
    summary="Change a queue's settings",
    description="What is not sent stays. Messages keep the settings they were published under.",
    body=Body(serializers.UpdateQueueSerializer),
    answer=no_content("Changed."),
    errors=BAD_BODY | NO_QUEUE,
)
delete_queue = Operation(
    id="delete_queue",
    tag=MANAGEMENT,
    summary="Delete a queue and its messages",
    answer=no_content("Deleted."),
    errors=NO_QUEUE,
)
get_stats = Operation(
    id="get_stats",
    tag=MANAGEMENT,
    summary="Count a queue's messages by state",
    description="A queue that does not exist counts as an empty one.",
    query=(TAG,),
    answer=ok("The counts.", serializers.QueueStats),
)

receive = Operation(
    id="receive",
    tag=MESSAGES,
    summary="Receive messages, or look at them",
    description=(
        "Delivers what is pending, the oldest first, and locks it. If there is nothing, the call waits up to "
        "20 seconds (the server's setting) and answers as soon as there is.\n\n"
        "With `peek` it shows messages in any state, changes nothing and never waits."
    ),
    query=(
        TAG,
        Query("limit", {"type": "integer", "minimum": 1, "maximum": 100, "default": 10}, "At most so many."),
        Query("peek", {"type": "boolean", "default": False}, "Look only."),
        Query("type", TYPE.schema, "Only messages in this state; of effect with `peek`."),
        Query(
            "offset",
            {"type": "integer", "minimum": 0, "maximum": MAX_OFFSET, "default": 0},
            "How many to skip; of effect with `peek`.",
        ),
    ),
    answer=ok("The messages; none is no error.", list[schemas.DequeueMessage]),
    errors=BAD_QUERY | NO_QUEUE,
)
enqueue = Operation(
    id="enqueue",
    tag=MESSAGES,
    summary="Publish messages to a queue",
    description="A message whose id the queue knows is ignored, so a call may be repeated safely.",
    body=Body(schemas.EnqueueMessages),
    answer=no_content("Stored, all of them."),
    errors=BAD_BODY | NO_QUEUE | {413: "A message, or the account's messages together, would be too large."},
)
delete_messages = Operation(
    id="delete_messages",
    tag=MESSAGES,
    summary="Delete many messages",
    description="With a body those it lists; without one all in a state and with a tag.",
    query=(
        Query("type", TYPE.schema, "Only messages in this state; ignored beside a body."),
        Query("tag", TAG.schema, "Only messages with exactly this tag; ignored beside a body."),
    ),
    body=Body(schemas.DeleteMessagesRequest, required=False),
    answer=no_content("Deleted."),
    errors=BAD_BODY | NO_QUEUE,
)
ack = Operation(
    id="ack",
    tag=MESSAGES,
    summary="Acknowledge messages, or give them back",
    description="Ids that the queue does not know are skipped, all of them if there is no such queue.",
    body=Body(schemas.AckStatuses),
    answer=no_content("Settled."),
    errors=BAD_BODY,
)
reset_failed = Operation(
    id="reset_failed",
    tag=MESSAGES,
    summary="Have failed messages delivered again",
    description="All that failed, or those listed, or those with the tag; with both, those that meet both.",
    query=(TAG,),
    body=Body(schemas.ResetFailedRequest, required=False),
    answer=no_content("Pending again, with no deliveries counted."),
    errors=BAD_BODY | NO_QUEUE,
)
get_message = Operation(
    id="get_message",
    tag=MESSAGES,
    summary="Look at a message",
    answer=ok("The message.", schemas.Message),
    errors=NO_MESSAGE,
)
delete_message = Operation(
    id="delete_message",
    tag=MESSAGES,
    summary="Delete a message",
    answer=no_content("Deleted."),
    errors=NO_MESSAGE,
)
publish = Operation(
    id="publish",
    tag=MESSAGES,
    summary="Publish messages to a topic",
    description="Every queue that subscribes to it gets a copy of its own.",
    body=Body(schemas.EnqueueMessages),
    answer=no_content("Stored in all of the queues."),
    errors={
        400: "A bad body, or a message or the account's messages together would be too large.",
        404: "No queue subscribes to this topic.",
    },
)
