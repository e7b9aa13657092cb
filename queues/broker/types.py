"""The broker's vocabulary: what goes in, what comes out.

Every instant is an ``int``: microseconds since 1970-01-01 UTC. Every duration says its unit in its name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum
from typing import Any

import msgspec

Micros = int

MAX_INSTANT: Micros = 253_402_300_799_999_999
"""9999-12-31T23:59:59.999999Z, the last instant Python's datetime can show."""

MAX_DELAY_SECONDS = 31_536_000
"""No retry delay, whatever its strategy computes, is longer than a year."""


class Encoding(IntEnum):
    """How the text in ``body`` stands for the bytes that were published."""

    JSON = 0
    """The exact JSON text the client sent."""
    TEXT = 1
    """The payload itself, valid UTF-8."""
    BASE64 = 2
    """Raw bytes that are not UTF-8, in standard padded Base64."""


class State(StrEnum):
    """Where a message is in its life. Every message is in exactly one state at any instant."""

    PENDING = "pending"
    PROCESSING = "processing"
    SCHEDULED = "scheduled"
    FAILED = "failed"
    ACKED = "acked"


class ExpiryAction(StrEnum):
    DROP = "drop"
    DEAD_LETTER = "dead_letter"


class WhenFull(StrEnum):
    """What becomes of messages for a queue that has as many waiting as it may."""

    REJECT = "reject"
    DROP_OLDEST = "drop_oldest"
    """The oldest of the lowest priority make room."""


class DeadReason(StrEnum):
    """Why a message is dead, unless whoever gave it up said so in other words."""

    EXPIRED = "message_expired"
    """Its time to live was over."""
    EXHAUSTED = "max_attempts_reached"
    """Its last delivery failed, or its lease ran out."""
    REJECTED = "rejected"
    """It was given up with attempts left."""


class Lost(StrEnum):
    """How a delivery failed of which its receiver said nothing: what is kept as the message's last error."""

    LEASE_EXPIRED = "lease expired"
    TIMED_OUT = "timed out"
    """It took longer than ``QueueSettings.attempt_seconds``."""


@dataclass(slots=True, frozen=True)
class RetryStrategy:
    """When a failed delivery is tried again; how often is ``QueueSettings.max_attempts``.

    ``type``: exponential, linear, fixed, none, ``list`` (``delays``, the last one repeating), or ``quartic``.
    Delays are seconds; see ``queues.broker.retry.delay_seconds``.
    """

    type: str = "exponential"
    base_delay: float = 5
    max_delay: float | None = 300
    multiplier: float = 2.0
    delays: tuple[float, ...] = ()


@dataclass(slots=True, frozen=True)
class QueueSettings:
    """What a queue does with its messages. A message keeps the settings it was published under.

    ``lease_seconds``: how long a receiver may hold a message before others get it.
    ``max_attempts``: deliveries before the message is dead. ``ttl_seconds``: life from publication (with
    ``ttl_from_delivery`` from the first delivery time, if that is later), ``None`` = for ever.
    ``preserve_failed`` / ``preserve_pending`` / ``preserve_leased``: expiry spares dead messages / messages
    not yet acked / messages somebody holds, while the lease lasts. ``on_expiry``: what becomes of an
    expired unacked message. ``dead_letter_queue``: name of the queue (same account) that takes the dead;
    ``None`` = they stay in place as ``failed``, or with ``drop_dead`` are deleted. ``retention_seconds`` /
    ``dead_retention_seconds``: how long an acked / a dead message is kept, ``None`` = until its life is
    over. ``max_in_flight``: messages that one named consumer of the queue may hold at a time, ``None`` = any
    number. ``max_backlog``: messages that may wait for a receiver, now or from a later time on, ``None`` =
    any number; ``when_full``: and then? ``attempt_seconds``: how long one delivery may take, however often
    its lease is extended. ``delay_lost``: a lease that runs out is followed by the retry delay, as a failed
    delivery is. ``listener``: who is told of the message's life in the same transaction
    (``queues.broker.listeners``).
    """

    auto_ack: bool = False
    auto_delete: bool = False
    lease_seconds: float = 30
    max_attempts: int = 1
    ttl_seconds: float | None = 300
    preserve_failed: bool = False
    preserve_pending: bool = False
    retry: RetryStrategy = field(default_factory=RetryStrategy)
    on_expiry: ExpiryAction = ExpiryAction.DROP
    dead_letter_queue: str | None = None
    ttl_from_delivery: bool = False
    preserve_leased: bool = False
    drop_dead: bool = False
    retention_seconds: float | None = None
    max_in_flight: int | None = None
    max_backlog: int | None = None
    when_full: WhenFull = WhenFull.REJECT
    dead_retention_seconds: float | None = None
    attempt_seconds: float | None = None
    delay_lost: bool = False
    listener: str = ""

    def but(self, **changes: Any) -> QueueSettings:
        return replace(self, **changes)

    def acked_over_at(self, acked_at: Micros, expires_at: Micros | None) -> Micros | None:
        """When a message that is acked may be removed; None: never."""
        return _over_at(acked_at, self.retention_seconds, expires_at)

    def dead_over_at(self, dead_at: Micros, expires_at: Micros | None) -> Micros | None:
        """When a message that is dead may be removed; None: never."""
        return _over_at(dead_at, self.dead_retention_seconds, expires_at)


