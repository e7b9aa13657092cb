"""Forq's OpenAPI document, but for what the types of its bodies and its routes say."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from queues.api.forq import schemas
from queues.api.forq.errors import CODES
from queues.api.openapi.document import Body, Document, Header, Operation, Parameter, no_content, ok


class Error(Struct, forbid_unknown_fields=True):
    """The body of every answer that is not a success. It has no other field."""

    code: Annotated[str, Meta(description="What is wrong.", extra_json_schema={"enum": CODES})]


DOCUMENT = Document(
    name="forq",
    title="Forq API",
    description=(
        "Produce, consume, acknowledge. A queue comes into being with its first message, and with it "
        "`<queue>-dlq`, where messages go that nobody could handle in five deliveries or a day.\n\n"
        "Every call needs an API key in `X-API-Key`. A delivery is settled with its receipt; without one, as "
        "clients of Forq before 1.0 do it, whatever is in flight under the id is settled, and an ack always "
        "succeeds."
    ),
    version="1.0.0",
    urlconf="queues.api.forq.urls",
    security={"ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"}},
    error=Error,
    path_parameters={
        "queue": Parameter(
            "queue",
            {"type": "string", "pattern": schemas.QUEUE_PATTERN},
            "The queue's name. What ends in `-dlq` may be consumed but not produced to, and may have four "
            "characters more.",
        ),
        "messageId": "The message's id as consume returned it. One that is no UUID must be a message's.",
    },
    errors={
        400: "The queue's name, or something else the code names, is not what it should be.",
        401: "The key is missing or not valid.",
        403: "The key lacks the scope that the call needs.",
        429: "Too many wrong keys, or too many consumers at once.",
        500: "Internal server error.",
        503: "The database is not available.",
    },
)

NO_DELIVERY = {404: "No delivery in flight has this id, queue and receipt."}
RECEIPT = Header(
    "X-Forq-Receipt",
    {"type": "string", "pattern": schemas.RECEIPT_PATTERN},
    "The receipt of this very delivery.",
)


produce = Operation(
    id="produceMessage",
    tag="producer",
    summary="Store one message",
    description="The content type is not looked at, and what follows the object is ignored.",
    body=Body(schemas.NewMessage),
    answer=no_content("Stored."),
    errors={413: "The body is longer than 2 MiB, or the account's messages would be too many or too large."},
)
consume = Operation(
    id="consumeMessage",
    tag="consumer",
    summary="Take the oldest message that is due",
    description="Waits up to 30 seconds (the server's setting). The message is nobody else's for five "
    "minutes. An unknown queue is an empty one.",
    answer=ok("The message.", schemas.Message),
    other_answers={204: "There was none."},
)
ack = Operation(
    id="ackMessage",
    tag="consumer",
    summary="Delete a message that was handled",
    headers=(RECEIPT,),
    answer=no_content("Deleted. Without a receipt: or was before."),
    errors=NO_DELIVERY,
)
nack = Operation(
    id="nackMessage",
    tag="consumer",
    summary="Give back a message that could not be handled",
    description="It is delivered again after 1, 5, 15 and 30 seconds. After the fifth delivery it moves to "
    "the dead-letter queue; from there it is deleted.",
    headers=(RECEIPT,),
    answer=no_content("Given back."),
    errors=NO_DELIVERY,
)
healthcheck = Operation(
    id="healthcheck",
    tag="operations",
    summary="Whether the server and its database answer",
    is_public=True,
    answer=no_content("They do."),
    errors={503: "The database does not."},
)
