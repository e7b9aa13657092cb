"""OKMQ's OpenAPI document, but for what the types of its bodies and its routes say: streams."""

from __future__ import annotations

from queues.api.okmq import stream_schemas as schemas
from queues.api.okmq.fields import MAX_OFFSET
from queues.api.okmq.openapi import BAD_BODY, BAD_QUERY
from queues.api.openapi.document import Body, Operation, Query, created, no_content, ok

MANAGEMENT, MESSAGES = "Stream Management", "Stream Operations"
NO_STREAM = {404: "There is no such stream."}

list_streams = Operation(
    id="list_streams",
    tag=MANAGEMENT,
    summary="List all streams",
    answer=ok("The account's streams, the oldest first.", list[schemas.Stream]),
)
create_stream = Operation(
    id="create_stream",
    tag=MANAGEMENT,
    summary="Create a stream",
    body=Body(schemas.CreateStreamSerializer, defaults={"auto_delete": False, "ttl": 0}),
    answer=created("The stream was made."),
    errors={
        400: "A bad body, or no more queues and streams are allowed.",
        409: "It exists already.",
    },
)
get_stream = Operation(
    id="get_stream",
    tag=MANAGEMENT,
    summary="Get a stream's settings and state",
    answer=ok("The stream.", schemas.Stream),
    errors=NO_STREAM,
)
update_stream = Operation(
    id="update_stream",
    tag=MANAGEMENT,
    summary="Change a stream's settings",
    description="What is not sent stays. Messages keep the time to live they were produced under.",
    body=Body(schemas.UpdateStreamSerializer),
    answer=no_content("Changed."),
    errors=BAD_BODY | NO_STREAM,
)
delete_stream = Operation(
    id="delete_stream",
    tag=MANAGEMENT,
    summary="Delete a stream and its messages",
    answer=no_content("Deleted."),
    errors=NO_STREAM,
)

consume = Operation(
    id="consume",
    tag=MESSAGES,
    summary="Read the messages after the committed offset",
    description=(
        "In order. Reading moves nothing: the same call repeats until a commit. If there is nothing, it "
        "waits up to 20 seconds (the server's setting) and answers as soon as there is."
    ),
    query=(
        Query(
            "limit",
            {"type": "integer", "minimum": 1, "maximum": schemas.MAX_ITEMS, "default": 10},
            "At most so many.",
        ),
    ),
    answer=ok("The messages; none is no error.", list[schemas.ConsumeStreamMessage]),
    errors=BAD_QUERY | NO_STREAM,
)
produce = Operation(
    id="produce",
    tag=MESSAGES,
    summary="Append messages to a stream",
    description="A message whose id the stream knows is ignored, so a call may be repeated safely.",
    body=Body(schemas.ProduceStreamMessages),
    answer=no_content("Stored, all of them."),
    errors=BAD_BODY | NO_STREAM | {413: "A message, or the account's messages together, would be too large."},
)
commit = Operation(
    id="commit",
    tag=MESSAGES,
    summary="Commit an offset",
    description="Reading goes on after it. A smaller one than before goes back.",
    body=Body(schemas.StreamCommitRequest),
    answer=no_content("Committed."),
    errors={400: "A bad body, or an offset that no message has had."} | NO_STREAM,
)
delete_messages = Operation(
    id="delete_stream_messages",
    tag=MESSAGES,
    summary="Delete the oldest messages, or all",
    query=(
        Query(
            "offset",
            {"type": "integer", "minimum": 0, "maximum": MAX_OFFSET},
            "Leave this offset and what follows; without it all are deleted.",
        ),
    ),
    answer=no_content("Deleted; the committed offset stays."),
    errors=BAD_QUERY | NO_STREAM,
)
