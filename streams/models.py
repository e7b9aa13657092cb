"""The tables of streams, and nothing else: what may happen to their rows is decided beside this module."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from accounts.models import Account
from queues.fields import InstantField


class Stream(models.Model):
    """An append-only log with one consumer (okmq.md §7).

    ``next_offset`` is handed out under this row's lock, so offsets are dense and what is visible is always a
    prefix of the log. ``committed`` is the last offset the consumer has finished, 0 = none. ``message_count``
    and ``bytes`` equal a recount at any time: whoever adds or removes messages holds the lock.
    ``deleted_at``: gone for everybody; its rows are being removed.
    """

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="streams")
    name = models.CharField(max_length=256)
    auto_delete = models.BooleanField(default=False)
    ttl_seconds = models.IntegerField(default=0, help_text="Life of a message; 0 = for ever.")
    committed = models.BigIntegerField(default=0)
    next_offset = models.BigIntegerField(default=1)
    message_count = models.BigIntegerField(default=0)
    bytes = models.BigIntegerField(default=0)
    created_at = InstantField()
    updated_at = InstantField()
    deleted_at = InstantField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "name"],
                condition=Q(deleted_at__isnull=True),
                name="stream_name_in_account",
            )
        ]
        indexes = [
            models.Index(fields=["id"], condition=Q(deleted_at__isnull=False), name="stream_deleted"),
        ]

    def __str__(self) -> str:
        return self.name


class StreamMessage(models.Model):
    """A produced message, written once. ``auto_delete`` and ``expires_at`` are what the stream's settings
    said then. ``size`` stands before ``body``, so that adding sizes up does not read bodies."""

    pk = models.CompositePrimaryKey("stream_id", "offset")
    stream = models.ForeignKey(Stream, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False)
    offset = models.BigIntegerField()
    public_id = models.CharField(max_length=256)
    size = models.IntegerField()
    encoding = models.SmallIntegerField()
    auto_delete = models.BooleanField()
    created_at = InstantField()
    expires_at = InstantField(null=True, blank=True)
    body = models.TextField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["stream", "public_id"], name="stream_message_public_id"),
        ]
        indexes = [
            models.Index(
                fields=["expires_at"], condition=Q(expires_at__isnull=False), name="stream_message_expiry"
            ),
            models.Index(
                fields=["stream", "offset"], condition=Q(auto_delete=True), name="stream_message_auto_delete"
            ),
        ]

    def __str__(self) -> str:
        return self.public_id