def _over_at(ended_at: Micros, seconds: float | None, expires_at: Micros | None) -> Micros | None:
    if seconds is None:
        return expires_at
    return min(ended_at + int(seconds * 1_000_000), MAX_INSTANT)


@dataclass(slots=True, frozen=True)
class QueueInfo:
    """A queue as its owner sees it."""

    id: int
    name: str
    kind: str
    created_at: Micros
    paused_at: Micros | None
    next_offset: int
    settings: QueueSettings
    topics: tuple[str, ...]
    description: str = ""
    internal: bool = False
    updated_at: Micros = 0


class NewMessage(msgspec.Struct, frozen=True, gc=False):
    """One message to publish.

    ``body`` is text, read by ``encoding``; ``size`` its length in bytes as quotas count it. ``public_id``
    None lets the broker make a UUIDv7, or with ``random_id`` a UUIDv4. ``deliver_at`` None means now; a past
    instant is kept as given and is due at once. ``priority``: higher goes first. ``partition_key`` non-empty:
    strict order among messages of that key. ``metadata`` and ``headers`` are JSON object texts.
    ``ttl_seconds`` overrides the queue's (0 = never expires; None = the queue's); ``settings`` all of the
    queue's settings, for this message alone. ``idempotency_key``: while the queue holds a message with this
    key, it stands for this one.

    Of one that was published before and comes back (``give_back``): ``created_at`` and ``expires_at`` as they
    were, and how many ``retries`` it has behind it.
    """

    body: str
    size: int
    encoding: Encoding = Encoding.JSON
    public_id: str | None = None
    tag: str = ""
    partition_key: str = ""
    priority: int = 0
    deliver_at: Micros | None = None
    ttl_seconds: float | None = None
    metadata: str | None = None
    headers: str | None = None
    settings: QueueSettings | None = None
    idempotency_key: str | None = None
    random_id: bool = False
    created_at: Micros | None = None
    expires_at: Micros | None = None
    retries: int = 0


