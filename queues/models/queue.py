"""Queues: their settings, what they listen to, their running totals."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from accounts.models import Account
from queues.fields import InstantField

PULL_LANE = 0
"""The lane of those who ask for messages; every push destination has one of its own."""


class Queue(models.Model):
    """A named queue. ``next_offset`` is handed out under this row's lock, so offsets are dense and what is
    visible is always a prefix of the log. ``deleted_at``: gone for everybody; its rows are being removed.
    ``push_lanes``: the lanes of its open destinations, numbers with blanks between: who publishes holds the
    lock of this row anyway, so he learns without another look whom to make deliveries for. ``next_lane`` is
    the next destination's: no lane is ever used twice."""

    class Kind(models.TextChoices):
        WORKER = "worker"
        PUBSUB = "pubsub"

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="queues")
    name = models.CharField(max_length=256)
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.WORKER)
    settings = models.ForeignKey("SettingsVersion", on_delete=models.PROTECT, related_name="+")
    description = models.TextField(default="", blank=True)
    internal = models.BooleanField(default=False, db_default=False)
    """Whether it belongs to a program's own working, and not to what people look after."""
    next_offset = models.BigIntegerField(default=0)
    next_lane = models.IntegerField(default=PULL_LANE + 1)
    push_lanes = models.TextField(default="", blank=True)
    followers = models.TextField(default="", db_default="", blank=True)
    """Ids of the queues that get a copy of whatever is published here, with blanks between."""
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
