"""Destinations of the Agentuity dialect on ``queues.push`` (agentuity.md sections 3 and 5)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from django.http import HttpResponse

from accounts.models import MANAGE, READ
from queues import broker
from queues.api.agentuity import answers, destination_openapi, ids
from queues.api.agentuity import destination_schemas as schemas
from queues.api.agentuity.views import AgentuityViewSet, read_choice, read_page
from queues.api.problems import BadRequest
from queues.api.views import DialectRequest
from queues.broker.errors import QueueNotFound
from queues.push import destinations
from queues.push.types import DestinationInfo, Kind, Status

STATUSES: dict[str, Status | None] = {status.value: status for status in Status}


class DestinationViewSet(AgentuityViewSet):
    action_scopes = {
        "create": (MANAGE,),
        "list": (READ,),
        "update": (MANAGE,),
        "destroy": (MANAGE,),
        "deliveries": (READ,),
    }

    @destination_openapi.create
    def create(self, request: DialectRequest, name: str) -> HttpResponse:
        queue = self.named(request, name)
        sent = self.after_lookup(queue, lambda: schemas.read_create(request.content))
        if sent["kind"] is Kind.QUEUE:
            broker.get_queue(self.account_id, queue)
            sent["config"] = self._with_name(sent["config"])
        return self._shown(
            self.after_lookup(queue, lambda: destinations.create(self.account_id, queue, **sent))
        )

    @destination_openapi.list_all
    def list(self, request: DialectRequest, name: str) -> HttpResponse:
        found = destinations.list_all(self.account_id, self.named(request, name))
        return answers.fields(schemas.DestinationListData([self._json(one) for one in found]))

    @destination_openapi.update
    def update(self, request: DialectRequest, name: str, destinationId: str) -> HttpResponse:  # noqa: N803
        queue = self.named(request, name)
        sent = self.after_lookup(queue, lambda: schemas.read_update(request.content))
        if sent["config"] is not None and "queue_id" in sent["config"]:
            broker.get_queue(self.account_id, queue)
            sent["config"] = self._with_name(sent["config"])
        return self._shown(
            self.after_lookup(
                queue, lambda: destinations.update(self.account_id, queue, destinationId, **sent)
            )
        )

    @destination_openapi.delete
    def destroy(self, request: DialectRequest, name: str, destinationId: str) -> HttpResponse:  # noqa: N803
        destinations.delete(self.account_id, self.named(request, name), destinationId)
        return answers.done()

    @destination_openapi.deliveries
    def deliveries(self, request: DialectRequest, name: str, destinationId: str) -> HttpResponse:  # noqa: N803
        queue = self.named(request, name)
        status, window = self.after_lookup(
            queue,
            lambda: (read_choice(request.params, "status", STATUSES, None), read_page(request.params)),
        )
        destination = destinations.get(self.account_id, queue, destinationId)
        found = destinations.deliveries(
            self.account_id, queue, destinationId, status=status, limit=window.limit, offset=window.skip
        )
        shown = [schemas.delivery_json(attempt, destination) for attempt in found]
        return answers.fields(schemas.DeliveryListData(shown))

    def _shown(self, destination: DestinationInfo) -> HttpResponse:
        return answers.one("destination", self._json(destination))

    def _json(self, destination: DestinationInfo) -> schemas.Destination:
        config = dict(destination.config)
        if destination.kind is Kind.QUEUE:
            with suppress(QueueNotFound):  # deleted since: its name is all that is left of it
                config["queue_id"] = ids.queue_id(broker.get_queue(self.account_id, destination.target).id)
        elif destination.new_secret is not None:
            # Made by the server: this once it is shown, or nobody could check a signature.
            config["signing"] = {**config["signing"], "secret_key": destination.new_secret}
        return schemas.destination_json(destination, config)

    def _with_name(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """``queue_id`` as the queue's name, by which the push side knows it. A name is taken as well."""
        target = config.get("queue_id")
        number = ids.number_of(ids.QUEUE, target) if isinstance(target, str) else None
        if number is None:
            return dict(config)
        try:
            return {**config, "queue_id": broker.queue_name(self.account_id, number)}
        except QueueNotFound:
            raise BadRequest("config.queue_id: must be the id of a queue") from None
