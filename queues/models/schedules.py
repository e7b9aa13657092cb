"""Tasks that are made by the clock."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from accounts.models import Account
from queues.fields import InstantField


class Schedule(models.Model):
    """Makes a task at each of its due times. ``every``: microseconds, for an interval from ``begin`` on;
    NULL: ``cron`` says when. ``task``: what is made, as JSON (``queues.tasks.types.NewTask``);
    ``document``: the same in its owner's own words. ``next_run_at`` NULL: never again. ``skipped``: due times
    at which a task like it was there already."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=128)
    cron = models.CharField(max_length=256)
    timezone = models.CharField(max_length=64, default="UTC")
    every = models.BigIntegerField(null=True, blank=True)
    begin = InstantField()
    enabled = models.BooleanField(default=True)
    task = models.TextField()
    document = models.TextField()
    next_run_at = InstantField(null=True, blank=True)
    last_run_at = InstantField(null=True, blank=True)
    last_task_id = models.CharField(max_length=36, default="", blank=True)
    last_error = models.TextField(default="", blank=True)
    skipped = models.IntegerField(default=0)
    created_at = InstantField()
    updated_at = InstantField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "name"], name="schedule_name")]
        indexes = [models.Index(fields=["next_run_at"], condition=Q(enabled=True), name="schedule_due")]

    def __str__(self) -> str:
        return self.name
