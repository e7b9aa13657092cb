"""The OpenAPI document's part on sources, which the original's document does not have."""

from __future__ import annotations

from typing import Any

from queues.api.agentuity import source_schemas as schemas
from queues.api.agentuity.openapi import BAD_REQUEST, BEYOND, NO_QUEUE, ORG, done, one_of, page_query
from queues.api.openapi.document import Body, Operation, Query, ok

NO_SOURCE = {404: "There is no such queue or source."}
TAKEN = {409: "The queue has a source of this name already."}

create = Operation(
    id="createSource",
    tag=BEYOND,
    summary="Make an address that publishes what is posted to it",
    headers=ORG,
    body=Body(schemas.CreateSourceRequest),
    answer=ok("The source.", schemas.SourceResponse),
    errors=BAD_REQUEST | NO_QUEUE | TAKEN,
)
list_all = Operation(
    id="listSources",
    tag=BEYOND,
    summary="List a queue's sources, the oldest first",
    headers=ORG,
    answer=ok("The sources.", schemas.SourceListResponse),
    errors=NO_QUEUE,
)
get = Operation(
    id="getSource",
    tag=BEYOND,
    summary="Get a source",
    headers=ORG,
    answer=ok("The source.", schemas.SourceResponse),
    errors=NO_SOURCE,
)
update = Operation(
    id="updateSource",
    tag=BEYOND,
    summary="Change a source",
    description="Another `auth_type` needs its `auth_value` with it.",
    headers=ORG,
    body=Body(schemas.UpdateSourceRequest),
    answer=ok("The source.", schemas.SourceResponse),
    errors=BAD_REQUEST | NO_SOURCE | TAKEN,
)
delete = Operation(
    id="deleteSource",
    tag=BEYOND,
    summary="Delete a source",
    headers=ORG,
    answer=done("Deleted."),
    errors=NO_SOURCE,
)
events = Operation(
    id="listSourceEvents",
    tag=BEYOND,
    summary="List the requests to a source, the newest first",
    headers=ORG,
    query=(
        *page_query("requests"),
        Query("status", one_of("success", "failed"), "Only requests with this outcome."),
    ),
    answer=ok("The requests.", schemas.SourceEventListResponse),
    errors=BAD_REQUEST | NO_SOURCE,
)
ingest = Operation(
    id="ingest",
    tag=BEYOND,
    summary="Publish by a source",
    description="Needs no API key, but what the source asks for.",
    is_public=True,
    body=Body(Any),
    answer=ok("Published.", schemas.IngestResponse),
    errors=BAD_REQUEST
    | {
        401: "The source asks for something else.",
        404: "There is no such source, or it is disabled.",
        413: "Over 1 MiB, or a quota is used up.",
        429: "The queue is full.",
        503: "The database is not available.",
    },
)
