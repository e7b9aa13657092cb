"""The OpenAPI document's part on destinations."""

from __future__ import annotations

from queues.api.agentuity import destination_schemas as schemas
from queues.api.agentuity.openapi import (
    BAD_REQUEST,
    DESTINATIONS,
    NO_QUEUE,
    ORG,
    done,
    one_of,
    page_query,
)
from queues.api.openapi.document import Body, Operation, Query, ok

NO_DESTINATION = {404: "There is no such queue or destination."}
CONFLICT = {409: "The queue has a destination of this type with this target already."}

create = Operation(
    id="createDestination",
    tag=DESTINATIONS,
    summary="Have a queue's messages sent to an address",
    description="Messages published from now on are sent to it, whoever receives them besides. `http`, "
    "`url`, `webhook` and `queue` are delivered to; `sandbox` and `email` can be made, but each attempt "
    "fails.",
    headers=ORG,
    body=Body(schemas.CreateDestinationRequest),
    answer=ok("The destination.", schemas.DestinationResponse),
    errors=BAD_REQUEST | NO_QUEUE | CONFLICT,
)
list_all = Operation(
    id="listDestinations",
    tag=DESTINATIONS,
    summary="List a queue's destinations, the oldest first",
    headers=ORG,
    answer=ok("The destinations.", schemas.DestinationListResponse),
    errors=NO_QUEUE,
)
update = Operation(
    id="updateDestination",
    tag=DESTINATIONS,
    summary="Change a destination",
    headers=ORG,
    body=Body(schemas.UpdateDestinationRequest),
    answer=ok("The destination.", schemas.DestinationResponse),
    errors=BAD_REQUEST | NO_DESTINATION | CONFLICT,
)
delete = Operation(
    id="deleteDestination",
    tag=DESTINATIONS,
    summary="Delete a destination",
    headers=ORG,
    answer=done("Deleted."),
    errors=NO_DESTINATION,
)
deliveries = Operation(
    id="listDestinationDeliveries",
    tag=DESTINATIONS,
    summary="List what was sent to a destination, the newest first",
    headers=ORG,
    query=(
        *page_query("attempts"),
        Query("status", one_of("success", "failed", "pending"), "Only attempts with this outcome."),
    ),
    answer=ok("The attempts.", schemas.DeliveryListResponse),
    errors=BAD_REQUEST | NO_DESTINATION,
)
