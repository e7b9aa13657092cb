"""The vocabulary of pushing. Instants are microseconds since 1970 UTC, as in ``queues.broker.types``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from queues.broker.types import Encoding, Micros
from queues.models import DeliveryLog, Destination

Kind = Destination.Kind
Form = Destination.Form
Status = DeliveryLog.Status

OVER_HTTP = frozenset((Kind.HTTP, Kind.URL, Kind.WEBHOOK))
"""Kinds whose target is a URL."""

REDACTED = "********"
"""Stands for a secret in every answer; sent back, it means the secret that is stored."""


class RetryPolicy(msgspec.Struct, frozen=True):
    """How often and when a failed delivery is tried again (agentuity.md §5 Destinations). ``max_attempts``
    counts the first one; 1 = never again."""

    max_attempts: int = 5
    initial_backoff_ms: int = 1000
    max_backoff_ms: int = 60_000
    backoff_multiplier: float = 2.0


class Config(msgspec.Struct, frozen=True):
    """How a destination is called, without target and secrets. ``concurrency``: requests in flight at once
    from one worker; None = the server's default."""

    method: str = "POST"
    headers: dict[str, str] = {}
    timeout_ms: int = 30_000
    retry_policy: RetryPolicy = RetryPolicy()
    signed: bool = False
    concurrency: int | None = None


@dataclass(slots=True, frozen=True)
class DestinationInfo:
    """A destination as its owner sees it.

    ``config`` is what a dialect may answer as it is: ``url`` (``queue_id``, ``sandbox_id``,
    ``email_address``), and for URLs ``method``, ``headers``, ``timeout_ms``, ``retry_policy``, ``signing``
    with its secret redacted; never a null. ``new_secret``: the signing secret, in the one answer to the call
    that had it made. ``old_secret_until``: until when requests are signed with the secret before, too.
    ``disabled_reason``: why the server disabled it by itself. ``parked_at``: since when it is only probed,
    ``probe_at`` next, because ``failures_in_row`` attempts failed."""

    id: int
    public_id: str
    queue_id: int
    queue: str
    name: str
    description: str | None
    kind: Kind
    form: Form
    target: str
    config: Mapping[str, Any]
    enabled: bool
    disabled_reason: str
    parked_at: Micros | None
    probe_at: Micros | None
    failures_in_row: int
    success_count: int
    failure_count: int
    last_success_at: Micros | None
    last_failure_at: Micros | None
    last_failure_error: str
    old_secret_until: Micros | None
    created_at: Micros
    updated_at: Micros
    new_secret: str | None = None

    @property
    def last_delivery_at(self) -> Micros | None:
        both = [at for at in (self.last_success_at, self.last_failure_at) if at is not None]
        return max(both, default=None)


@dataclass(slots=True, frozen=True)
class Attempt:
    """One attempt to deliver one message: a line of the log. ``attempt`` counts from 1 for each message;
    ``offset`` is -1 and ``message_id`` begins with ``test_`` for a test. ``at``: when it ended."""

    id: int
    message_id: str
    offset: int
    attempt: int
    status: Status
    http_status: int | None
    error: str
    duration_ms: int
    request_headers: Mapping[str, str]
    response_headers: Mapping[str, str]
    response_body: str
    at: Micros
    body: str | None = None
    encoding: Encoding | None = None
    """The message's body while it is stored, ``queues.broker.types.Encoding`` telling how to read it."""


@dataclass(slots=True, frozen=True)
class Waiting:
    """Messages a destination has still to get: ``count``, or more of them; ``oldest``: when the first of them
    was published."""

    count: int
    more: bool
    oldest: Micros | None


@dataclass(slots=True)
class Unset:
    """The default of a parameter for which None means something."""

    marker: str = field(default="unset")


UNSET = Unset()
