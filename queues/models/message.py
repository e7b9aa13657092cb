"""Messages, and what of them is still to be handled."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from queues.fields import InstantField
from queues.models.queue import PULL_LANE, Queue, SettingsVersion


class DeliveryState(models.IntegerChoices):
    SCHEDULED = 0
    READY = 1
    LEASED = 2
    BLOCKED = 3
    """Ready but for an earlier message of the same partition key."""


class Message(models.Model):
    """A published message, from publication until it is deleted. While a Delivery row exists, that row has
    the truth about attempts, times and receipt; the columns of the same name here are filled in when the
    message leaves its lane. ``sweep_at`` is when expiry may remove it: ``expires_at``, or NULL while the
    settings spare it. ``claimed_at``: when it was last handed out. ``last_error``: what the last failed
    delivery said of itself. ``delete_when_pushed``: done with, but for destinations that have not had it yet;
    the last of them to be done removes it. ``origin``: where the one was that this one was made from
    (dead-lettered, edited): a JSON object."""

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
    claimed_at = InstantField(null=True, blank=True)
    last_error = models.TextField(default="", db_default="", blank=True)
    idempotency_key = models.CharField(max_length=256, null=True, blank=True)
    origin = models.TextField(null=True, blank=True)
    retries = models.IntegerField(default=0, db_default=0)
    """How often its holder gave it back as a new message (``queues.broker.give_back``)."""
    late_ack_until = InstantField(null=True, blank=True)
    """Until then one ack is its former holder's."""
    acked_at = InstantField(null=True, blank=True)
    delete_when_pushed = models.BooleanField(default=False, db_default=False)
    dead_at = InstantField(null=True, blank=True)
    dead_reason = models.CharField(max_length=256, default="", blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["queue", "offset"], name="message_offset"),
            models.UniqueConstraint(fields=["queue", "public_id"], name="message_public_id"),
            models.UniqueConstraint(
                fields=["queue", "idempotency_key"],
                condition=Q(idempotency_key__isnull=False),
                name="message_idempotency",
            ),
        ]
        indexes = [
            models.Index(fields=["sweep_at"], condition=Q(sweep_at__isnull=False), name="message_sweep"),
            models.Index(fields=["queue", "offset"], condition=Q(dead_at__isnull=False), name="message_dead"),
            models.Index(fields=["queue", "offset"], condition=~Q(dead_reason=""), name="message_letter"),
            models.Index(fields=["queue", "tag", "offset"], condition=~Q(tag=""), name="message_tag"),
        ]

    def __str__(self) -> str:
        return self.public_id


class Delivery(models.Model):
    """One message to be handled in one lane. ``rank`` is minus the priority, so that one ascending index
    scan of (rank, offset) is delivery order. ``due_at``: scheduled, when it becomes ready; leased, when the
    lease ends. ``deliver_at`` is the delivery time that clients are shown; ``claimed_at`` when it was last
    handed out."""

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
    claimed_at = InstantField(null=True)

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
                # The state at its end: what is scheduled and what is leased is counted without reading a row.
                fields=["queue", "lane", "due_at", "state"],
                condition=Q(state__in=(DeliveryState.SCHEDULED, DeliveryState.LEASED)),
                name="delivery_due",
            ),
            models.Index(
                fields=["queue", "lane", "partition_key", "state", "offset"],
                condition=~Q(partition_key=""),
                name="delivery_key",
            ),
            models.Index(
                fields=["queue", "lane", "consumer", "due_at"],
                condition=Q(state=DeliveryState.LEASED) & ~Q(consumer=""),
                name="delivery_held",
            ),
        ]
