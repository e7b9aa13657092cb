"""The tables, and nothing else: what may happen to their rows is decided in ``queues.broker``.

``Message`` is the durable record, written once. ``Delivery`` is the hot row, one for each message still to
be handled, deleted when done, so that the table a claim reads stays as small as the backlog.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from accounts.models import Account
from queues.fields import InstantField

PULL_LANE = 0
"""The lane of those who ask for messages; every push destination has one of its own."""


class DeliveryState(models.IntegerChoices):
    SCHEDULED = 0
    READY = 1
    LEASED = 2
    BLOCKED = 3
    """Ready but for an earlier message of the same partition key."""


class Queue(models.Model):
    """A named queue. ``next_offset`` is handed out under this row's lock, so offsets are dense and what is
    visible is always a prefix of the log. ``deleted_at``: gone for everybody; its rows are being removed."""

    class Kind(models.TextChoices):
        WORKER = "worker"
        PUBSUB = "pubsub"

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="queues")
    name = models.CharField(max_length=256)
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.WORKER)
    settings = models.ForeignKey("SettingsVersion", on_delete=models.PROTECT, related_name="+")
    next_offset = models.BigIntegerField(default=0)
    created_at = InstantField()
    updated_at = InstantField()
    paused_at = InstantField(null=True, blank=True)
    deleted_at = InstantField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "name"],
                condition=Q(deleted_at__isnull=True),
                name="queue_name_in_account",
            )
        ]
        indexes = [
            models.Index(fields=["id"], condition=Q(deleted_at__isnull=False), name="queue_deleted"),
        ]

    def __str__(self) -> str:
        return self.name


class SettingsVersion(models.Model):
    """One immutable state of a queue's settings (``queues.broker.types.QueueSettings`` as JSON).

    A message points at the version it was published under: that is how "settings apply to new messages
    only" costs eight bytes a message. ``digest`` lets equal settings share a row.
    """

    digest = models.CharField(max_length=64, unique=True)
    document = models.TextField()
    created_at = InstantField()

    def __str__(self) -> str:
        return self.digest[:12]


class Subscription(models.Model):
    """A queue listens to a topic of its account."""

    queue = models.ForeignKey(Queue, on_delete=models.CASCADE, related_name="subscriptions")
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    topic = models.CharField(max_length=256)
    position = models.PositiveSmallIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["queue", "topic"], name="subscription_once")]
        indexes = [models.Index(fields=["account", "topic"], name="subscription_topic")]

    def __str__(self) -> str:
        return self.topic


class Message(models.Model):
    """A published message, from publication until it is deleted. While a Delivery row exists, that row has
    the truth about attempts, times and receipt; the columns of the same name here are filled in when the
    message leaves its lane. ``sweep_at`` is when expiry may remove it: ``expires_at``, or NULL while the
    settings spare it."""

    queue = models.ForeignKey(Queue, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False)
    offset = models.BigIntegerField()
    public_id = models.CharField(max_length=256)
    settings = models.ForeignKey(
        SettingsVersion, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False
    )
    body = models.TextField()
    encoding = models.SmallIntegerField()
    size = models.IntegerField()
    tag = models.CharField(max_length=256, default="", blank=True)
    partition_key = models.CharField(max_length=256, default="", blank=True)
    priority = models.SmallIntegerField(default=0)
    metadata = models.TextField(null=True, blank=True)
    headers = models.TextField(null=True, blank=True)
    created_at = InstantField()
    updated_at = InstantField()
    deliver_at = InstantField()
    expires_at = InstantField(null=True, blank=True)
    sweep_at = InstantField(null=True, blank=True)
    attempts = models.IntegerField(default=0)
    receipt = models.BigIntegerField(default=0)
    acked_at = InstantField(null=True, blank=True)
    dead_at = InstantField(null=True, blank=True)
    dead_reason = models.CharField(max_length=256, default="", blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["queue", "offset"], name="message_offset"),
            models.UniqueConstraint(fields=["queue", "public_id"], name="message_public_id"),
        ]
        indexes = [
            models.Index(fields=["sweep_at"], condition=Q(sweep_at__isnull=False), name="message_sweep"),
            models.Index(fields=["queue", "offset"], condition=Q(dead_at__isnull=False), name="message_dead"),
            models.Index(fields=["queue", "tag", "offset"], condition=~Q(tag=""), name="message_tag"),
        ]

    def __str__(self) -> str:
        return self.public_id


class Delivery(models.Model):
    """One message to be handled in one lane. ``rank`` is minus the priority, so that one ascending index
    scan of (rank, offset) is delivery order. ``due_at``: scheduled, when it becomes ready; leased, when the
    lease ends. ``deliver_at`` is the delivery time that clients are shown."""

    pk = models.CompositePrimaryKey("queue_id", "lane", "offset")
    queue = models.ForeignKey(Queue, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False)
    lane = models.IntegerField(default=PULL_LANE)
    offset = models.BigIntegerField()
    state = models.SmallIntegerField(choices=DeliveryState.choices)
    rank = models.SmallIntegerField(default=0)
    tag = models.CharField(max_length=256, default="")
    partition_key = models.CharField(max_length=256, default="")
    deliver_at = InstantField()
    due_at = InstantField()
    sweep_at = InstantField(null=True)
    updated_at = InstantField()
    attempts = models.IntegerField(default=0)
    max_attempts = models.IntegerField()
    receipt = models.BigIntegerField(default=0)
    consumer = models.CharField(max_length=256, default="")

    class Meta:
        indexes = [
            models.Index(
                fields=["queue", "lane", "rank", "offset"],
                condition=Q(state=DeliveryState.READY),
                name="delivery_ready",
            ),
            models.Index(
                fields=["queue", "lane", "tag", "rank", "offset"],
                condition=Q(state=DeliveryState.READY) & ~Q(tag=""),
                name="delivery_ready_tag",
            ),
            models.Index(
                fields=["queue", "lane", "due_at"],
                condition=Q(state__in=(DeliveryState.SCHEDULED, DeliveryState.LEASED)),
                name="delivery_due",
            ),
            models.Index(
                fields=["queue", "lane", "partition_key", "state", "offset"],
                condition=~Q(partition_key=""),
                name="delivery_key",
            ),
        ]


class QueueCounter(models.Model):
    """Running totals of a queue, kept in the same transactions as the changes they count. Each database
    thread has a ``shard`` of its own, so that counting never makes two of them wait for one row; a queue's
    figure is the sum over its shards. The first four go up and down, the rest only up."""

    queue = models.ForeignKey(Queue, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False)
    shard = models.SmallIntegerField()
    messages = models.BigIntegerField(default=0)
    bytes = models.BigIntegerField(default=0)
    acked = models.BigIntegerField(default=0)
    dead = models.BigIntegerField(default=0)
    published_total = models.BigIntegerField(default=0)
    received_total = models.BigIntegerField(default=0)
    acked_total = models.BigIntegerField(default=0)
    nacked_total = models.BigIntegerField(default=0)
    dead_total = models.BigIntegerField(default=0)
    expired_total = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["queue", "shard"], name="counter_shard")]


class AccountUsage(models.Model):
    """What an account stores in all its queues and streams, kept like QueueCounter: in the transactions that
    store and remove, a ``shard`` for each database thread, the account's figure being the sum. Equals a
    recount of all messages at any time. ``peak_bytes``: the most the account held when this thread added
    to it; the largest of all shards counts."""

    account = models.ForeignKey(
        Account, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    shard = models.SmallIntegerField()
    messages = models.BigIntegerField(default=0)
    bytes = models.BigIntegerField(default=0)
    peak_bytes = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "shard"], name="usage_shard")]


class ConsumeCalls(models.Model):
    """How many consume calls of an account a process may have open. Free again after ``until``: a process
    that was killed renews nothing. See ``queues.broker.concurrency``."""

    account = models.ForeignKey(
        Account, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    holder = models.CharField(max_length=96)
    calls = models.IntegerField()
    until = InstantField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "holder"], name="calls_of_process")]


class Duty(models.Model):
    """Who currently does a duty that one process at a time should do. Held until ``until``."""

    name = models.CharField(max_length=64, primary_key=True)
    holder = models.CharField(max_length=64)
    until = InstantField()

    def __str__(self) -> str:
        return f"{self.name}: {self.holder}"
