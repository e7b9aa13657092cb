"""What is kept for minutes: keys of calls that are not to be repeated, messages that nobody stores."""

from __future__ import annotations

from django.db import models

from queues.fields import InstantField
from queues.models.queue import Queue


class SeenKey(models.Model):
    """A publish to a queue that took effect under this idempotency key: until ``until`` another one is
    ignored. Kept apart from the message, which may be consumed and gone by then. ``digest``: SHA-256 of the
    key, in hexadecimal."""

    queue = models.ForeignKey(Queue, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False)
    digest = models.CharField(max_length=64)
    until = InstantField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["queue", "digest"], name="seen_key")]
        indexes = [models.Index(fields=["until"], name="seen_key_until")]


class Broadcast(models.Model):
    """A message for whoever waits at this moment, on its way to other processes. ``document``: what receivers
    are handed, as JSON (``queues.broker.broadcast``)."""

    queue = models.ForeignKey(Queue, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False)
    origin = models.CharField(max_length=96)
    document = models.TextField()
    at = InstantField()

    class Meta:
        indexes = [models.Index(fields=["at"], name="broadcast_at")]
