"""Agentuity's OpenAPI document, but for what the types of its bodies and its routes say: what the original's
document has. What its client has beyond that is in the modules beside."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from queues.api.agentuity import message_schemas as messages
from queues.api.agentuity import queue_schemas as queues
from queues.api.agentuity.destination_schemas import CONFIGS
from queues.api.agentuity.fields import MAX_OFFSET, Done, Nothing
from queues.api.agentuity.message_schemas import FILTERS
from queues.api.openapi.document import (
    Answer,
    Body,
    Document,
    Header,
    Operation,
    Parameter,
    Query,
    Schema,
    ok,
)


class Error(Struct):
    """The body of every answer that is not a success."""

    success: Annotated[bool, Meta(extra_json_schema={"const": False})]
    message: Annotated[str, Meta(description="What is wrong, never empty.")]
    code: str
    error: Annotated[str, Meta(description="The same text.")]


DOCUMENT = Document(
    name="agentuity",
    title="Message queues (Agentuity-compatible)",
    description=(
        "Worker and pub/sub queues as Agentuity's JavaScript client 2.0 and its API document know them. "
        "Every call needs an API key: `Authorization: Bearer <key>`.\n\n"
        'Every success is `{"success": true, "data": {...}}`, as the client reads it; the fields that the '
        "API document names stand beside `data` at top level as well. Paths also answer with a slash at "
        "their end or two at their beginning. A request body may have 32 MiB (the server's setting)."
    ),
    version="1.0.0",
    urlconf="queues.api.agentuity.urls",
    security={"bearer": {"type": "http", "scheme": "bearer"}},
    error=Error,
    named_types=CONFIGS,
    path_parameters={
        "name": Parameter(
            "name",
            {"type": "string", "pattern": queues.NAME_PATTERN, "maxLength": queues.MAX_NAME},
            "The queue's name.",
        ),
        "messageId": "The message's id, `qmsg_…`.",
        "offset": Parameter(
            "offset", {"type": "integer", "minimum": 0, "maximum": MAX_OFFSET}, "The message's place."
        ),
        "destinationId": "The destination's id, `qdest_…`.",
        "sourceId": "The source's id, `qsrc_…`.",
    },
    errors={
        401: "The key is missing or not valid.",
        403: "The key lacks the scope that the call needs, or a quota is used up.",
        429: "Too many wrong keys, or too many receives at once; `Retry-After` says when to come back.",
        500: "Internal server error.",
        503: "The database is not available; `Retry-After` says when to come back.",
    },
)

MANAGEMENT, MESSAGES = "Queue Management", "Message Operations"
DESTINATIONS, DEAD_LETTERS, BEYOND = "Destinations", "Dead Letter Queue", "Beyond the document"
MAX_LIMIT, DEFAULT_LIMIT = 1000, 100
MAX_TIMEOUT = 30

BAD_REQUEST = {400: "Something is not what it should be; the text names it."}
NO_QUEUE = {404: "There is no such queue."}
NO_MESSAGE = {404: "There is no such queue or message."}
TOO_LARGE = {413: "A payload over 1 MiB, a request too large, or a quota is used up."}
ORG = (Header("x-agentuity-orgid", {"type": "string"}, "Sent by the CLI; has no effect."),)


def done(description: str) -> Answer:
    return ok(description, Done)


def page_query(what: str) -> tuple[Query, Query]:
    limit: Schema = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}
    skip: Schema = {"type": "integer", "minimum": 0, "maximum": MAX_OFFSET, "default": 0}
    return Query("limit", limit, f"At most so many {what}."), Query("offset", skip, "How many to skip.")


def one_of(*values: str, **extra: Any) -> Schema:
    return {"type": "string", "enum": list(values), **extra}


create_queue = Operation(
    id="createQueue",
    tag=MANAGEMENT,
    summary="Create a queue",
    headers=ORG,
    body=Body(queues.CreateQueueRequest),
    answer=ok("The queue.", queues.QueueResponse),
    errors=BAD_REQUEST | {409: "It exists already."},
)
get_queue = Operation(
    id="getQueue",
    tag=MANAGEMENT,
    summary="Get a queue",
    headers=ORG,
    answer=ok("The queue.", queues.QueueResponse),
    errors=NO_QUEUE,
)
list_queues = Operation(
    id="listQueues",
    tag=MANAGEMENT,
    summary="List queues",
    headers=ORG,
    query=(
        *page_query("queues"),
        Query("name", {"type": "string"}, "Only queues whose names contain this."),
        Query("queue_type", one_of("worker", "pubsub"), "Only queues of this type."),
        Query("status", one_of("active", "paused"), "Only running, or only paused queues."),
        Query(
            "sort",
            one_of("name", "created", "updated", "message_count", "dlq_count", default="created"),
            "The order.",
        ),
        Query("direction", one_of("asc", "desc", default="desc"), "Rising or falling."),
    ),
    answer=ok("The queues, and how many match.", queues.QueueListResponse),
    errors=BAD_REQUEST,
)
update_queue = Operation(
    id="updateQueue",
    tag=MANAGEMENT,
    summary="Change a queue's description or settings",
    description="What is not sent stays. Messages keep the settings they were published under.",
    headers=ORG,
    body=Body(queues.UpdateQueueRequest),
    answer=ok("The queue.", queues.QueueResponse),
    errors=BAD_REQUEST | NO_QUEUE,
)
delete_queue = Operation(
    id="deleteQueue",
    tag=MANAGEMENT,
    summary="Delete a queue with all it holds",
    headers=ORG,
    answer=done("Deleted."),
    errors=NO_QUEUE,
)
pause_queue = Operation(
    id="pauseQueue",
    tag=MANAGEMENT,
    summary="Hand out nothing until the queue is resumed",
    headers=ORG,
    body=Body(Nothing, required=False),
    answer=ok("The queue.", queues.QueueResponse),
    errors=NO_QUEUE,
)
resume_queue = Operation(
    id="resumeQueue",
    tag=MANAGEMENT,
    summary="Hand out messages again",
    headers=ORG,
    body=Body(Nothing, required=False),
    answer=ok("The queue.", queues.QueueResponse),
    errors=NO_QUEUE,
)

publish = Operation(
    id="publishMessage",
    tag=MESSAGES,
    summary="Publish a message",
    headers=ORG,
    query=(Query("sync", {"type": "boolean", "default": False}, "Has no effect: it is always stored."),),
    body=Body(messages.PublishMessageRequest),
    answer=ok("The message, stored.", messages.MessageResponse),
    errors=BAD_REQUEST | NO_QUEUE | TOO_LARGE,
)
batch = Operation(
    id="batchPublishMessages",
    tag=MESSAGES,
    summary="Publish up to 1000 messages, all or none",
    headers=ORG,
    body=Body(messages.BatchPublishRequest),
    answer=ok("The messages, stored.", messages.BatchPublishResponse),
    errors=BAD_REQUEST | NO_QUEUE | TOO_LARGE,
)
get_message = Operation(
    id="getMessage",
    tag=MESSAGES,
    summary="Look at a message",
    headers=ORG,
    answer=ok("The message.", messages.MessageResponse),
    errors=NO_MESSAGE,
)
get_message_by_offset = Operation(
    id="getMessageByOffset",
    tag=MESSAGES,
    summary="Look at the message with an offset",
    headers=ORG,
    answer=ok("The message.", messages.MessageResponse),
    errors=BAD_REQUEST | NO_MESSAGE,
)
list_messages = Operation(
    id="listMessages",
    tag=MESSAGES,
    summary="List messages by offset (the dead: the newest first)",
    headers=ORG,
    query=(*page_query("messages"), Query("state", one_of(*FILTERS), "Only messages in this state.")),
    answer=ok("The messages, and how many match.", messages.MessageListResponse),
    errors=BAD_REQUEST | NO_QUEUE,
)
delete_message = Operation(
    id="deleteMessage",
    tag=MESSAGES,
    summary="Delete a message",
    headers=ORG,
    answer=done("Deleted."),
    errors=NO_MESSAGE,
)
replay_message = Operation(
    id="replayMessage",
    tag=MESSAGES,
    summary="Have a message delivered again",
    description="In whatever state it is it becomes pending, at its old place, with all attempts before it.",
    headers=ORG,
    answer=ok("The message.", messages.MessageResponse),
    errors=NO_MESSAGE,
)
consume = Operation(
    id="consumeMessages",
    tag=MESSAGES,
    summary="Read messages from an offset on, without taking them",
    headers=ORG,
    query=(
        page_query("messages")[0],
        Query(
            "offset",
            {"type": "integer", "minimum": 0, "maximum": MAX_OFFSET},
            "The first message's offset. Required.",
        ),
    ),
    answer=ok("The messages, in whatever state.", messages.MessageListResponse),
    errors=BAD_REQUEST | NO_QUEUE,
)
receive = Operation(
    id="receiveMessage",
    tag=MESSAGES,
    summary="Take the oldest message that is pending",
    description="It is this receiver's alone until it is acknowledged or the visibility timeout is over.",
    headers=ORG,
    query=(
        Query(
            "timeout",
            {"type": "number", "minimum": 0, "default": 0},
            f"Seconds to wait for a message; more than {MAX_TIMEOUT} is {MAX_TIMEOUT}.",
        ),
    ),
    answer=ok("The message, or null.", messages.ReceiveResponse),
    errors=BAD_REQUEST | NO_QUEUE,
)
ack = Operation(
    id="ackMessage",
    tag=MESSAGES,
    summary="Acknowledge a message",
    description="One that is acknowledged already stays so.",
    headers=ORG,
    answer=done("Acknowledged."),
    errors={404: "There is no such queue or message, or nobody holds it."},
)
nack = Operation(
    id="nackMessage",
    tag=MESSAGES,
    summary="Give a message back",
    description="It is delivered again after the backoff, or dead if that was its last delivery.",
    headers=ORG,
    answer=done("Given back."),
    errors={404: "There is no such queue or message, or nobody holds it."},
)
head = Operation(
    id="getQueueHead",
    tag=MESSAGES,
    summary="Get the lowest offset",
    headers=ORG,
    answer=ok("The offset; of an empty queue the next message's.", messages.OffsetResponse),
    errors=NO_QUEUE,
)
tail = Operation(
    id="getQueueTail",
    tag=MESSAGES,
    summary="Get the highest offset",
    headers=ORG,
    answer=ok("The offset; of an empty queue the one before the next message's.", messages.OffsetResponse),
    errors=NO_QUEUE,
)

list_dead_letters = Operation(
    id="listDeadLetterMessages",
    tag=DEAD_LETTERS,
    summary="List dead letters, the newest first",
    headers=ORG,
    query=page_query("messages"),
    answer=ok("The messages, and how many there are.", messages.DeadLetterListResponse),
    errors=BAD_REQUEST | NO_QUEUE,
)
replay_dead_letter = Operation(
    id="replayDeadLetterMessage",
    tag=DEAD_LETTERS,
    summary="Have a dead letter delivered again",
    description="It keeps its id, offset, place and count of deliveries. One more follows in any case.",
    headers=ORG,
    answer=ok("The message.", messages.MessageResponse),
    errors=NO_MESSAGE,
)
purge_dead_letters = Operation(
    id="purgeDeadLetter",
    tag=DEAD_LETTERS,
    summary="Delete all dead letters",
    headers=ORG,
    answer=done("Deleted."),
    errors=NO_QUEUE,
)
delete_dead_letter = Operation(
    id="deleteDeadLetterMessage",
    tag=DEAD_LETTERS,
    summary="Delete a dead letter",
    headers=ORG,
    answer=done("Deleted."),
    errors=NO_MESSAGE,
)
