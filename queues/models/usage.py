"""What an account uses, and which of its consume calls are open."""

from __future__ import annotations

from django.db import models

from accounts.models import Account
from queues.fields import InstantField


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
