"""The worker's own rows, and what operators did and are doing."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from accounts.models import Account
from queues.fields import InstantField
from queues.models.queue import Queue


class Duty(models.Model):
    """Who currently does a duty that one process at a time should do. Held until ``until``."""

    name = models.CharField(max_length=64, primary_key=True)
    holder = models.CharField(max_length=64)
    until = InstantField()

    def __str__(self) -> str:
        return f"{self.name}: {self.holder}"


class WorkerBeat(models.Model):
    """A worker that is, or was, alive: it writes ``beat_at`` every few seconds. ``detail``: a JSON object,
    what it has in hand (deliveries and tasks in flight, duties held)."""

    name = models.CharField(max_length=96, primary_key=True)
    version = models.CharField(max_length=32, default="")
    started_at = InstantField()
    beat_at = InstantField()
    detail = models.TextField(default="{}")

    def __str__(self) -> str:
        return self.name


class WebBeat(models.Model):
    """A web process that is, or was, alive: it writes ``beat_at`` every few seconds, and how many receivers
    are parked in it."""

    name = models.CharField(max_length=96, primary_key=True)
    beat_at = InstantField()
    parked = models.IntegerField()

    def __str__(self) -> str:
        return self.name


class QueueSample(models.Model):
    """A queue at one instant: the totals of its counters and the levels of its states. The worker takes one
    every minute, keeps them for a day, and one an hour for longer; rates are differences between samples."""

    queue = models.ForeignKey(
        Queue, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    at = InstantField()
    span_seconds = models.IntegerField()
    published_total = models.BigIntegerField()
    received_total = models.BigIntegerField()
    acked_total = models.BigIntegerField()
    nacked_total = models.BigIntegerField()
    dead_total = models.BigIntegerField()
    expired_total = models.BigIntegerField()
    pending = models.BigIntegerField()
    processing = models.BigIntegerField()
    scheduled = models.BigIntegerField()
    dead = models.BigIntegerField()
    bytes = models.BigIntegerField()
    oldest_ready_at = InstantField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["queue", "span_seconds", "at"], name="sample_of_queue")
        ]
        indexes = [models.Index(fields=["span_seconds", "at"], name="sample_at")]


class MessageEvent(models.Model):
    """What went wrong in a message's life, or was done to it by hand: a failed delivery, a lease that ran
    out, death, replay. A message that is delivered and acked leaves none: its own row says that."""

    class Kind(models.TextChoices):
        NACKED = "nacked"
        LEASE_EXPIRED = "lease_expired"
        DEAD = "dead"
        REPLAYED = "replayed"

    queue = models.ForeignKey(Queue, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False)
    offset = models.BigIntegerField()
    at = InstantField()
    kind = models.CharField(max_length=16, choices=Kind.choices)
    attempt = models.IntegerField(default=0)
    claimed_at = InstantField(null=True, blank=True)
    consumer = models.CharField(max_length=256, default="", blank=True)
    reason = models.TextField(default="", blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["queue", "offset", "id"], name="event_of_message"),
            models.Index(fields=["at"], name="event_at"),
        ]


class AuditEntry(models.Model):
    """Somebody destroyed, replayed or changed something: who, when, what, and how many messages it met."""

    at = InstantField()
    account = models.ForeignKey(
        Account, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_constraint=False
    )
    actor = models.CharField(max_length=256)
    """``key <public part>`` or ``user <name>``."""
    action = models.CharField(max_length=64)
    target = models.CharField(max_length=512, default="", blank=True)
    """What it was done to, in words: ``queue orders``, ``key 3f9a…``."""
    detail = models.TextField(default="{}")
    """A JSON object: the filter, and what else tells one act from another."""
    count = models.BigIntegerField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["at"], name="audit_at"),
            models.Index(fields=["account", "at"], name="audit_account"),
        ]

    def __str__(self) -> str:
        return f"{self.actor}: {self.action} {self.target}"


class DeadLetterJob(models.Model):
    """A replay or purge of many dead letters, done in chunks by a worker. ``done_to`` is the offset up to
    which it is done: a job whose worker died goes on from there. ``skipped``: letters that have nowhere to
    go. ``next_at``: its rate allows no chunk before."""

    class Kind(models.TextChoices):
        REPLAY = "replay"
        PURGE = "purge"

    class State(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        CANCELLED = "cancelled"
        FAILED = "failed"

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    queue = models.ForeignKey(Queue, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    filter = models.TextField(default="{}")
    """A JSON object: ids, reason, tag, text, after, before."""
    target_queue = models.CharField(max_length=256, default="", blank=True)
    """Where replayed messages go; empty: where they were."""
    reset_attempts = models.BooleanField(default=True)
    per_second = models.FloatField(null=True, blank=True)
    expected = models.BigIntegerField(default=0)
    """-1: not counted."""
    done = models.BigIntegerField(default=0)
    skipped = models.BigIntegerField(default=0)
    until = models.BigIntegerField()
    """Messages from this offset on came later and are left alone."""
    done_to = models.BigIntegerField(default=-1)
    actor = models.CharField(max_length=256)
    error = models.TextField(default="", blank=True)
    created_at = InstantField()
    started_at = InstantField(null=True, blank=True)
    ended_at = InstantField(null=True, blank=True)
    held_by = models.CharField(max_length=96, default="", blank=True)
    held_until = InstantField(null=True, blank=True)
    next_at = InstantField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["id"], condition=Q(state__in=("waiting", "running")), name="dead_letter_job_open"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"
