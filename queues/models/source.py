"""Public addresses that publish what is sent to them."""

from __future__ import annotations

from django.db import models

from accounts.models import Account
from queues.fields import InstantField
from queues.models.queue import Queue


class Source(models.Model):
    """An address anybody may post to who knows it, or knows its password. ``auth_header`` is the header that
    shows it, ``auth_hash`` a keyed hash of what the header must say: the value itself is not kept."""

    class Auth(models.TextChoices):
        NONE = "none"
        BASIC = "basic"
        HEADER = "header"

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    queue = models.ForeignKey(
        Queue, on_delete=models.CASCADE, related_name="sources", db_constraint=False, db_index=False
    )
    public_id = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=256)
    description = models.TextField(null=True, blank=True)
    auth = models.CharField(max_length=8, choices=Auth.choices, default=Auth.NONE)
    auth_header = models.CharField(max_length=256, default="", blank=True)
    auth_hash = models.CharField(max_length=64, default="", blank=True)
    enabled = models.BooleanField(default=True)
    request_count = models.BigIntegerField(default=0)
    success_count = models.BigIntegerField(default=0)
    failure_count = models.BigIntegerField(default=0)
    last_request_at = InstantField(null=True, blank=True)
    last_success_at = InstantField(null=True, blank=True)
    last_failure_at = InstantField(null=True, blank=True)
    last_failure_error = models.TextField(default="", blank=True)
    created_at = InstantField()
    updated_at = InstantField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["queue", "name"], name="source_name")]

    def __str__(self) -> str:
        return self.name


class SourceEvent(models.Model):
    """One request to a source; the newest of each are kept."""

    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="events", db_index=False)
    at = InstantField()
    http_status = models.IntegerField()
    """What it was answered."""
    error = models.TextField(default="", blank=True)
    """Empty when its body was published."""
    message_id = models.CharField(max_length=256, default="", blank=True)
    payload = models.TextField(null=True, blank=True)
    """The body, if it was JSON and not too long to be kept."""
    headers = models.TextField(default="{}")
    """A JSON object of strings, without secrets."""
    remote_addr = models.CharField(max_length=64, default="", blank=True)

    class Meta:
        indexes = [models.Index(fields=["source", "-id"], name="source_event_newest")]
