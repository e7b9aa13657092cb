"""Pushing messages to HTTP destinations."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from accounts.models import Account
from queues.fields import InstantField
from queues.models.queue import Queue


class Destination(models.Model):
    """Where a queue's messages are sent to. It has a lane of its own among the queue's deliveries, so a
    destination that fails holds up nobody else. ``parked_at``: failed so often in a row that it is only
    probed, from ``probe_at`` on, until it answers again."""

    class Kind(models.TextChoices):
        HTTP = "http"
        URL = "url"
        WEBHOOK = "webhook"
        QUEUE = "queue"
        SANDBOX = "sandbox"
        EMAIL = "email"

    class Form(models.TextChoices):
        """What is sent as the body."""

        MESSAGE = "message"
        """The message as a JSON object, with its id, offset and metadata."""
        PAYLOAD = "payload"
        """The payload's bytes alone."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    queue = models.ForeignKey(
        Queue, on_delete=models.CASCADE, related_name="destinations", db_constraint=False, db_index=False
    )
    public_id = models.CharField(max_length=64, unique=True)
    lane = models.IntegerField()
    name = models.CharField(max_length=256)
    description = models.TextField(null=True, blank=True)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    form = models.CharField(max_length=8, choices=Form.choices, default=Form.MESSAGE)
    target = models.TextField()
    """URL, queue id, sandbox id or e-mail address, as ``kind`` has it."""
    target_digest = models.CharField(max_length=64)
    """SHA-256 of the target: an index cannot hold a long URL."""
    config = models.TextField(default="{}")
    """A JSON object without secrets: method, headers, timeout_ms, retry_policy, ..."""
    secret = models.TextField(default="", blank=True)
    """The signing secret, encrypted (``queues.push.secrets``)."""
    old_secret = models.TextField(default="", blank=True)
    old_secret_until = InstantField(null=True, blank=True)
    enabled = models.BooleanField(default=True)
    disabled_reason = models.CharField(max_length=256, default="", blank=True)
    failures_in_row = models.IntegerField(default=0)
    parked_at = InstantField(null=True, blank=True)
    probe_at = InstantField(null=True, blank=True)
    success_count = models.BigIntegerField(default=0)
    failure_count = models.BigIntegerField(default=0)
    last_success_at = InstantField(null=True, blank=True)
    last_failure_at = InstantField(null=True, blank=True)
    last_failure_error = models.TextField(default="", blank=True)
    created_at = InstantField()
    updated_at = InstantField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["queue", "lane"], name="destination_lane"),
            models.UniqueConstraint(fields=["queue", "kind", "target_digest"], name="destination_once"),
        ]

    def __str__(self) -> str:
        return self.name


class ClosedLane(models.Model):
    """A lane whose destination is disabled or deleted: its deliveries are being removed, chunk by chunk."""

    queue = models.ForeignKey(
        Queue, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    lane = models.IntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["queue", "lane"], name="closed_lane")]


class DeliveryLog(models.Model):
    """One attempt to push one message."""

    class Status(models.TextChoices):
        SUCCESS = "success"
        FAILED = "failed"
        PENDING = "pending"

    destination = models.ForeignKey(
        Destination, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    queue = models.ForeignKey(Queue, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False)
    offset = models.BigIntegerField()
    message_id = models.CharField(max_length=256)
    attempt = models.IntegerField()
    status = models.CharField(max_length=8, choices=Status.choices)
    http_status = models.IntegerField(null=True, blank=True)
    error = models.TextField(default="", blank=True)
    duration_ms = models.IntegerField(default=0)
    request_headers = models.TextField(default="{}")
    """A JSON object of strings, without secrets."""
    response_headers = models.TextField(default="{}")
    response_body = models.TextField(default="", blank=True)
    """The beginning of it."""
    at = InstantField()

    class Meta:
        indexes = [
            models.Index(fields=["destination", "-id"], name="delivery_log_newest"),
            models.Index(
                fields=["destination", "-id"], condition=~Q(status="success"), name="delivery_log_failed"
            ),
            models.Index(fields=["queue", "offset"], name="delivery_log_message"),
            models.Index(fields=["at"], name="delivery_log_at"),
        ]
