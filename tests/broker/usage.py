"""What accounts use, as counted and as recounted."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, QuerySet, Sum

from accounts.models import Account
from queues.models import AccountUsage, Message, Queue
from streams.models import Stream, StreamMessage


def set_quotas(account_id: int, **quotas: int) -> None:
    Account.objects.filter(pk=account_id).update(**quotas)


def counted(account_id: int) -> tuple[int, int]:
    """Messages and bytes over all shards."""
    found = AccountUsage.objects.filter(account_id=account_id).aggregate(m=Sum("messages"), b=Sum("bytes"))
    return int(found["m"] or 0), int(found["b"] or 0)


def recounted(account_id: int) -> tuple[int, int]:
    """Messages and bytes that are there, those of deleted queues and streams included."""
    queues = Queue.objects.filter(account_id=account_id).values("id")
    streams = Stream.objects.filter(account_id=account_id).values("id")
    in_queues = _sum(Message.objects.filter(queue_id__in=queues), "id")
    in_streams = _sum(StreamMessage.objects.filter(stream_id__in=streams), "offset")
    return in_queues[0] + in_streams[0], in_queues[1] + in_streams[1]


def _sum(messages: QuerySet[Any], column: str) -> tuple[int, int]:
    found = messages.aggregate(m=Count(column), b=Sum("size"))
    return int(found["m"] or 0), int(found["b"] or 0)
