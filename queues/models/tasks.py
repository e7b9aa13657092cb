"""Tasks: messages that somebody works on and reports about. What of them no message has."""

from __future__ import annotations

from django.db import models

from accounts.models import Account
from queues.fields import InstantField


class TaskType(models.Model):
    """A type of task that workers elsewhere take on. Those with a handler in this code need no row."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=128)
    created_at = InstantField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "name"], name="task_type_name")]

    def __str__(self) -> str:
        return self.name


class Task(models.Model):
    """What a message that is a task has beside. It lives as long as the message and is changed only under
    the message's lock (``queues.tasks.journal``). ``status``: how it ended, "" while it has not.
    ``retried``: failures that were followed by another attempt. ``last_position``, ``percentage`` and
    ``entries``: of its progress. ``unique_key``: the lock it took."""

    class Status(models.TextChoices):
        COMPLETED = "completed"
        FAILED = "failed"
        CANCELLED = "cancelled"

    pk = models.CompositePrimaryKey("queue_id", "offset")
    queue_id = models.BigIntegerField()
    offset = models.BigIntegerField()
    public_id = models.CharField(max_length=36, unique=True)
    account_id = models.BigIntegerField()
    type = models.CharField(max_length=128)
    max_retry = models.IntegerField()
    timeout = models.BigIntegerField(help_text="Microseconds an attempt may take.")
    lease = models.BigIntegerField(help_text="Microseconds its worker asked for.")
    retried = models.IntegerField(default=0)
    status = models.CharField(max_length=10, default="", blank=True, choices=Status.choices)
    percentage = models.SmallIntegerField(default=0)
    entries = models.IntegerField(default=0)
    last_position = models.BigIntegerField(default=0)
    unique_key = models.CharField(max_length=64, default="", blank=True)
    result = models.TextField(null=True, blank=True)

    def __str__(self) -> str:
        return self.public_id


class TaskEntry(models.Model):
    """One report of progress. ``position`` is milliseconds since 1970, shifted by twenty bits, and in these a
    sequence number: it rises strictly within a task. ``status`` only in the final entry."""

    pk = models.CompositePrimaryKey("queue_id", "offset", "position")
    queue_id = models.BigIntegerField()
    offset = models.BigIntegerField()
    position = models.BigIntegerField()
    percentage = models.SmallIntegerField()
    stage = models.TextField()
    message = models.TextField()
    metadata = models.TextField(null=True)
    status = models.CharField(max_length=10, default="")


class TaskLock(models.Model):
    """A task that keeps others like it out until ``until``. ``key`` is a digest of account, queue, type and
    payload."""

    key = models.CharField(max_length=64, primary_key=True)
    task = models.CharField(max_length=36)
    until = InstantField(db_index=True)

    def __str__(self) -> str:
        return self.key[:12]
