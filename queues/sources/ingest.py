"""A request to a source: who may, what becomes of it, and its line in the log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec
from django.db.models import F

from accounts import keys
from queues.broker import names
from queues.broker.lanes import Transaction, in_transaction
from queues.broker.publish import publish
from queues.broker.queues import reading
from queues.broker.types import NewMessage, Published
from queues.fields import to_datetime
from queues.models import Source, SourceEvent
from queues.sources.errors import NotAuthorized, SourceNotFound
from queues.sources.marks import Mark, headers_with

KEPT = 1_000
"""Lines of a source's log that are kept, the newest."""
TRIM_EVERY = 100
MAX_KEPT_PAYLOAD = 16_384
MAX_KEPT_HEADERS = 50
MAX_KEPT_VALUE = 1_024
SECRET_HEADERS = ("authorization", "cookie", "x-api-key", "proxy-authorization")

ShowsHeader = Callable[[str], str]
"""What a header of the request says; "" if it is not there."""


@dataclass(slots=True)
class Request:
    """``address``: where it comes from."""

    headers: Mapping[str, str]
    address: str


def find(public_id: str) -> Source:
    """A source that takes requests. Raises SourceNotFound, also for one that is disabled, Unavailable."""
    with reading():
        rows = Source.objects.select_related("queue").filter(enabled=True, queue__deleted_at=None)
        found = rows.filter(public_id=public_id).first() if names.storable(public_id) else None
    if found is None:
        raise SourceNotFound(public_id)
    return found


def authorize(source: Source, shown: ShowsHeader) -> None:
    """Raises NotAuthorized unless the request shows what the source asks for."""
    if source.auth == Source.Auth.NONE:
        return
    text = shown(source.auth_header).strip()
    if source.auth == Source.Auth.BASIC:
        scheme, _, credentials = text.partition(" ")
        text = f"{scheme.capitalize()} {credentials.strip()}"  # RFC 9110: in any case
    if not keys.secret_matches(text, source.auth_hash):
        raise NotAuthorized("the request does not show what this source asks for")


def take(source: Source, body: str, size: int) -> Published:
    """Publish what was sent. Raises what ``publish`` raises."""
    mark = Mark(source.public_id, source.name)
    message = NewMessage(body, size, headers=headers_with(mark))
    return publish(source.account_id, source.queue.name, [message])[0]


def record(
    source: Source, request: Request, *, status: int, error: str = "", message_id: str = "", body: str = ""
) -> None:
    """Write the request's line in the source's log and count it. Raises Unavailable."""

    def write(tx: Transaction) -> None:
        now = to_datetime(tx.now)
        rows = Source.objects.filter(pk=source.pk)
        counter = "failure_count" if error else "success_count"
        counted = {counter: F(counter) + 1}
        noted = {"last_failure_at": now, "last_failure_error": error} if error else {"last_success_at": now}
        if not rows.update(request_count=F("request_count") + 1, last_request_at=now, **counted, **noted):
            return  # deleted meanwhile, with its log
        event = SourceEvent.objects.create(
            source_id=source.pk,
            at=now,
            http_status=status,
            error=error,
            message_id=message_id,
            payload=body if 0 < len(body) <= MAX_KEPT_PAYLOAD else None,
            headers=_shown(source, request.headers),
            remote_addr=request.address[:64],
        )
        if event.pk % TRIM_EVERY == 0:
            _trim(source)

    in_transaction(write)


def _trim(source: Source) -> None:
    events = SourceEvent.objects.filter(source=source)
    last = events.order_by("-id").values_list("id", flat=True)[KEPT : KEPT + 1].first()
    if last is not None:
        events.filter(id__lte=last).delete()


def _shown(source: Source, headers: Mapping[str, str]) -> str:
    """The headers for the log: not too many, not too long, and without what they may give away."""
    secret = {*SECRET_HEADERS, source.auth_header.lower()}
    found = {
        name: value[:MAX_KEPT_VALUE].replace("\0", "")
        for name, value in list(headers.items())[:MAX_KEPT_HEADERS]
        if name.lower() not in secret
    }
    return msgspec.json.encode(found).decode()
