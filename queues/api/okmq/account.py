"""``GET /account`` (contract section 8): who the key belongs to, its quotas, and what it uses of them."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpResponse
from msgspec import Meta, Struct

from accounts import models, services
from queues import broker
from queues.api.negotiation import json_response
from queues.api.okmq.fields import Instant
from queues.api.okmq.views import OkmqViewSet
from queues.api.openapi.document import Operation, ok
from queues.api.times import format_time
from queues.api.views import DialectRequest
from queues.fields import to_micros

INT32 = {"format": "int32"}
INT64 = {"format": "int64"}


class Account(Struct):
    id: Annotated[str, Meta(extra_json_schema={"format": "uuid"})]
    email: Annotated[str, Meta(extra_json_schema={"format": "email"})]
    created: Instant
    max_channels: Annotated[int, Meta(description="Queues and streams together.", extra_json_schema=INT32)]
    max_mb: Annotated[int, Meta(description="Of bodies, in units of 1,048,576.", extra_json_schema=INT32)]
    max_messages: Annotated[int, Meta(description="Stored, in any state.", extra_json_schema=INT32)]
    max_concurrency: Annotated[int, Meta(description="Open consume calls.", extra_json_schema=INT32)]
    queues: Annotated[list[str], Meta(description="Names, the oldest first.")]
    streams: Annotated[list[str], Meta(description="Names, the oldest first.")]
    total_messages: Annotated[int, Meta(description="Of all queues and streams.", extra_json_schema=INT64)]
    total_bytes: Annotated[int, Meta(description="Of their bodies.", extra_json_schema=INT64)]
    max_bytes_used: Annotated[int, Meta(description="The most there ever were.", extra_json_schema=INT64)]


describe = Operation(
    id="get_account",
    tag="Account Management",
    summary="Get the account, its quotas and what it uses",
    answer=ok("The account.", Account),
)


class AccountViewSet(OkmqViewSet):
    action_scopes = {"retrieve": (models.READ,)}

    @describe
    def retrieve(self, request: DialectRequest) -> HttpResponse:
        account_id = self.key.account_id
        return json_response(account_json(services.get_account(account_id), broker.account_usage(account_id)))


def account_json(account: models.Account, usage: broker.Usage) -> Account:
    return Account(
        id=str(account.public_id),
        email=account.email,
        created=format_time(to_micros(account.created_at)),
        max_channels=account.max_channels,
        max_mb=account.max_mb,
        max_messages=account.max_messages,
        max_concurrency=account.max_concurrency,
        queues=usage.channels.get("queues", []),
        streams=usage.channels.get("streams", []),
        total_messages=usage.messages,
        total_bytes=usage.bytes,
        max_bytes_used=usage.peak_bytes,
    )