class Origin(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Where the message was that this one was made from, as ``MessageView.origin`` has it in JSON.
    ``attempts``: deliveries it had there. ``edited``: the other one is still there, and this one's body is
    another."""

    queue: str
    id: str
    offset: int
    attempts: int = 0
    edited: bool = False


class Published(msgspec.Struct, frozen=True, gc=False):
    """The answer for one message, in the order given. ``duplicate``: the id or the idempotency key was
    already stored and nothing was changed; id, ``offset`` and ``created_at`` are then the stored message's.
    ``expires_at`` and ``max_attempts`` are told of new messages only."""

    public_id: str
    offset: int
    created_at: Micros
    duplicate: bool
    queue_id: int = 0
    expires_at: Micros | None = None
    max_attempts: int = 0


class Received(msgspec.Struct, frozen=True, gc=False):
    """A message handed out. ``lease_until`` and ``receipt`` are None when it was acked on delivery.
    ``retries``: how often a holder gave it back (``give_back``).

    ``receipt`` rises with every delivery of the message; only the latest one settles it."""

    public_id: str
    offset: int
    body: str
    encoding: Encoding
    tag: str
    partition_key: str
    metadata: str | None
    headers: str | None
    created_at: Micros
    deliver_at: Micros
    attempt: int
    lease_until: Micros | None
    receipt: int | None
    queue_id: int = 0
    size: int = 0
    claimed_at: Micros = 0
    expires_at: Micros | None = None
    max_attempts: int = 0
    idempotency_key: str | None = None
    retries: int = 0


class Ack(msgspec.Struct, frozen=True, gc=False):
    """``delete``: True removes the message, False keeps it, None does what its settings' auto_delete says.
    With ``receipt`` None any live or dead message may be acked by id alone (``only_leased``: only one that
    somebody holds); otherwise only while that receipt's lease is the latest one. ``once``: not if it is acked
    already. ``may_be_late``: its client also acks what it has given back (``give_back``).
    ``note``: what the receiver says of it, for the message's listener."""

    public_id: str
    delete: bool | None = None
    receipt: int | None = None
    only_leased: bool = False
    once: bool = False
    may_be_late: bool = False
    note: object = None


class Nack(msgspec.Struct, frozen=True, gc=False):
    """The delivery failed. ``deliver_at`` None: after the message's retry strategy's delay.
    ``dead``: give up at once, whatever attempts are left. ``reason`` is kept as the message's last error, and
    as the reason of its death."""

    public_id: str
    deliver_at: Micros | None = None
    receipt: int | None = None
    dead: bool = False
    reason: str = ""


class Extend(msgspec.Struct, frozen=True, gc=False):
    """Hold the lease until ``seconds`` from now, but never beyond what the settings' ``attempt_seconds``
    allow. ``shorten`` False: if it lasts longer already, it stays. ``note``: what its receiver says of it so
    far, for the message's listener."""

    public_id: str
    seconds: float
    receipt: int | None = None
    shorten: bool = True
    note: object = None


class Release(msgspec.Struct, frozen=True, gc=False):
    """Hand the message back as if it had not been handed out: ready again, the delivery not counted. For a
    receiver that is told to stop before it began."""

    public_id: str
    receipt: int | None = None


class Kill(msgspec.Struct, frozen=True, gc=False):
    """Give the message up, leased or waiting: dead at once, and who holds it holds it no more. One that is
    acked or dead already is left alone (NOT_HELD)."""

    public_id: str
    reason: str = ""
    receipt: None = None


class Remove(msgspec.Struct, frozen=True, gc=False):
    """Delete the message, unless somebody holds it (NOT_HELD)."""

    public_id: str
    receipt: None = None


class Hasten(msgspec.Struct, frozen=True, gc=False):
    """Have it delivered now: its delay is over; if dead, it is replayed. One that is ready, leased or acked
    is left alone (NOT_HELD)."""

    public_id: str
    receipt: None = None


Settlement = Ack | Nack | Extend | Release | Kill | Remove | Hasten


class Outcome(StrEnum):
    """What became of one settlement."""

    DONE = "done"
    UNKNOWN = "unknown"
    """No such message in the queue."""
    NOT_HELD = "not_held"
    """The message is there, but not leased (any more), or under a newer receipt; nothing changed."""
    DEAD = "dead"
    """The nack was the last attempt: the message is dead now (or moved to its dead-letter queue)."""


@dataclass(slots=True, frozen=True)
class MessageView:
    """Everything there is to see about one stored message, as of the instant it was read.

    ``claimed_at``: when it was last handed out, ``consumer`` to whom, while leased. ``last_error``: what the
    last failed delivery said. ``origin``: where the message was that this one was made from, a JSON object.
    ``sweep_at``: when it is removed if nothing happens before, None: it stays; ``expires_at`` is the end of
    its life, which its settings may spare it. ``settings`` are the ones the message was published under."""

    queue_id: int
    public_id: str
    offset: int
    state: State
    body: str
    encoding: Encoding
    size: int
    tag: str
    partition_key: str
    priority: int
    metadata: str | None
    headers: str | None
    created_at: Micros
    updated_at: Micros
    deliver_at: Micros
    expires_at: Micros | None
    attempts: int
    lease_until: Micros | None
    receipt: int
    claimed_at: Micros | None
    last_error: str
    acked_at: Micros | None
    dead_at: Micros | None
    dead_reason: str
    consumer: str
    origin: str | None
    idempotency_key: str | None
    retries: int
    sweep_at: Micros | None
    settings: QueueSettings


@dataclass(slots=True, frozen=True)
class QueueStats:
    pending: int = 0
    processing: int = 0
    scheduled: int = 0
    failed: int = 0
    acked: int = 0

    @property
    def total(self) -> int:
        return self.pending + self.processing + self.scheduled + self.failed + self.acked


Ids = Sequence[str]
